import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TICK_MS, TimerWheel, type WheelEntry } from './timer-wheel.ts';

class Sleeper implements WheelEntry {
  wheelTick: number | undefined;
  readonly wokenMs: number[] = [];
  dueMs: number | undefined;
  readonly #wheel: TimerWheel;

  constructor(wheel: TimerWheel) {
    this.#wheel = wheel;
  }

  sleepUntil(atMs: number): void {
    this.dueMs = atMs;
    this.#wheel.plan(this, atMs);
  }

  wake(nowMs: number): void {
    if (this.dueMs === undefined) throw new Error('nobody wanted to be woken');
    if (this.dueMs > nowMs) this.#wheel.plan(this, this.dueMs);
    else {
      this.dueMs = undefined;
      this.wokenMs.push(nowMs);
    }
  }
}

it('everybody is woken once, not before the time that was planned last and in the first tick after it', () => {
  const anyPlan = fc.record({
    atMs: fc.integer({ min: 0, max: 20_000 }),
    who: fc.nat(3),
    inMs: fc.integer({ min: -50, max: 50_000 }),
  });
  fc.assert(
    fc.property(fc.array(anyPlan, { maxLength: 40 }), (plans) => {
      const wheel = new TimerWheel(0);
      const sleepers = Array.from({ length: 4 }, () => new Sleeper(wheel));
      const planned = plans.toSorted((one, other) => one.atMs - other.atMs);
      let nowMs = 0;
      const runUntil = (endMs: number): void => {
        while (nowMs + TICK_MS <= endMs) {
          nowMs += TICK_MS;
          const due = sleepers.map(({ dueMs }) => dueMs !== undefined && dueMs <= nowMs).join();
          wheel.advance(nowMs);
          const woken = sleepers.map(({ wokenMs }) => wokenMs.at(-1) === nowMs).join();
          // An assertion a tick would take longer than all the rest.
          if (woken !== due) expect({ nowMs, woken }).toEqual({ nowMs, woken: due });
        }
      };
      for (const { atMs, who, inMs } of planned) {
        runUntil(atMs);
        // A plan for the present moment, or for the past, is for the next tick.
        sleepers[who]?.sleepUntil(nowMs + inMs);
      }
      runUntil(nowMs + 60_000);
      expect(sleepers.filter(({ dueMs }) => dueMs !== undefined)).toEqual([]);
    }),
    { numRuns: 10 },
  );
});

it('who was struck off is not woken', () => {
  const wheel = new TimerWheel(0);
  const sleeper = new Sleeper(wheel);
  sleeper.sleepUntil(50);
  wheel.cancel(sleeper);
  wheel.advance(1000);
  expect(sleeper.wokenMs).toEqual([]);
});

it('for whom there is no time any more, it is his turn first at the next call, whatever is planned meanwhile', () => {
  const wheel = new TimerWheel(0);
  const sleepers = Array.from({ length: 5 }, () => new Sleeper(wheel));
  for (const sleeper of sleepers) sleeper.sleepUntil(50);
  let left = 2;
  wheel.advance(1000, () => left-- > 0);
  const woken = (): number[][] => sleepers.map(({ wokenMs }) => wokenMs);
  expect(woken()).toEqual([[1000], [1000], [], [], []]);
  sleepers[0]?.sleepUntil(0);
  left = 3;
  wheel.advance(1010, () => left-- > 0);
  expect(woken()).toEqual([[1000], [1000], [1010], [1010], [1010]]);
  wheel.advance(1020);
  expect(woken()[0]).toEqual([1000, 1020]);
});
