// A framework's process for tests: the command scheduler as mesos-framework's own example has it, with so many tasks; it
// says what became of them, tears down when all have finished, and leaves with 0. Arguments: port, tasks, log directory.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Scheduler, Mesos } = require('mesos-framework');
const mesos = Mesos.getMesos();
const [port, tasks, logs] = process.argv.slice(2);
const wanted = Number(tasks);

const scheduler = new Scheduler({
  masterUrl: '127.0.0.1',
  port: Number(port),
  frameworkName: 'command framework',
  // It takes a master that says nothing for so long for lost; heartbeats come every 15 s.
  masterConnectionTimeout: 60,
  logging: { path: logs, fileName: 'framework.log', level: 'info' },
  restartStates: ['TASK_FAILED', 'TASK_LOST', 'TASK_ERROR'],
  tasks: {
    echo: {
      priority: 1,
      instances: wanted,
      commandInfo: new mesos.CommandInfo(
        null,
        null,
        true,
        'test -n "$PORT0" -a -n "$HOST"; sleep 1',
        null,
        null,
      ),
      resources: { cpus: 0.2, mem: 32, ports: 1, disk: 0 },
    },
  },
});

const finished = new Set();
scheduler.on('update', ({ status }: { status: { state: string; task_id: { value: string } } }) => {
  if (status.state !== 'TASK_FINISHED') return;
  finished.add(status.task_id.value);
  process.stdout.write(`finished: ${status.task_id.value}\n`);
  if (finished.size === wanted) scheduler.teardown();
});
scheduler.on('sent_teardown', () => process.exit(0));
scheduler.on('error', (error: { message?: string }) => {
  process.stdout.write(`trouble: ${error.message}\n`);
});
scheduler.on('ready', () => scheduler.subscribe());
