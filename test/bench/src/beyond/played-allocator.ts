// Owns the leading allocator of a cluster in virtual time: the real one, which hears facts as bytes and answers with bytes.
import { Allocator, type AllocatorEffect } from '@parley/allocation/allocator';
import { decodeMessage, encodeMessage, type Outgoing } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CLUSTER, EPOCH, type Part } from './played-leader.ts';
import type { Stopwatch } from './stopwatch.ts';

/** One run's turns of agents, and more: an allocator that is always due is a defect. */
const MAX_TICKS = 10_000;

export class PlayedAllocator {
  readonly #allocator = new Allocator({ seed: 1 });
  readonly #watch: Stopwatch<Part>;

  constructor(watch: Stopwatch<Part>) {
    this.#watch = watch;
  }

  get isInStep(): boolean {
    return this.#allocator.isInStep;
  }

  /** Asks for everything that the master knows. */
  start(nowMs: number): Outgoing[] {
    return this.#allocator.started(EPOCH, nowMs).map(encoded);
  }

  /** Facts, then whatever is due. */
  hear(messages: readonly Outgoing[], nowMs: number): Outgoing[] {
    return this.#watch.run('allocator', () => {
      const effects: AllocatorEffect[] = [];
      for (const { subject, bytes } of messages) {
        const message = decodeMessage(SUBJECTS.facts, CLUSTER, subject, bytes);
        if (!message.ok) throw new Error(message.failure.message);
        const { body, epoch } = message.value;
        effects.push(...this.#allocator.facts(body, nowMs, epoch));
      }
      for (let tick = 0; (this.#allocator.nextWakeMs() ?? nowMs + 1) <= nowMs; tick += 1) {
        if (tick > MAX_TICKS) throw new Error('the allocator is always due');
        effects.push(...this.#allocator.tick(nowMs));
      }
      return effects.map(encoded);
    });
  }
}

function encoded(effect: AllocatorEffect): Outgoing {
  switch (effect.kind) {
    case 'propose': {
      const { proposals } = effect;
      return encodeMessage(SUBJECTS.proposals, CLUSTER, {}, { proposals }, { epoch: EPOCH });
    }
    case 'requestSnapshot':
      return encodeMessage(SUBJECTS.factsSnapshot, CLUSTER, {}, {}, { epoch: EPOCH });
    default:
      throw new Error(`nothing is to be taken back here: ${effect.kind}`);
  }
}
