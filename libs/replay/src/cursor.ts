// Owns going through a journal from one moment to another, entry by entry, with the state after each and what came of it.
// An input that makes a step throw is left out as every master leaves it out, and shown as such.
import type { JournalEntry, StepContext } from '@parley/actor/core';
import type { StoredEntry } from '@parley/actor/journal';
import { decodeEntry } from '@parley/actor/journal-entry';
import { loadReplica, READ_BATCH } from '@parley/actor/load-replica';
import type { Skipped, SkippedInput } from '@parley/actor/replica';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type ClusterReplica, type ReplaySource, replicaAt } from './replay-source.ts';

/** One entry as it was stepped, and the state after it: only to be read, and only until the next one. */
export type ReplayedEntry = {
  readonly sequence: number;
  readonly storedMs: number;
  /** As journalled; none where the entry is none. */
  readonly inputs: JournalEntry['inputs'];
  readonly effects: readonly Effect[];
  readonly skipped: readonly Skipped[];
  readonly context: StepContext;
  readonly state: ClusterState;
};

export class ReplayCursor {
  readonly #source: ReplaySource;
  /** What a step threw, while this cursor looked on; of what a snapshot says is left out, only that. */
  readonly #thrown = new Map<string, string>();
  #replica: ClusterReplica;

  private constructor(source: ReplaySource, replica: ClusterReplica) {
    this.#source = source;
    this.#replica = replica;
  }

  /** Stands after `sequence`. */
  static async open(source: ReplaySource, sequence: number): Promise<Outcome<ReplayCursor>> {
    const replica = await replicaAt(source, sequence);
    return replica.ok ? succeed(new ReplayCursor(source, replica.value)) : replica;
  }

  get sequence(): number {
    return this.#replica.sequence;
  }

  get replica(): ClusterReplica {
    return this.#replica;
  }

  /**
   * Steps on up to `upTo` or the journal's end, or until `visit` returns false. Fails with `unavailable`, or
   * `internalError`: an entry is damaged, or this release cannot step it.
   */
  async advance(
    upTo: number,
    visit: (entry: ReplayedEntry) => boolean | undefined,
  ): Promise<Outcome<undefined>> {
    while (this.sequence < upTo) {
      const limit = Math.min(READ_BATCH, upTo - this.sequence);
      const entries = await this.#source.journal.read(this.sequence + 1, limit);
      if (!entries.ok) return entries;
      if (entries.value.length === 0) return succeed(undefined);
      for (const stored of entries.value) {
        const entry = await this.#step(stored);
        if (!entry.ok) return entry;
        if (visit(entry.value) === false) return succeed(undefined);
      }
    }
    return succeed(undefined);
  }

  async #step({ sequence, bytes, storedMs }: StoredEntry): Promise<Outcome<ReplayedEntry>> {
    for (;;) {
      const expected = this.sequence + 1;
      if (sequence !== expected) {
        return fail('unavailable', `the journal was purged past entry ${expected} meanwhile`);
      }
      const result = this.#replica.apply(sequence, bytes);
      if (result.kind === 'unknownRules' || result.kind === 'corrupt') {
        return fail('internalError', result.message);
      }
      if (result.kind === 'applied') {
        const entry = decodeEntry(bytes);
        const { effects, context } = result;
        const skipped = result.skipped.map((one) => this.#explained(one));
        const inputs = entry.ok ? entry.value.inputs : [];
        return succeed({
          ...{ sequence, storedMs, inputs, effects, skipped, context },
          state: this.#replica.state,
        });
      }
      const { skip, error } = result;
      this.#thrown.set(keyOf(skip), error instanceof Error ? error.message : String(error));
      const skips = [...this.#replica.skips, skip];
      const rebuilt = await loadReplica(this.#source, { upTo: sequence - 1, skips });
      if (!rebuilt.ok) return rebuilt;
      this.#replica = rebuilt.value;
    }
  }

  #explained(skipped: Skipped): Skipped {
    const thrown = this.#thrown.get(keyOf(skipped));
    return thrown === undefined ? skipped : { ...skipped, why: `a step of it threw: ${thrown}` };
  }
}

const keyOf = ({ sequence, index }: SkippedInput): string => `${sequence}/${index}`;
