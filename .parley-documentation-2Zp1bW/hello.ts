// hello.ts
import { isTerminal } from '@parley/protocol/tasks';
import { connectScheduler } from '@parley/scheduler-sdk/scheduler';
import { resources, task } from '@parley/scheduler-sdk/task';

const waiting = ['ada', 'grace', 'barbara'];
const need = { cpus: 0.1, mem: '32MiB' };
let unfinished = waiting.length;

const scheduler = await connectScheduler({
  credential: process.argv[2] ?? '',
  name: 'hello',
  role: '*',
  // It is offered just that: three tasks of this size. Without a demand it would be offered whatever is free.
  demand: [{ count: waiting.length, resources: resources(need) }],
  async onOffers(offers, self) {
    for (using lease of self.leases(offers)) {
      const tasks = [];
      while (waiting.length > 0 && lease.take(resources(need)))
        tasks.push(task({ id: `hello-${waiting[0]}`, command: `echo hello ${waiting.shift()}`, ...need }));
      // A lease that is left unused is declined when its scope ends: none can leak.
      if (tasks.length > 0) await lease.launch(tasks);
    }
  },
  onUpdate({ task: { taskId }, state }, self) {
    process.stdout.write(`${taskId} is ${state}\n`);
    if (isTerminal(state)) unfinished -= 1;
    if (unfinished === 0) void self.teardown();
  },
});
await scheduler.ended();
