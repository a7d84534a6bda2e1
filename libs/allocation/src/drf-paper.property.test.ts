// Tests the properties that the paper proves of dominant resource fairness (Ghodsi et al., NSDI 2011, section 3),
// with users whose demand has no end. The paper divides resources like a fluid; here a user gets whole tasks, so that each
// property holds to within a task or two: the bounds are derived beside each test, with these words. A user's *task* takes
// of each resource a fraction of all there is, the largest of which is its *dominant fraction*; its *level* is its dominant
// share. Before a user is out (its task does not fit into what is left) no other was chosen above its level, so that
// nobody's level exceeds it by more than one task of that other.
import { RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClusterTotals } from './cluster-totals.ts';
import { DrfSorter } from './drf-sorter.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { Sharer } from './sharer.ts';

const RESOURCES = ['cpus', 'mem', 'networkBandwidth'] as const;
/** Of each resource, in parts of all there is. */
type Task = readonly number[];

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const dominant = (task: Task): number => Math.max(...task);
/** How many tasks are contained in `count` tasks of another kind. */
const timesIn = (task: Task, other: Task, count: number): number =>
  Math.min(
    ...task.map((part, place) => (part === 0 ? Infinity : (count * (other[place] ?? 0)) / part)),
  );

describe('whole tasks on one agent, divided by the allocator', () => {
  /** Tasks are at least this part of the agent, so that the allocator grants them one by one. */
  const PARTS = 120;
  const UNIT = { cpus: 1000, mem: 1_000_000, networkBandwidth: 1_000_000 };
  const EVERYTHING = resourcesOf([1, 1, 1]);

  function resourcesOf(task: Task): Resources {
    const amounts = RESOURCES.map((name, place) => [
      name,
      Math.round((task[place] ?? 0) * PARTS) * UNIT[name],
    ]);
    return normalise({ scalars: Object.fromEntries(amounts) });
  }

  /** How many tasks each user gets; `most` is what it demands, without end where it is left out. */
  function divide(tasks: readonly Task[], most: readonly number[] = []): number[] {
    const cluster = new ScriptedCluster();
    for (const [user, task] of tasks.entries()) {
      const [name, role] = [`user-${user}`, `role-${user}`];
      const count = most[user] ?? 10 * PARTS;
      cluster.master.subscribe(name, role);
      cluster.master.need(name, role, [{ shape: 'task', resources: resourcesOf(task), count }]);
    }
    cluster.master.addAgent('agent-1', EVERYTHING);
    const proposals = cluster.settle();
    expect(cluster.settle()).toStrictEqual([]);
    return tasks.map((_, user) =>
      sum(
        proposals
          .filter(({ role }) => role === RoleName.parse(`role-${user}`))
          .flatMap(({ promised }) => promised.map(({ count }) => count)),
      ),
    );
  }

  const part = fc.integer({ min: 0, max: PARTS / 10 }).map((parts) => parts / PARTS);
  const aTask = fc.tuple(part, part, part).filter((task) => dominant(task) > 0);
  const tasks = fc.array(aTask, { minLength: 1, maxLength: 6 });
  const ROUNDING = 1e-9;

  // At the time when user i is out, of a resource that it needs less than its task is left;
  // everybody's level is at most i's and one task of its own: n times i's level and a task of each make up the whole.
  test('sharing incentive: nobody gets less than on an n-th of the cluster for itself, to within a task', () => {
    fc.assert(
      fc.property(tasks, (users) => {
        const counts = divide(users);
        const slack = sum(users.map(dominant)) / users.length;
        for (const [user, task] of users.entries()) {
          const level = (counts[user] ?? 0) * dominant(task);
          expect(level).toBeGreaterThanOrEqual(1 / users.length - slack - ROUNDING);
        }
      }),
    );
  });

  test('Pareto efficiency: not one task more fits for anybody', () => {
    fc.assert(
      fc.property(tasks, (users) => {
        const counts = divide(users);
        const left = RESOURCES.map(
          (_, place) =>
            1 - sum(users.map((task, user) => (task[place] ?? 0) * (counts[user] ?? 0))),
        );
        for (const rest of left) expect(rest).toBeGreaterThanOrEqual(-ROUNDING);
        for (const task of users) {
          expect(task.some((part, place) => part > (left[place] ?? 0) + ROUNDING)).toBe(true);
        }
      }),
    );
  });

  // In i's dominant resource j holds at most j's level, which exceeds i's by at most a task of j;
  // what j gets once i is out contains less than a task of i, for want of what i lacks.
  test("envy-freeness: what another holds is good for no more tasks, to within one of each one's", () => {
    fc.assert(
      fc.property(tasks, (users) => {
        const counts = divide(users);
        for (const [user, task] of users.entries()) {
          for (const [other, otherTask] of users.entries()) {
            const others = timesIn(task, otherTask, counts[other] ?? 0);
            const slack = 1 + dominant(otherTask) / dominant(task);
            expect(others).toBeLessThanOrEqual((counts[user] ?? 0) + slack + ROUNDING);
          }
        }
      }),
    );
  });

  /** Max-min: whoever has not all that it demands has as much as anybody, to within a task of each of the two. */
  function expectMaxMin(
    users: readonly Task[],
    counts: readonly number[],
    most: readonly number[],
  ): void {
    for (const [user, task] of users.entries()) {
      if ((counts[user] ?? 0) >= (most[user] ?? Infinity)) continue;
      const level = (counts[user] ?? 0) * dominant(task);
      for (const [other, otherTask] of users.entries()) {
        const otherLevel = (counts[other] ?? 0) * dominant(otherTask);
        expect(otherLevel).toBeLessThanOrEqual(
          level + dominant(task) + dominant(otherTask) + ROUNDING,
        );
      }
    }
  }

  const demands = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 6, maxLength: 6 });

  // Once i is out less than one of its tasks is left for others.
  test('single resource fairness: with one resource it is max-min fairness', () => {
    const oneResource = part.filter((size) => size > 0).map((size): Task => [size, 0, 0]);
    fc.assert(
      fc.property(fc.array(oneResource, { minLength: 1, maxLength: 6 }), demands, (users, most) => {
        expectMaxMin(users, divide(users, most), most);
      }),
    );
  });

  // Whatever i lacks, of the bottleneck no more is left than of that: everybody needs more of it.
  test('bottleneck fairness: where all need most of the same resource, that one is shared max-min fairly', () => {
    const bottlenecked = aTask.map(([a, b, c]): Task => [Math.max(a, b, c), b, c]);
    fc.assert(
      fc.property(
        fc.array(bottlenecked, { minLength: 1, maxLength: 6 }),
        demands,
        (users, most) => {
          expectMaxMin(users, divide(users, most), most);
        },
      ),
    );
  });

  // Section 4.1, table 1: 9 CPUs and 18 GB; A's task takes 1 CPU and 4 GB, B's 3 CPUs and 1 GB.
  test("the paper's worked example: A gets 3 tasks and B gets 2, of 9 CPUs all and of 18 GB 14", () => {
    const gigabytes = (cpus: number, mem: number): Resources =>
      normalise({ scalars: { cpus: cpus * 1000, mem: mem * 1_024_000 } });
    const cluster = new ScriptedCluster();
    for (const [name, resources] of [
      ['a', gigabytes(1, 4)],
      ['b', gigabytes(3, 1)],
    ] as const) {
      cluster.master.subscribe(name, name);
      cluster.master.need(name, name, [{ shape: 'task', resources, count: 100 }]);
    }
    cluster.master.addAgent('agent-1', gigabytes(9, 18));
    const proposals = cluster.settle();
    expect(
      Object.fromEntries(proposals.map(({ role, promised }) => [role, promised])),
    ).toStrictEqual({ a: [{ shape: 'task', count: 3 }], b: [{ shape: 'task', count: 2 }] });
    expect(
      Object.fromEntries(proposals.map(({ role, resources }) => [role, resources])),
    ).toStrictEqual({ a: gigabytes(3, 12), b: gigabytes(6, 2) });
    const [left] = [...cluster.master.agents.values()].map(({ free }) => free);
    expect(left).toStrictEqual(gigabytes(0, 4));
  });
});

// Here tasks are small, as nearly a fluid as tasks can be, and every task needs at least an eighth of the largest of every
// resource. With D(q) the sum over users of the task's fraction of q by its dominant fraction, all levels meet 1 / max D
// in the fluid. While every task fits, levels differ by at most a task; once one does not, less than LARGEST is left of
// something, for fewer than LARGEST / SMALLEST = 8 tasks more. So a level is at least (1 - LARGEST) / max D - LARGEST and
// at most 1 / max D + LARGEST + 8 LARGEST, of which the difference is at most 11 LARGEST: a little more than 1 % of the
// cluster, while breaking the rule gains whole parts of it.
describe('small tasks, given one by one to whoever is first in the order', () => {
  const TOTAL = 8000;
  const [SMALLEST, LARGEST] = [1 / TOTAL, 8 / TOTAL];
  const SLACK = 11 * LARGEST;
  const part = fc.integer({ min: 1, max: 8 }).map((parts) => parts / TOTAL);
  const aTask = fc.tuple(part, part, part);
  const tasks = fc.array(aTask, { minLength: 2, maxLength: 5 });
  const RUNS = { numRuns: 40 };

  const everything = Object.fromEntries(RESOURCES.map((name) => [name, TOTAL]));

  /** Users are named by their numbers. */
  function sorterOf(weights: readonly number[], totals: ClusterTotals): DrfSorter {
    const sorter = new DrfSorter(totals);
    for (const [user, weight] of weights.entries()) {
      sorter.setActive(new Sharer(`${user}`, weight), true);
    }
    return sorter;
  }

  /** How many tasks each gets. Weights in thousandths. */
  function fill(users: readonly Task[], weights: readonly number[] = users.map(() => 1000)) {
    const totals = new ClusterTotals();
    totals.add(totals.vectorOf(everything));
    const sorter = sorterOf(weights, totals);
    const left = RESOURCES.map(() => TOTAL);
    const counts = users.map(() => 0);
    const tasks = users.map((task) => task.map((part) => Math.round(part * TOTAL)));
    const vectors = tasks.map((task) =>
      totals.vectorOf(Object.fromEntries(RESOURCES.map((name, place) => [name, task[place] ?? 0]))),
    );
    for (;;) {
      const [next] = sorter.inOrder;
      if (next === undefined) return counts;
      const user = Number(next.name);
      const task = tasks[user] ?? [];
      if (timesIn(task, left, 1) < 1) {
        sorter.setActive(next, false);
        continue;
      }
      for (const [place, amount] of task.entries()) left[place] = (left[place] ?? 0) - amount;
      sorter.allocate(next, vectors[user] ?? []);
      counts[user] = (counts[user] ?? 0) + 1;
    }
  }

  test('what is reckoned with holds: tasks are within the bounds', () => {
    expect(LARGEST / SMALLEST).toBe(8);
    expect(SLACK).toBeLessThan(0.012);
  });

  // With a false demand the user's true tasks are limited by the fraction q of max D: a smaller
  // demand of q lets all levels rise, but it holds less of q; a larger one lowers all levels.
  test('strategy-proofness: whoever states another demand than its own runs no more of its own tasks', () => {
    fc.assert(
      fc.property(tasks, aTask, (users, lie) => {
        const [honest, ...others] = users;
        if (honest === undefined) return;
        const [honestCount = 0] = fill(users);
        const [lyingCount = 0] = fill([lie, ...others]);
        const gain = (timesIn(honest, lie, lyingCount) - honestCount) * dominant(honest);
        expect(gain).toBeLessThanOrEqual(SLACK);
      }),
      RUNS,
    );
  });

  // Without a user no D(q) is larger.
  test('population monotonicity: when one leaves, nobody is worse off', () => {
    fc.assert(
      fc.property(tasks, (users) => {
        const before = fill(users);
        const after = fill(users.slice(0, -1));
        for (const [user, count] of after.entries()) {
          const loss = ((before[user] ?? 0) - count) * dominant(users[user] ?? []);
          expect(loss).toBeLessThanOrEqual(SLACK);
        }
      }),
      RUNS,
    );
  });

  // Section 4.3: levels divided by weights meet instead of levels.
  test('weights: shares are as the weights, whatever the tasks', () => {
    const weight = fc.constantFrom(1000, 2000, 3000);
    fc.assert(
      fc.property(fc.array(fc.tuple(aTask, weight), { minLength: 2, maxLength: 5 }), (weighted) => {
        const counts = fill(
          weighted.map(([task]) => task),
          weighted.map(([, weight]) => weight),
        );
        const levels = weighted.map(
          ([task, weight], user) => ((counts[user] ?? 0) * dominant(task) * 1000) / weight,
        );
        expect(Math.max(...levels) - Math.min(...levels)).toBeLessThanOrEqual(SLACK);
      }),
      RUNS,
    );
  });
});
