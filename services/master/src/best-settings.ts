// Owns which of what is known of an operator's settings goes into new books: what is kept beside the books, what the last
// good books say, or what this master held in memory. The newest wins, and nothing is put together from several.
import type { Replica } from '@parley/actor/replica';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input, KeptSetting } from '@parley/cluster/inputs';
import { keptRecords, keptThings } from '@parley/cluster/kept-settings';
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';
import type { KeptParts } from './settings-store.ts';

type MasterReplica = Replica<ClusterState, Input, Effect>;

/** An entry of the journal. Numbers of entries begin anew with the journal's stream; terms do not. */
export type BooksMoment = { readonly epoch: Epoch; readonly sequence: number };

export type BestSettings = {
  readonly from: 'bucket' | 'books' | 'memory';
  readonly items: readonly KeptSetting[];
  readonly asOf: BooksMoment | undefined;
};

/** What a master held last of whole books, over all its terms and the times that it stands by. */
export class HeldBooks {
  #replica: MasterReplica | undefined;

  /** It is stepped on by whoever holds it: called after each entry, and whenever there is another one. */
  remember(replica: MasterReplica | undefined): void {
    if (replica === undefined || replica === this.#replica || !isWhole(replica)) return;
    if (this.#replica === undefined || compareMoments(replica, this.#replica) >= 0) {
      this.#replica = replica;
    }
  }

  /** It is not what the leader's is. */
  forget(): void {
    this.#replica = undefined;
  }

  get whole(): MasterReplica | undefined {
    return this.#replica !== undefined && isWhole(this.#replica) ? this.#replica : undefined;
  }
}

/** `last`: what could still be read of the books. `held`: what this master has in memory, if it is whole. */
export function bestSettings(
  bucket: KeptParts,
  last: MasterReplica | undefined,
  held: MasterReplica | undefined,
): BestSettings {
  let best: BestSettings = { from: 'bucket', items: bucket.items, asOf: bucket.newest };
  for (const [from, replica] of [
    ['books', last],
    ['memory', held],
  ] as const) {
    if (replica === undefined || !isWhole(replica)) continue;
    const { epoch, sequence } = replica;
    if (best.asOf !== undefined && !isAsNew(replica, best.asOf)) continue;
    best = { from, items: allKept(replica.state), asOf: { epoch, sequence } };
  }
  return best;
}

/** Whole books are all that there was then; what a part in the bucket is of is part of it, if it is no later. */
const isAsNew = (books: BooksMoment, other: BooksMoment): boolean =>
  compareMoments(books, other) >= 0;

function compareMoments(a: BooksMoment, b: BooksMoment): number {
  const order = compareEpochs(a.epoch, b.epoch);
  return order === 0 ? a.sequence - b.sequence : order;
}

/** The later of two; undefined: there is none. */
export function laterMoment(a: BooksMoment | undefined, b: BooksMoment): BooksMoment {
  return a === undefined || compareMoments(a, b) < 0 ? b : a;
}

/** Somebody has led with it, and where it was made anew all that was kept was put back. */
const isWhole = ({ isBroken, state }: MasterReplica): boolean =>
  !isBroken && state.record.masterId !== undefined && state.record.rebuilt?.isRestored !== false;

const allKept = (state: ClusterState): KeptSetting[] =>
  [...keptThings(state)].flatMap((thing) => keptRecords(state, thing));
