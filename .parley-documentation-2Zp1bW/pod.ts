// pod.ts
import { isTerminal } from '@parley/protocol/tasks';
import { connectScheduler } from '@parley/scheduler-sdk/scheduler';
import { task } from '@parley/scheduler-sdk/task';

const size = { cpus: 0.1, mem: '32MiB' };
const writer = task({ id: 'writer', command: 'echo from the writer > shared/note', ...size });
const reader = task({ id: 'reader', command: 'until cat shared/note; do sleep 0.1; done', ...size });
let launched = false;
let unfinished = 2;

const scheduler = await connectScheduler({
  credential: process.argv[2] ?? '',
  name: 'pod',
  role: '*',
  async onOffers(offers, self) {
    for (using lease of self.leases(offers)) {
      if (launched) continue;
      launched = true;
      const executor = { executorId: 'pod', kind: 'default' } as const;
      await lease.accept([{ kind: 'launchGroup', executor, tasks: [writer, reader] }]);
    }
  },
  onUpdate({ task: { taskId }, state }, self) {
    process.stdout.write(`${taskId} is ${state}\n`);
    if (isTerminal(state)) unfinished -= 1;
    if (unfinished === 0) void self.teardown();
  },
});
await scheduler.ended();
