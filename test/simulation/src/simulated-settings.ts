// Owns the simulated bucket in which what operators have set is kept beside the books: parts with revisions, each write
// naming the one that it replaces. Answers may be late or lost.
import type { KeptSetting } from '@parley/cluster/inputs';
import { type BooksMoment, laterMoment } from '@parley/master/best-settings';
import type { PartContent, SettingsStore, StoreLook } from '@parley/master/settings-store';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { AskStore } from './simulated-snapshots.ts';

type Part = {
  readonly revision: number;
  readonly items: readonly KeptSetting[];
  readonly asOf: BooksMoment;
};

const NO_ANSWER = fail('unavailable', 'the bucket of settings does not answer');

export class SimulatedSettings {
  readonly #parts = new Map<number, Part>();

  get items(): KeptSetting[] {
    return [...this.#parts.values()].flatMap(({ items }) => items);
  }

  #look(): StoreLook {
    const writes = [...this.#parts.values()].reduce((sum, { revision }) => sum + revision, 0);
    return { createdMs: 1, parts: this.#parts.size, lastSequence: writes };
  }

  #newest(): BooksMoment | undefined {
    let newest: BooksMoment | undefined;
    for (const { asOf } of this.#parts.values()) newest = laterMoment(newest, asOf);
    return newest;
  }

  /** As one term opens it: what it knows of revisions it has read or written itself. */
  storeOf(ask: AskStore): SettingsStore {
    const known = new Map<number, number>();
    const revisionOf = (part: number): number => this.#parts.get(part)?.revision ?? 0;
    return {
      look: async () => {
        const found = await ask(() => this.#look());
        return found === undefined ? NO_ANSWER : succeed(found);
      },
      readAll: async () => {
        const kept = await ask(() => ({ items: this.items, newest: this.#newest() }));
        return kept === undefined ? NO_ANSWER : succeed(kept);
      },
      write: async (
        { part, items }: PartContent,
        asOf: BooksMoment,
      ): Promise<Outcome<undefined>> => {
        const expected = known.get(part) ?? (await ask(() => revisionOf(part)));
        if (expected === undefined) return NO_ANSWER;
        const stored = await ask(() => {
          if (revisionOf(part) !== expected) return false;
          this.#parts.set(part, { revision: expected + 1, items, asOf });
          return true;
        });
        if (stored !== true) known.delete(part);
        else known.set(part, expected + 1);
        if (stored === undefined) return NO_ANSWER;
        return stored ? succeed(undefined) : fail('unavailable', 'another has written it');
      },
    };
  }
}
