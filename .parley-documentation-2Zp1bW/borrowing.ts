// borrowing.ts
import { connectScheduler } from '@parley/scheduler-sdk/scheduler';
import { resources, task } from '@parley/scheduler-sdk/task';
import { TaskPool } from '@parley/scheduler-sdk/task-pool';

const size = { cpus: 0.1, mem: '32MiB' };
const pool = new TaskPool({ maxAttempts: 3 });
for (const key of ['red', 'green', 'blue']) {
  const describe = (id: string) => task({ id, command: `echo ${key}`, ...size });
  // Revocable where nothing else is to be had: the pool says so of the tasks that it places there.
  pool.add({ key, resources: resources(size), revocable: 'also', describe });
}
const scheduler = await connectScheduler({
  credential: process.argv[2] ?? '',
  name: 'borrowing',
  role: '*',
  takesRevocable: true,
  demand: pool.demand(),
  onOffers: (offers, self) => self.place(pool.place(offers)),
  // What runs on agents that are to be maintained is done again elsewhere: nothing speaks against it.
  onInverseOffer: (asked) => (asked.kind === 'agentInverseOffer' ? 'accept' : undefined),
  onUpdate(update, self) {
    const event = pool.update(update);
    if (event?.kind === 'retried') self.setDemand(pool.demand());
    if (event?.kind === 'ended') process.stdout.write(`${event.key} ${event.update.state}\n`);
    if (pool.isDone) void self.teardown();
  },
});
await scheduler.ended();
