// Tests that turns are shared out: no principal keeps the others from theirs, whatever it does.
import { PrincipalName } from '@parley/protocol/ids';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Turns, TurnTable } from './turns.ts';

const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => PrincipalName.parse(name)) as [
  PrincipalName,
  PrincipalName,
  PrincipalName,
];

function takeAll(table: TurnTable<number, string>): string[] {
  const taken: string[] = [];
  for (let next = table.take(); next !== undefined; next = table.take()) taken.push(next.work);
  return taken;
}

test('a principal that never gives a turn back holds half of them, and others have theirs at once', () => {
  const table = new TurnTable<number, string>(8);
  for (let key = 0; key < 100; key += 1) table.add(alice, key, 'alice');
  expect(takeAll(table)).toHaveLength(4);
  table.add(bob, 0, 'bob');
  table.add(bob, 1, 'bob');
  expect(takeAll(table)).toEqual(['bob', 'bob']);
  table.add(carol, 0, 'carol');
  expect(takeAll(table)).toEqual(['carol']);
});

test('those that wait are served one principal after the other, each in its order', () => {
  const table = new TurnTable<number, string>(2);
  table.add(alice, 0, 'alice 0');
  for (const key of [1, 2]) table.add(alice, key, `alice ${key}`);
  for (const key of [0, 1]) table.add(bob, key, `bob ${key}`);
  const served: string[] = [];
  for (let next = table.take(); next !== undefined; next = table.take()) {
    served.push(next.work);
    table.leave(next.principal);
  }
  expect(served).toEqual(['alice 0', 'bob 0', 'alice 1', 'bob 1', 'alice 2']);
});

/** Counts beside a table, and checks what must hold whenever nobody may have a turn any more. */
class CountedTurns {
  readonly table: TurnTable<number, PrincipalName>;
  readonly #atOnce: number;
  readonly #held = new Map<PrincipalName, number>();
  readonly waiting = new Map<PrincipalName, number>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
    this.table = new TurnTable(atOnce);
  }

  add(principal: PrincipalName, key: number): void {
    this.table.add(principal, key, principal);
    change(this.waiting, principal, 1);
  }

  leave(principal: PrincipalName): void {
    if ((this.#held.get(principal) ?? 0) === 0) return;
    this.table.leave(principal);
    change(this.#held, principal, -1);
  }

  serve(): void {
    for (let next = this.table.take(); next !== undefined; next = this.table.take()) {
      change(this.#held, next.principal, 1);
      change(this.waiting, next.principal, -1);
    }
    expect(this.table.running).toBeLessThanOrEqual(this.#atOnce);
    if (this.table.running === this.#atOnce) return;
    const holding = [...this.waiting].filter(([, count]) => count > 0).map(([who]) => who);
    for (const principal of holding) expect(this.#held.get(principal) ?? 0).toBeGreaterThan(0);
  }
}

function change(counts: Map<PrincipalName, number>, who: PrincipalName, by: number): void {
  counts.set(who, (counts.get(who) ?? 0) + by);
}

test('whatever comes and goes, no more run than may, all are served, and who holds none gets what is left', () => {
  const principals = [alice, bob, carol];
  const step = fc.tuple(fc.constantFrom('add', 'leave'), fc.constantFrom(...principals));
  const steps = fc.array(step, { maxLength: 60 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), steps, (atOnce, taken) => {
      const turns = new CountedTurns(atOnce);
      for (const [key, [kind, principal]] of taken.entries()) {
        if (kind === 'add') turns.add(principal, key);
        else turns.leave(principal);
        turns.serve();
      }
      while (turns.table.running > 0) {
        for (const principal of principals) turns.leave(principal);
        turns.serve();
      }
      expect([...turns.waiting.values()].every((count) => count === 0)).toBe(true);
    }),
  );
});

test('work that fails gives its turn back', async () => {
  const turns = new Turns(1);
  const failing = turns.run(alice, () => Promise.reject(new Error('failed')));
  const next = turns.run(alice, () => Promise.resolve('done'));
  await expect(failing).rejects.toThrow('failed');
  expect(await next).toBe('done');
});
