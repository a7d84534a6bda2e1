// Tests when what operators have set is written beside the books: soon, not too often, and not from books that are
// themselves being made from it.
import { clusterCore } from '@parley/cluster/cluster-core';
import type { Effect } from '@parley/cluster/effects';
import { Input } from '@parley/cluster/inputs';
import { describe, expect, test } from 'vitest';
import { MIRROR_PARTS, SettingsMirror } from './settings-mirror.ts';
import type { PartContent } from './settings-store.ts';

const epoch = { bucketCreatedMs: 1, revision: 1 };

/** Books in their first term, and their mirror. */
class Mirrored {
  readonly state = clusterCore.create();
  readonly mirror: SettingsMirror;
  #sequence = 0;
  #calls = 0;

  constructor(rebuilding?: object) {
    const settings = {};
    this.enter({ kind: 'termStarted', epoch, masterId: 'm', settings, rebuilding });
    this.mirror = new SettingsMirror(this.state);
  }

  enter(...inputs: unknown[]): Effect[] {
    this.#sequence += 1;
    const { rulesVersion } = clusterCore;
    const times = { coreTimeMs: this.#sequence, wallTimeMs: 1 };
    const context = { sequence: this.#sequence, epoch, rulesVersion, ...times };
    const effects = clusterCore.begin(this.state, context);
    for (const input of inputs) {
      effects.push(...clusterCore.step(this.state, context, Input.parse(input)));
    }
    effects.push(...clusterCore.finish(this.state, context));
    return effects;
  }

  registers(agentId: string): void {
    this.#calls += 1;
    const request = { session: 's', counter: this.#calls, lowest: 1 };
    const body = { hostname: 'h', total: { scalars: { cpus: 1000 } }, attributes: {}, tasks: [] };
    const caller = { kind: 'agent', agentId };
    const call = { verb: 'register', body };
    this.mirror.carriedOut(this.enter({ kind: 'call', caller, request, call }));
  }

  /** Everything that is due at this time, all of it stored. */
  write(nowMs: number, isStored = true): PartContent[] {
    const written: PartContent[] = [];
    for (;;) {
      const due = this.mirror.takeDue(this.state, nowMs);
      if (due.length === 0) return written;
      for (const one of due) this.mirror.done(one.part, isStored);
      written.push(...due);
    }
  }
}

const keysOf = (parts: readonly PartContent[]) =>
  parts.flatMap(({ items }) => items.map(({ key }) => key));

describe('what operators have set, beside the books', () => {
  test('is compared whole at the beginning of a term, and then written where it changes', () => {
    const books = new Mirrored();
    expect(books.write(0)).toHaveLength(MIRROR_PARTS);
    expect(books.mirror.isCurrent).toBe(true);
    books.registers('a1');
    const written = books.write(2000);
    expect([written.length, keysOf(written)]).toEqual([1, ['a1']]);
    expect(books.write(4000)).toEqual([]);
  });

  test('is written once a second and part at most, and then as it is', () => {
    const books = new Mirrored();
    books.write(0);
    books.registers('a1');
    expect(books.write(2000)).toHaveLength(1);
    books.registers('a1');
    books.registers('a1');
    expect(books.write(2999)).toEqual([]);
    expect(books.write(3000)).toHaveLength(1);
    expect(books.write(5000)).toEqual([]);
  });

  test('changes go before the comparison', () => {
    const books = new Mirrored();
    books.registers('a1');
    expect(keysOf(books.mirror.takeDue(books.state, 0).slice(0, 1))).toEqual(['a1']);
  });

  test('is tried again when it could not be written', () => {
    const books = new Mirrored();
    books.write(0);
    books.registers('a1');
    const [due] = books.mirror.takeDue(books.state, 2000);
    books.mirror.done(due?.part ?? -1, false);
    expect(books.mirror.takeDue(books.state, 2500)).toEqual([]);
    expect(keysOf(books.write(3000))).toEqual(['a1']);
  });

  test('is left as it is until the books that are made anew hold all of it', () => {
    const books = new Mirrored({ kind: 'recreated', message: 'm' });
    expect(books.write(0)).toEqual([]);
    books.enter({ kind: 'settingsRestored', items: [], isLast: true });
    expect(books.write(0)).toHaveLength(MIRROR_PARTS);
  });
});
