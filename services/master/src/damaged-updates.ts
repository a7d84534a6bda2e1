// Owns which stored updates of agents a leader found damaged in its term: it tells agents with every watermark, and they
// write them again. Bounded: the newest of each principal are remembered.
import { MAX_DAMAGED_UPDATES } from '@parley/protocol/broadcasts';
import type { PrincipalName } from '@parley/protocol/ids';

type OfStream = { readonly createdMs: number; readonly sequences: number[] };

export class DamagedUpdates {
  readonly #streams = new Map<PrincipalName, OfStream>();

  /** `createdMs`: of the stream that holds it. */
  add(principal: PrincipalName, createdMs: number, sequence: number): void {
    const known = this.#streams.get(principal);
    const before = known?.createdMs === createdMs ? known.sequences : [];
    const sequences = [...before.filter((one) => one !== sequence), sequence];
    this.#streams.set(principal, { createdMs, sequences: sequences.slice(-MAX_DAMAGED_UPDATES) });
  }

  /** Undefined where there are none. `createdMs`: likewise. */
  of(principal: PrincipalName, createdMs: number): readonly number[] | undefined {
    const known = this.#streams.get(principal);
    return known?.createdMs === createdMs ? known.sequences : undefined;
  }
}
