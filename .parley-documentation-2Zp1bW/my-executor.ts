// my-executor.ts
import { runExecutor } from '@parley/executor-sdk/run-executor';
import { EXECUTOR_ENVIRONMENT } from '@parley/protocol/executors';
import { isTerminal } from '@parley/protocol/tasks';
import { connectScheduler } from '@parley/scheduler-sdk/scheduler';
import { resources } from '@parley/scheduler-sdk/task';

if (process.env[EXECUTOR_ENVIRONMENT.socket] !== undefined) {
  // Started by an agent: one call for each task. Its return is `finished`, its throw `failed`, a kill aborts `signal`.
  runExecutor({
    async launch({ data }, { signal, update }) {
      signal.throwIfAborted();
      update({ message: `saying ${new TextDecoder().decode(data)}` });
    },
  });
} else await schedule();

async function schedule(): Promise<void> {
  const executor = {
    executorId: 'speaker',
    command: { argv: [process.execPath, import.meta.filename] },
    resources: resources({ cpus: 0.2, mem: '256MiB' }),
  };
  const tasks = ['one', 'two'].map((word) => ({
    taskId: word,
    resources: resources({ cpus: 0.1, mem: '32MiB' }),
    executor,
    data: new TextEncoder().encode(word),
  }));
  let unfinished = tasks.length;
  const scheduler = await connectScheduler({
    credential: process.argv[2] ?? '',
    name: 'speaking',
    role: '*',
    async onOffers(offers, self) {
      for (using lease of self.leases(offers)) {
        if (tasks.length > 0) await lease.accept([{ kind: 'launch', tasks: tasks.splice(0) }]);
      }
    },
    async onUpdate({ task: { taskId }, state, agentId }, self) {
      process.stdout.write(`${taskId} is ${state}\n`);
      if (isTerminal(state)) unfinished -= 1;
      if (unfinished === 0) await self.shutdownExecutor(agentId, 'speaker');
    },
    // The exit of an executor, and the loss of an agent, are told until they were handled.
    onEvent(event, self) {
      process.stdout.write(`${event.kind}\n`);
      void self.teardown();
    },
  });
  await scheduler.ended();
}
