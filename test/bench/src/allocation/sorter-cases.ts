// Owns measuring the choice of who is next among many clients: one allocation and the next choice, one release and the
// next choice. Mesos, sorter_tests.cpp; there a release orders everybody anew.
import { ClusterTotals } from '@parley/allocation/cluster-totals';
import { DrfSorter } from '@parley/allocation/drf-sorter';
import { SeededRandom } from '@parley/allocation/seeded-random';
import { Sharer } from '@parley/allocation/sharer';
import type { Result } from '../measurement.ts';
import { AGENT_TOTAL } from './bench-master.ts';
import { against, type TargetName } from './targets.ts';

const AGENTS = 1000;
const BATCHES = 9;
const STEPS_A_BATCH = 10_000;
/** More than one batch gives back of anybody. */
const ALLOCATIONS_EACH = 3;
const TASK = { cpus: 10, mem: 2000, disk: 1000 };

export const measureTakes = (): Result[] => [
  measureTake('sorter.take.100', 100),
  measureTake('sorter.take.1000', 1000),
  measureTake('sorter.take.10000', 10_000),
];

/** Whoever is first is given a task's amounts, until that has been done so often; microseconds each. */
function measureTake(name: TargetName, clients: number): Result {
  const { sorter, amounts } = sorterWith(clients);
  const times = batches(() => {
    for (let step = 0; step < STEPS_A_BATCH; step += 1) {
      const [next] = sorter.inOrder;
      if (next === undefined) throw new Error('somebody is next');
      sorter.allocate(next, amounts);
    }
    return STEPS_A_BATCH;
  });
  return against(name, times);
}

/** Somebody, in a random order, gives a task's amounts back. */
export function measureGive(): Result[] {
  const clients = 10_000;
  const { sorter, amounts, sharers } = sorterWith(clients);
  const random = new SeededRandom(1);
  let last: Sharer | undefined;
  const times = batches(
    () => {
      for (const sharer of sharers) {
        sorter.adjust(sharer, amounts, []);
        [last] = sorter.inOrder;
      }
      return clients;
    },
    () => {
      if (last !== undefined) for (const sharer of sharers) sorter.allocate(sharer, amounts);
      random.shuffle(sharers);
    },
  );
  return [against('sorter.give.10000', times)];
}

function sorterWith(clients: number) {
  const totals = new ClusterTotals();
  for (let agent = 0; agent < AGENTS; agent += 1) totals.add(totals.vectorOf(AGENT_TOTAL.scalars));
  const sorter = new DrfSorter(totals);
  const amounts = totals.vectorOf(TASK);
  const sharers = Array.from({ length: clients }, (_, number) => new Sharer(`client-${number}`));
  for (const [number, sharer] of sharers.entries()) {
    sorter.setActive(sharer, true);
    for (let count = 0; count <= number % ALLOCATIONS_EACH; count += 1) {
      sorter.allocate(sharer, amounts);
    }
  }
  return { sorter, amounts, sharers };
}

/** Microseconds a step of each batch but the first. `play` tells how many steps it made, `prepare` is not measured. */
function batches(play: () => number, prepare: () => void = () => undefined): number[] {
  const times: number[] = [];
  for (let batch = 0; batch <= BATCHES; batch += 1) {
    prepare();
    const beganMs = performance.now();
    const steps = play();
    times.push(((performance.now() - beganMs) * 1000) / steps);
  }
  return times.slice(1);
}
