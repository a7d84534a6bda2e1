// Tests that what comes in is taken in order and in slices, that it waits where there is no room, and that what is beyond all
// measure is dropped and told once.
import { expect, test } from 'vitest';
import { type IncomingMessage, Intake, type IntakeLimits } from './intake.ts';

/** A clock that moves with the work, and timers that run when the test says so. */
class Bench {
  nowMs = 0;
  room = Number.POSITIVE_INFINITY;
  readonly taken: string[] = [];
  readonly slices: number[] = [];
  readonly dropped: number[] = [];
  readonly failed: string[] = [];
  /** Subject of a message that cannot be taken. */
  poison: string | undefined;
  readonly intake: Intake;
  #due: { readonly atMs: number; readonly run: () => void }[] = [];
  #inSlice = 0;

  constructor(costMs: number, limits: Partial<IntakeLimits> = {}) {
    const plan = (ms: number, run: () => void) => {
      const due = { atMs: this.nowMs + ms, run };
      this.#due.push(due);
      return () => {
        this.#due = this.#due.filter((one) => one !== due);
      };
    };
    this.intake = new Intake({
      clock: { nowMs: () => this.nowMs },
      timers: { soon: (run) => plan(0, run), after: plan },
      hasRoom: () => this.room > 0,
      onFailed: (subject) => this.failed.push(subject),
      take: ({ subject }) => {
        if (subject === this.poison) throw new Error('poison');
        this.nowMs += costMs;
        this.room -= 1;
        this.#inSlice += 1;
        this.taken.push(subject);
      },
      onTaken: () => {
        this.slices.push(this.#inSlice);
        this.#inSlice = 0;
      },
      onDropping: (waiting) => this.dropped.push(waiting),
      limits,
    });
  }

  get isWaiting(): boolean {
    return this.#due.length > 0;
  }

  add(count: number, bytes = 1, from = 0): void {
    for (let index = 0; index < count; index += 1) this.intake.add(aMessage(from + index, bytes));
  }

  /** The next of its timers; others of the process would have their turn before it. */
  step(): void {
    const due = this.#due.shift();
    this.nowMs = Math.max(this.nowMs, due?.atMs ?? 0);
    due?.run();
  }

  run(): void {
    while (this.isWaiting) this.step();
  }
}

const aMessage = (index: number, bytes: number): IncomingMessage => ({
  subject: `${index}`,
  bytes: new Uint8Array(bytes),
});
const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

test('nothing is taken while a socket is read, and everything after that, in its order', () => {
  const bench = new Bench(0);
  bench.add(1000);
  expect(bench.taken).toEqual([]);
  bench.step();
  expect(bench.taken).toEqual(numbers(1000));
  expect(bench.isWaiting).toBe(false);
});

test('others have their turn after each slice, however much has come in', () => {
  const bench = new Bench(3, { sliceMs: 20 });
  bench.add(100);
  bench.run();
  expect(bench.taken).toEqual(numbers(100));
  expect(Math.max(...bench.slices)).toBe(7);
  expect(bench.slices).toHaveLength(Math.ceil(100 / 7));
});

test('a message that takes longer than a slice is taken all the same, alone', () => {
  const bench = new Bench(50, { sliceMs: 20 });
  bench.add(3);
  bench.run();
  expect(bench.slices).toEqual([1, 1, 1]);
});

test('where there is no room messages wait, in their order, and are taken when there is some again', () => {
  const bench = new Bench(0);
  bench.room = 10;
  bench.add(25);
  bench.step();
  expect(bench.taken).toEqual(numbers(10));
  bench.step();
  expect(bench.intake.size).toBe(15);
  bench.room = 100;
  bench.run();
  expect(bench.taken).toEqual(numbers(25));
});

test('what comes beyond so many messages or bytes is dropped, which is told once until all is taken', () => {
  const bench = new Bench(0, { maxMessages: 5, maxBytes: 1000 });
  bench.add(8);
  expect([bench.intake.size, bench.dropped]).toEqual([5, [5]]);
  bench.run();
  bench.add(4, 300, 100);
  expect([bench.intake.size, bench.dropped]).toEqual([3, [5, 3]]);
  bench.run();
  expect(bench.taken).toEqual([...numbers(5), '100', '101', '102']);
});

test('one message that is larger than all that may wait is taken where nothing else waits', () => {
  const bench = new Bench(0, { maxBytes: 10 });
  bench.add(1, 5000);
  bench.run();
  expect([bench.taken, bench.dropped]).toEqual([['0'], []]);
});

test('it is behind while something waits for more than a second, and for a while after something was dropped', () => {
  const bench = new Bench(0, { maxMessages: 1 });
  bench.nowMs = 1000;
  bench.add(1);
  expect(bench.intake.isBehind(2000)).toBe(false);
  expect(bench.intake.isBehind(2001)).toBe(true);
  bench.run();
  expect(bench.intake.isBehind(2001)).toBe(false);
  bench.add(2);
  bench.run();
  expect(bench.intake.isBehind(75_999)).toBe(true);
  expect(bench.intake.isBehind(76_000)).toBe(false);
});

test('a message whose taking throws is told, and those after it are taken', () => {
  const bench = new Bench(0);
  bench.poison = '2';
  bench.add(5);
  bench.run();
  expect([bench.taken, bench.failed]).toEqual([['0', '1', '3', '4'], ['2']]);
});

test('after the end nothing is taken, neither what waits nor what comes', () => {
  const bench = new Bench(0);
  bench.add(5);
  bench.intake.close();
  bench.add(5);
  expect(bench.isWaiting).toBe(false);
  bench.run();
  expect(bench.taken).toEqual([]);
});
