// Owns a simulated allocator: the real allocation on a process that forgets everything when it crashes.
import { Allocator, type AllocatorEffect } from '@parley/allocation/allocator';
import type { Epoch } from '@parley/protocol/epoch';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import type {
  CandidatesAnswer,
  CandidatesQuestion,
  Revocation,
  Sharer,
} from '@parley/protocol/revocations';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';
import { normalise } from '@parley/resources/resources';
import type { Random } from './random.ts';
import type { Delivered } from './simulated-bus.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** What a wrong allocator would do: it wants tasks back for whomever, as often as that, until then. */
export type Whims = {
  readonly sharers: readonly Sharer[];
  readonly perMinute: number;
  readonly untilMs: number;
};

/** Numbers of questions that allocation never asks. */
const WHIM = 1_000_000_000;

export class AllocatorProcess extends SimulatedProcess {
  readonly #whims: Whims | undefined;
  readonly #dice: Random;
  #allocator: Allocator | undefined;
  #whimFor: Sharer | undefined;
  #last: Revocation | undefined;
  /** Its lease's revision: a new one with each start. */
  #epoch: Epoch = { bucketCreatedMs: 1, revision: 0 };

  /** Without whims it asks for nothing back but what allocation asks for. */
  constructor(world: World, whims?: Whims) {
    super(world, 'allocator');
    this.#whims = whims;
    this.#dice = world.random.derive('whims of the allocator');
  }

  /** Whether it knows all that the leader has said. */
  get isInStep(): boolean {
    return this.#allocator?.isInStep === true;
  }

  protected started(): void {
    this.#epoch = { bucketCreatedMs: 1, revision: this.incarnation };
    this.#allocator = new Allocator({ seed: this.random.between(1, 2 ** 31) });
    this.subscribe(wildcardOf(SUBJECTS.facts, this.world.cluster), (message) =>
      this.#facts(message),
    );
    this.subscribe(wildcardOf(SUBJECTS.candidates, this.world.cluster), (message) =>
      this.#candidates(message),
    );
    this.#carryOut(this.#allocator.started(this.#epoch, this.nowMs));
    this.#planWhim();
  }

  protected crashed(): void {
    this.#allocator = undefined;
  }

  protected tick(): void {
    if (this.#allocator) this.#carryOut(this.#allocator.tick(this.nowMs));
  }

  #facts({ subject, bytes }: Delivered): void {
    const message = decodeMessage(SUBJECTS.facts, this.world.cluster, subject, bytes);
    if (!message.ok || this.#allocator === undefined) return;
    const { body, epoch } = message.value;
    this.#carryOut(this.#allocator.facts(body, this.nowMs, epoch));
    this.#allocator.checkInvariants();
  }

  #candidates({ subject, bytes }: Delivered): void {
    const message = decodeMessage(SUBJECTS.candidates, this.world.cluster, subject, bytes);
    if (!message.ok || this.#allocator === undefined) return;
    const { body } = message.value;
    if (body.question >= WHIM) this.#takeBack(body);
    else this.#carryOut(this.#allocator.candidates(body, this.nowMs));
  }

  #planWhim(): void {
    if (this.#whims === undefined || this.#whims.perMinute === 0) return;
    const { sharers, perMinute, untilMs } = this.#whims;
    this.after(this.#dice.between(0, 120_000 / perMinute), () => {
      if (this.world.clock.nowMs > untilMs) return;
      const beneficiary = this.#dice.pick(sharers);
      this.#whimFor = beneficiary;
      this.#carryOut([{ kind: 'askCandidates', question: this.#whim(sharers, beneficiary) }]);
      this.#planWhim();
    });
  }

  #whim(sharers: readonly Sharer[], beneficiary: Sharer): CandidatesQuestion {
    const resources = normalise({ scalars: { cpus: this.#dice.between(1, 2000) } });
    return {
      question: WHIM,
      holders: sharers.map((sharer) => ({ ...sharer, spare: {} })),
      beneficiary,
      needs: [{ resources, constraints: [] }],
      mayUseFree: false,
      limit: 10,
    };
  }

  /** One of them, and now and then one that was asked for before; that one it may not need after all. */
  #takeBack({ tasks }: CandidatesAnswer): void {
    const beneficiary = this.#whimFor;
    if (beneficiary === undefined || tasks.length === 0) return;
    const again = this.#dice.chance(0.2) ? this.#last : undefined;
    const { task, agentId } = again ?? this.#dice.pick(tasks);
    const revocation: Revocation = { task, agentId, beneficiary, reason: 'starved' };
    const calledOff = this.#last !== undefined && this.#dice.chance(0.2) ? [this.#last.task] : [];
    this.#last = revocation;
    this.#carryOut([{ kind: 'revoke', revocations: [revocation], calledOff }]);
  }

  #carryOut(effects: readonly AllocatorEffect[]): void {
    const { cluster } = this.world;
    const header = { epoch: this.#epoch };
    for (const effect of effects) {
      const { subject, bytes } = encodeEffect(effect, cluster, header);
      this.publish(subject, bytes);
    }
    this.wakeAt(this.#allocator?.nextWakeMs());
  }
}

function encodeEffect(
  effect: AllocatorEffect,
  cluster: ClusterName,
  header: { readonly epoch: Epoch },
): { subject: string; bytes: Uint8Array } {
  switch (effect.kind) {
    case 'propose': {
      const { proposals } = effect;
      return encodeMessage(SUBJECTS.proposals, cluster, {}, { proposals }, header);
    }
    case 'askCandidates':
      return encodeMessage(SUBJECTS.candidatesWanted, cluster, {}, effect.question, header);
    case 'revoke': {
      const { revocations, calledOff } = effect;
      return encodeMessage(SUBJECTS.revocations, cluster, {}, { revocations, calledOff }, header);
    }
    case 'requestSnapshot':
      return encodeMessage(SUBJECTS.factsSnapshot, cluster, {}, {}, header);
    default:
      return unreachable(effect);
  }
}
