// Owns which stored updates a leader found damaged in its term: it tells agents with every watermark, and they write them
// again. Bounded: the newest of each principal are remembered.
import { MAX_DAMAGED_UPDATES } from '@parley/protocol/broadcasts';
import type { PrincipalName } from '@parley/protocol/ids';
import type { PassedOver } from './update-batch.ts';

const DAMAGED_UPDATE =
  'a stored update is damaged: its agent is told to write it again. If this comes again, look at the disks of the NATS servers';

type OfStream = { readonly createdMs: number; readonly sequences: number[] };

export class DamagedUpdates {
  readonly #streams = new Map<PrincipalName, OfStream>();

  /** What is to be said of it. `createdMs`: of the stream that holds it. */
  passedOver(
    principal: PrincipalName,
    createdMs: number,
    { streamSequence, isDamaged }: PassedOver,
  ): { readonly level: 'warn' | 'error'; readonly message: string } {
    if (!isDamaged) return { level: 'warn', message: 'an update was passed over' };
    this.add(principal, createdMs, streamSequence);
    return { level: 'error', message: DAMAGED_UPDATE };
  }

  /** `createdMs`: likewise. */
  add(principal: PrincipalName, createdMs: number, sequence: number): void {
    const known = this.#streams.get(principal);
    const before = known?.createdMs === createdMs ? known.sequences : [];
    const sequences = [...before.filter((one) => one !== sequence), sequence];
    this.#streams.set(principal, { createdMs, sequences: sequences.slice(-MAX_DAMAGED_UPDATES) });
  }

  /** Undefined where there are none. */
  of(principal: PrincipalName, createdMs: number): readonly number[] | undefined {
    const known = this.#streams.get(principal);
    return known?.createdMs === createdMs ? known.sequences : undefined;
  }
}
