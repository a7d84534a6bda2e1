import { isTerminal, type StatusUpdate, type TaskDescription } from '@parley/protocol/tasks';
import { Scheduler } from '@parley/scheduler-sdk/scheduler';
import type { InverseOffer } from '@parley/scheduler-sdk/scheduler-options';
import { resources, takeFitting, task } from '@parley/scheduler-sdk/task';
import { TaskPool } from '@parley/scheduler-sdk/task-pool';
import { expect, it } from 'vitest';
import { TestCluster } from './test-cluster.ts';

const AGENT = { resources: { scalars: { cpus: 4000, mem: 4_096_000 } } };
const CPUS_A_TASK = 1;

/** Wants as much as it can get, of tasks that never end by themselves. */
function greedy(cluster: TestCluster, name: string) {
  let launched = 0;
  const updates: StatusUpdate[] = [];
  const asked: InverseOffer[] = [];
  const scheduler = new Scheduler(
    {
      name,
      frameworkId: name,
      role: '*',
      onOffers: async (offers, self) => {
        for (const offer of offers) {
          const queue = Array.from({ length: 8 }, (): TaskDescription => {
            launched += 1;
            const id = `${name}-${launched}`;
            return task({ id, cpus: CPUS_A_TASK, mem: '64MiB', command: ['sleep', '100000'] });
          });
          const fitting = takeFitting(offer, queue);
          if (fitting.length > 0) await self.launch(offer, fitting);
        }
      },
      onUpdate: (update) => void updates.push(update),
      onInverseOffer: (offer) => void asked.push(offer),
    },
    cluster.ports(name),
  );
  const running = () =>
    cluster.tasks('running').filter(({ task: ref }) => ref.principal === name).length;
  const ends = () => updates.filter(({ state }) => isTerminal(state));
  return { scheduler, asked, running, ends };
}

it('two greedy frameworks share a full cluster by what is taken back, and then leave each other alone', async () => {
  const cluster = new TestCluster({
    agents: [{ ...AGENT, count: 2 }],
    settings: { starvationMs: 5000 },
  });
  const first = greedy(cluster, 'first');
  await cluster.until(() => first.running() === 8);
  const second = greedy(cluster, 'second');
  await cluster.until(() => second.running() === 4);
  expect(first.running()).toBe(4);
  expect(first.asked).toHaveLength(4);
  expect(first.asked[0]).toMatchObject({ kind: 'inverseOffer', reason: 'starved' });
  expect(first.ends().map(({ state, reason }) => [state, reason])).toEqual(
    Array(4).fill(['killed', 'revoked']),
  );
  await cluster.advance(300_000);
  expect([first.running(), second.running()]).toEqual([4, 4]);
  expect([first.ends(), second.ends()].map(({ length }) => length)).toEqual([4, 0]);
  expect(cluster.violations()).toEqual([]);
});

it('a pool of work from which tasks are taken back launches them again, and none of it fails', async () => {
  const cluster = new TestCluster({
    agents: [{ ...AGENT, count: 2 }],
    settings: { starvationMs: 5000 },
  });
  const pool = new TaskPool({ maxAttempts: 1 });
  const size = { cpus: CPUS_A_TASK, mem: '64MiB' };
  for (let piece = 1; piece <= 8; piece += 1) {
    const describe = (id: string) => task({ id, ...size, command: ['sleep', '60'] });
    pool.add({ key: `w${piece}`, resources: resources(size), describe });
  }
  new Scheduler(
    {
      name: 'pool',
      frameworkId: 'pool',
      role: '*',
      demand: pool.demand(),
      onOffers: (offers, self) => self.place(pool.place(offers)),
      onUpdate: (update, self) => {
        const event = pool.update(update);
        if (event?.kind === 'retried') self.setDemand(pool.demand());
      },
    },
    cluster.ports('pool'),
  );
  await cluster.until(() => pool.counts().running === 8);
  const other = greedy(cluster, 'other');
  await cluster.until(() => other.running() === 4);
  expect(pool.counts()).toMatchObject({ running: 4, waiting: 4, retries: 4, failed: 0 });
  await cluster.until(() => pool.isDone);
  expect(pool.counts()).toMatchObject({ finished: 8, failed: 0 });
});

it('nothing is taken back where that is switched off', async () => {
  const settings = { starvationMs: 5000, reclaims: false };
  const cluster = new TestCluster({ agents: [AGENT], settings });
  const first = greedy(cluster, 'first');
  await cluster.until(() => first.running() === 4);
  const second = greedy(cluster, 'second');
  await cluster.advance(60_000);
  expect([first.running(), second.running(), first.asked.length]).toEqual([4, 0, 0]);
});
