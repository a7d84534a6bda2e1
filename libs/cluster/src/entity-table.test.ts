// Tests tables: order, hash and snapshots against the obvious model, a Map.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from './canonical-hash.ts';
import { EntityTable } from './entity-table.ts';

type Row = { readonly value: number };
const change = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  value: fc.option(fc.nat(3)),
});
const changes = fc.array(change, { maxLength: 400 });

function apply(target: EntityTable<Row> | Map<string, Row>, all: readonly ChangeOf[]): void {
  for (const { key, value } of all) {
    if (value === null) target.delete(key);
    else if (target instanceof Map) target.set(key, { value });
    else target.put(key, { value });
  }
}
type ChangeOf = { readonly key: string; readonly value: number | null };

function drain(table: EntityTable<Row>): [string, Row][] {
  const reader = table.reader();
  const found: [string, Row][] = [];
  for (let part = reader.next(2); part.length > 0; part = reader.next(2)) {
    found.push(...part.map(({ key, row }): [string, Row] => [key, row]));
  }
  return found;
}

describe('a table', () => {
  test('keeps records in the order in which their keys were first put', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const [table, model] = [new EntityTable<Row>('t'), new Map<string, Row>()];
        apply(table, all);
        apply(model, all);
        expect([...table.entries()]).toEqual([...model]);
        expect(table.size).toBe(model.size);
      }),
    );
  });

  test('has a hash that depends on its records only, whenever it was asked for', () => {
    fc.assert(
      fc.property(changes, changes, (before, after) => {
        const [asked, fresh] = [new EntityTable<Row>('t'), new EntityTable<Row>('t')];
        apply(asked, before);
        asked.hash();
        apply(asked, after);
        for (const [key, row] of [...asked.entries()].reverse()) fresh.put(key, { ...row });
        expect(asked.hash()).toBe(fresh.hash());
      }),
    );
  });

  test('is hashed a few records at a time, and ends with the same hash', () => {
    fc.assert(
      fc.property(changes, fc.integer({ min: 1, max: 3 }), (all, limit) => {
        const [whole, ahead] = [new EntityTable<Row>('t'), new EntityTable<Row>('t')];
        apply(whole, all);
        apply(ahead, all);
        while (ahead.unhashed > 0) {
          const before = ahead.unhashed;
          expect(ahead.hashSome(limit)).toBe(Math.min(limit, before));
          expect(ahead.unhashed).toBe(Math.max(0, before - limit));
        }
        expect(ahead.hash()).toBe(whole.hash());
      }),
    );
  });

  test('has another hash when a record is another one', () => {
    const [one, two] = [new EntityTable<Row>('t'), new EntityTable<Row>('t')];
    one.put('a', { value: 1 });
    two.put('a', { value: 2 });
    expect(one.hash()).not.toBe(two.hash());
  });

  test('is read as it was when the reader was made, whatever changes between two parts', () => {
    fc.assert(
      fc.property(changes, changes, fc.nat(5), (before, after, step) => {
        const table = new EntityTable<Row>('t');
        apply(table, before);
        const then = [...table.entries()];
        const reader = table.reader();
        const found: (readonly [string, Row])[] = [];
        for (let at = 0; ; at += step + 1) {
          const part = reader.next(1);
          if (part.length === 0) break;
          found.push(...part.map(({ key, row }) => [key, row] as const));
          apply(table, after.slice(at, at + step + 1));
        }
        expect(found).toEqual(then);
      }),
    );
  });

  test('lets several snapshots be read at once and refuses to go on with one long given up', () => {
    const table = new EntityTable<Row>('t');
    table.put('a', { value: 1 });
    const old = table.reader();
    for (let count = 0; count < 3; count += 1) table.reader();
    table.put('a', { value: 2 });
    expect(old.next(1)).toEqual([{ key: 'a', row: { value: 1 } }]);
    const another = table.reader();
    for (let count = 0; count < 4; count += 1) table.reader();
    expect(() => another.next(1)).toThrow('given up');
    expect(drain(table)).toEqual([['a', { value: 2 }]]);
  });
});

describe('the canonical encoding', () => {
  test('does not depend on the order of keys and leaves out what is undefined', () => {
    expect(canonical({ b: [1, 'x'], a: undefined, c: { e: null, d: true } })).toBe(
      canonical({ c: { d: true, e: null }, b: [1, 'x'] }),
    );
  });

  test('tells apart what differs', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(canonical(a) === canonical(b)).toBe(canonical([a]) === canonical([b]));
        expect(JSON.parse(canonical(a))).toEqual(JSON.parse(JSON.stringify(a)));
      }),
    );
  });

  test('refuses what is not plain data', () => {
    expect(() => canonical({ a: () => 1 })).toThrow(TypeError);
  });
});
