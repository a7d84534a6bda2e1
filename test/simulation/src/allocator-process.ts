// Owns a simulated allocator: the real allocation on a process that forgets everything when it crashes.
import { Allocator, type AllocatorEffect } from '@parley/allocation/allocator';
import type { Epoch } from '@parley/protocol/epoch';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';
import type { Delivered } from './simulated-bus.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

export class AllocatorProcess extends SimulatedProcess {
  #allocator: Allocator | undefined;
  /** Its lease's revision: a new one with each start. */
  #epoch: Epoch = { bucketCreatedMs: 1, revision: 0 };

  constructor(world: World) {
    super(world, 'allocator');
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
    this.#carryOut(this.#allocator.candidates(message.value.body, this.nowMs));
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
      const { revocations } = effect;
      return encodeMessage(SUBJECTS.revocations, cluster, {}, { revocations }, header);
    }
    case 'requestSnapshot':
      return encodeMessage(SUBJECTS.factsSnapshot, cluster, {}, {}, header);
    default:
      return unreachable(effect);
  }
}
