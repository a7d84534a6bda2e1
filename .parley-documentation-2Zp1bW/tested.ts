// tested.ts
import { isTerminal } from '@parley/protocol/tasks';
import { Scheduler } from '@parley/scheduler-sdk/scheduler';
import { takeFitting, task } from '@parley/scheduler-sdk/task';
import { TestCluster } from '@parley/test-kit/test-cluster';

const cluster = new TestCluster({
  agents: [{ count: 2, resources: { scalars: { cpus: 1000, mem: 1_024_000 } } }],
  seed: 7,
  faults: { dropChance: 0.1, duplicateChance: 0.1, maxDelayMs: 200 },
});
const queue = Array.from({ length: 10 }, (_, n) =>
  task({ id: `t${n}`, command: ['sleep', '60'], cpus: 0.5, mem: '64MiB' }),
);
let ended = 0;
new Scheduler(
  {
    name: 'under-test',
    role: '*',
    async onOffers(offers, self) {
      for (const offer of offers) {
        const tasks = takeFitting(offer, queue);
        if (tasks.length > 0) await self.launch(offer, tasks);
      }
    },
    onUpdate({ state }) {
      if (isTerminal(state)) ended += 1;
    },
  },
  cluster.ports(),
);
await cluster.advance(5000);
cluster.failOverMaster();
cluster.agent(0).restart();
await cluster.until(() => ended === 10);
process.stdout.write(`${ended} tasks ended, ${cluster.violations().length} violations\n`);
process.exit();
