// What holds for the estimate of what may be lent: nothing is lent that was used a while ago, and it does not flap.
import { expect, test } from 'vitest';
import { type EstimatedTask, IdleEstimator, type LentAmounts } from './idle-estimator.ts';

const AFTER_MS = 60_000;
const LOOK_MS = 2000;
const GIVEN = { cpus: 1000, mem: 256_000 };

/** A task with its use, and what is lent after having looked at it, and others, for a while. */
class Watched {
  readonly #estimator = new IdleEstimator({ marginPercent: 10, afterMs: AFTER_MS });
  #nowMs = 1000;

  look(...tasks: readonly EstimatedTask[]): LentAmounts | undefined {
    this.#nowMs += LOOK_MS;
    const { scalars } = this.#estimator.look(tasks, this.#nowMs) ?? {};
    return scalars && { cpus: scalars['cpus'] ?? 0, mem: scalars['mem'] ?? 0 };
  }

  /** Every answer. */
  during(ms: number, ...tasks: readonly EstimatedTask[]): (LentAmounts | undefined)[] {
    return Array.from({ length: ms / LOOK_MS }, () => this.look(...tasks));
  }
}

const task = (
  unit: string,
  cpus: number,
  memMib = 32,
  given: LentAmounts = GIVEN,
): EstimatedTask => ({ unit, given, used: { cpus, mem: memMib * 1000 } });

test('what a task left idle for a while is lent, less the margin, in whole steps', () => {
  const watched = new Watched();
  const before = watched.during(AFTER_MS, task('a', 150));
  expect(before.every((lent) => lent === undefined)).toBe(true);
  // 1000 - 150 - 100 (a tenth), and 256 - 32 - 25.6 MiB.
  expect(watched.look(task('a', 150))).toEqual({ cpus: 700, mem: 192_000 });
});

test('it falls at once when a task becomes busy, and rises only when that was a while ago', () => {
  const watched = new Watched();
  watched.during(AFTER_MS + LOOK_MS, task('a', 0));
  expect(watched.look(task('a', 900))?.cpus).toBe(0);
  const after = watched.during(AFTER_MS - LOOK_MS, task('a', 0));
  expect(after.every((lent) => lent?.cpus === 0)).toBe(true);
  expect(watched.during(AFTER_MS + LOOK_MS, task('a', 0)).at(-1)?.cpus).toBe(900);
});

test('a use that goes up and down within a while gives one estimate', () => {
  const watched = new Watched();
  watched.during(2 * AFTER_MS, task('a', 480));
  const said = new Set<number | undefined>();
  for (let count = 0; count < 300; count += 1) {
    said.add(watched.look(task('a', count % 5 === 0 ? 480 : 20))?.cpus);
  }
  expect([...said]).toEqual([400]);
});

test('a step more is not worth saying, two are', () => {
  const watched = new Watched();
  watched.during(AFTER_MS + LOOK_MS, task('a', 500));
  expect(watched.look(task('a', 500))?.cpus).toBe(400);
  expect(watched.during(3 * AFTER_MS, task('a', 390)).at(-1)?.cpus).toBe(400);
  expect(watched.during(3 * AFTER_MS, task('a', 290)).at(-1)?.cpus).toBe(600);
});

test('of a new task nothing is lent, and what others leave idle goes on being lent', () => {
  const watched = new Watched();
  watched.during(AFTER_MS + LOOK_MS, task('a', 0));
  const unmeasured: EstimatedTask = { unit: 'b', given: GIVEN, used: undefined };
  // The margin is one of what both have.
  expect(watched.look(task('a', 0), unmeasured)?.cpus).toBe(800);
  expect(watched.during(2 * AFTER_MS, task('a', 0), task('b', 0)).at(-1)?.cpus).toBe(1800);
});

test('what one uses beyond its request is taken from what others leave idle', () => {
  const watched = new Watched();
  const both = [task('a', 0), task('b', 1600)];
  expect(watched.during(2 * AFTER_MS, ...both).at(-1)?.cpus).toBe(200);
});

test('what an ended task had is lent no more', () => {
  const watched = new Watched();
  watched.during(AFTER_MS + LOOK_MS, task('a', 0), task('b', 0));
  expect(watched.look(task('b', 0))?.cpus).toBe(900);
  expect(watched.look()).toEqual({ cpus: 0, mem: 0 });
});
