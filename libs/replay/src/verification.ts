// Owns the proof that the past is as it was: everything is stepped again from the first entry that is kept, and at each
// snapshot the state must have the snapshot's hash. Of the first difference it says where, and in which records.
import type { SnapshotItem } from '@parley/actor/core';
import type { Skipped } from '@parley/actor/replica';
import { canonical } from '@parley/cluster/canonical-hash';
import type { ClusterState } from '@parley/cluster/cluster-state';
import { type Outcome, succeed } from '@parley/protocol/errors';
import { ReplayCursor } from './cursor.ts';
import { keptEntries, type ReplaySource, snapshotAt } from './replay-source.ts';

/** Differing records that are named. */
const MAX_NAMED = 10;
const ITEMS_AT_A_TIME = 1000;

export type SnapshotVerdict = {
  readonly sequence: number;
  /** `damaged`: a part is missing or is not what it was when it was written. */
  readonly verdict: 'equal' | 'different' | 'damaged';
};

export type DifferingRecord = {
  readonly table: string;
  readonly key: string;
  /** Undefined: it is not there. */
  readonly replayed: unknown;
  readonly inSnapshot: unknown;
};

export type Verification = {
  readonly fromSequence: number;
  readonly toSequence: number;
  readonly entries: number;
  readonly inputs: number;
  readonly snapshots: readonly SnapshotVerdict[];
  /** Inputs that every master left out. */
  readonly skipped: readonly Pick<Skipped, 'sequence' | 'index' | 'why'>[];
  /** The first difference; what comes after it was not looked at. */
  readonly difference:
    | {
        readonly sequence: number;
        /** The last moment that was equal: the begin, or a snapshot. */
        readonly lastEqual: number;
        readonly records: readonly DifferingRecord[];
        readonly moreRecords: number;
      }
    | undefined;
};

/** Fails with `unavailable`, `unknownMoment` or `internalError`, as the source does. */
export async function verify(source: ReplaySource): Promise<Outcome<Verification>> {
  const kept = await keptEntries(source);
  if (!kept.ok) return kept;
  const listed = await source.snapshots.list();
  if (!listed.ok) return listed;
  const { startSequence, last } = kept.value;
  const cursor = await ReplayCursor.open(source, startSequence);
  if (!cursor.ok) return cursor;
  const run = new VerificationRun(source, cursor.value, startSequence);
  const sequences = new Set(listed.value.toReversed().map(({ sequence }) => sequence));
  for (const sequence of sequences) {
    if (sequence <= startSequence || sequence > last.sequence) continue;
    const outcome = await run.compareAt(sequence);
    if (!outcome.ok) return outcome;
    if (run.isOver) return succeed(run.result());
  }
  const rest = await run.advance(last.sequence);
  return rest.ok ? succeed(run.result()) : rest;
}

class VerificationRun {
  readonly #source: ReplaySource;
  readonly #cursor: ReplayCursor;
  readonly #startSequence: number;
  readonly #snapshots: SnapshotVerdict[] = [];
  readonly #skipped: Pick<Skipped, 'sequence' | 'index' | 'why'>[] = [];
  #lastEqual: number;
  #inputs = 0;
  #difference: Verification['difference'];

  constructor(source: ReplaySource, cursor: ReplayCursor, startSequence: number) {
    this.#source = source;
    this.#cursor = cursor;
    this.#startSequence = startSequence;
    this.#lastEqual = startSequence;
  }

  get isOver(): boolean {
    return this.#difference !== undefined;
  }

  advance(upTo: number): Promise<Outcome<undefined>> {
    return this.#cursor.advance(upTo, ({ inputs, skipped }) => {
      this.#inputs += inputs.length;
      for (const { sequence, index, why } of skipped) this.#skipped.push({ sequence, index, why });
      return true;
    });
  }

  async compareAt(sequence: number): Promise<Outcome<undefined>> {
    const advanced = await this.advance(sequence);
    if (!advanced.ok) return advanced;
    const snapshot = await snapshotAt(this.#source, sequence);
    if (!snapshot.ok) return snapshot;
    if (snapshot.value === undefined) {
      this.#snapshots.push({ sequence, verdict: 'damaged' });
      return succeed(undefined);
    }
    const { replica } = this.#cursor;
    if (snapshot.value.hash() === replica.hash()) {
      this.#snapshots.push({ sequence, verdict: 'equal' });
      this.#lastEqual = sequence;
      return succeed(undefined);
    }
    this.#snapshots.push({ sequence, verdict: 'different' });
    const records = differingRecords(this.#source, replica.state, snapshot.value.state);
    this.#difference = {
      ...{ sequence, lastEqual: this.#lastEqual },
      records: records.slice(0, MAX_NAMED),
      moreRecords: Math.max(0, records.length - MAX_NAMED),
    };
    return succeed(undefined);
  }

  result(): Verification {
    const toSequence = this.#cursor.sequence;
    return {
      ...{ fromSequence: this.#startSequence + 1, toSequence },
      ...{ entries: toSequence - this.#startSequence, inputs: this.#inputs },
      ...{ snapshots: this.#snapshots, skipped: this.#skipped, difference: this.#difference },
    };
  }
}

function differingRecords(
  { core }: ReplaySource,
  replayed: ClusterState,
  inSnapshot: ClusterState,
): DifferingRecord[] {
  const ours = itemsOf(core.snapshot(replayed));
  const theirs = itemsOf(core.snapshot(inSnapshot));
  const names = [...new Set([...ours.keys(), ...theirs.keys()])];
  return names.flatMap((name) => {
    const [left, right] = [ours.get(name), theirs.get(name)];
    if (left !== undefined && right !== undefined && canonical(left[2]) === canonical(right[2])) {
      return [];
    }
    const [table = '', key = ''] = left ?? right ?? [];
    return [{ table, key, replayed: left?.[2], inSnapshot: right?.[2] }];
  });
}

function itemsOf(reader: { next(limit: number): SnapshotItem[] }): Map<string, SnapshotItem> {
  const items = new Map<string, SnapshotItem>();
  for (
    let next = reader.next(ITEMS_AT_A_TIME);
    next.length > 0;
    next = reader.next(ITEMS_AT_A_TIME)
  ) {
    for (const item of next) items.set(`${item[0]}/${item[1]}`, item);
  }
  return items;
}
