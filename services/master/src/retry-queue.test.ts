// Tests "again until done" against its plain meaning: a list of which each item says when it is due and whether it is tried.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RetryQueue } from './retry-queue.ts';

const LIMITS = { firstMs: 4, maxMs: 16 };
type Plain = { dueMs: number; waitMs: number; isTried: boolean };

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const action = fc.oneof(
  fc.record({ does: fc.constant('add'), key }),
  fc.record({ does: fc.constant('done'), key }),
  fc.record({ does: fc.constant('failed'), key }),
  fc.record({ does: fc.constant('take'), limit: fc.nat(3) }),
  fc.record({ does: fc.constant('pass'), ms: fc.nat(10) }),
);

it('hands out what is due and not being tried, up to the limit, each once until it has failed, after waits that double', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const queue = new RetryQueue<string>(LIMITS);
      const plain = new Map<string, Plain>();
      let nowMs = 0;
      for (const one of actions) {
        if ('ms' in one) nowMs += one.ms;
        else if ('limit' in one) {
          const due = [...plain].filter(([, { dueMs, isTried }]) => !isTried && dueMs <= nowMs);
          const taken = queue.takeDue(nowMs, one.limit).map((item) => item.key);
          expect(taken).toHaveLength(Math.min(one.limit, due.length));
          expect(due.map(([name]) => name)).toEqual(expect.arrayContaining(taken));
          for (const name of taken) plain.set(name, { ...entryOf(plain, name), isTried: true });
        } else {
          apply(queue, plain, { ...one, nowMs });
        }
        expect(queue.size).toBe(plain.size);
      }
    }),
    { numRuns: 500 },
  );
});

function apply(
  queue: RetryQueue<string>,
  plain: Map<string, Plain>,
  { does, key: name, nowMs }: { does: string; key: string; nowMs: number },
): void {
  const known = plain.get(name);
  if (does === 'add') {
    queue.add(name, name, nowMs);
    if (known === undefined) plain.set(name, { dueMs: nowMs, waitMs: 4, isTried: false });
    else if (!known.isTried) known.dueMs = Math.min(known.dueMs, nowMs);
  } else if (does === 'done') {
    queue.done(name);
    plain.delete(name);
  } else {
    queue.failed(name, nowMs);
    if (known === undefined) return;
    const { waitMs } = known;
    plain.set(name, {
      dueMs: nowMs + waitMs,
      waitMs: Math.min(waitMs * 2, LIMITS.maxMs),
      isTried: false,
    });
  }
}

function entryOf(plain: ReadonlyMap<string, Plain>, name: string): Plain {
  const found = plain.get(name);
  if (found === undefined) throw new Error(`${name} is not waiting`);
  return found;
}

it('hands out first what became due first, and passes nothing over for what comes later', () => {
  const queue = new RetryQueue<number>(LIMITS);
  for (const name of ['a', 'b', 'c']) queue.add(name, 1, 0);
  expect(queue.takeDue(0, 1).map((one) => one.key)).toEqual(['a']);
  queue.failed('a', 0);
  queue.add('d', 1, 1);
  expect(queue.takeDue(4, 2).map((one) => one.key)).toEqual(['b', 'c']);
  expect(queue.takeDue(4, 9).map((one) => one.key)).toEqual(['a', 'd']);
  expect(queue.takeDue(1000, 9)).toEqual([]);
});
