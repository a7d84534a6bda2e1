// An executor for tests, written with the SDK: what a task does, its name says. It says in which scope it runs and with
// which limit, answers every message with the same bytes in reverse, and can crash.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { runExecutor } from '@parley/executor-sdk/run-executor';
import { TaskFailed } from '@parley/executor-sdk/task-runs';

/** Line of a process in /proc/PID/cgroup that tells its memory group; the whole text where there is one hierarchy. */
function groupOf(text: string): string {
  const line = text.split('\n').find((each) => each.includes(':memory:'));
  return (line ?? text.trim()).split(':').slice(2).join(':');
}

function memoryLimitMib(): number {
  const group = groupOf(readFileSync('/proc/self/cgroup', 'utf8'));
  const files = ['memory/GROUP/memory.limit_in_bytes', 'GROUP/memory.max'];
  for (const file of files) {
    try {
      const whole = path.join('/sys/fs/cgroup', file.replace('GROUP', `.${group}`));
      return Number(readFileSync(whole, 'utf8')) / 1024 / 1024;
    } catch {
      // The host has the other version of cgroups.
    }
  }
  return 0;
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve()));

async function untilThere(file: string): Promise<void> {
  while (!existsSync(file)) await wait(50);
}

runExecutor({
  async launch(task, { signal, update }) {
    switch (task.name) {
      case 'scope':
        return {
          message: groupOf(execFileSync('cat', ['/proc/self/cgroup'], { encoding: 'utf8' })),
        };
      case 'limit':
        return { message: String(memoryLimitMib()) };
      case 'once':
        appendFileSync(`run-${task.taskId}`, 'run\n');
        await wait(50);
        return undefined;
      case 'crash':
        return process.exit(7);
      case 'fail':
        throw new TaskFailed('as it was asked to', 4);
      case 'tidies':
        await untilAborted(signal);
        await untilThere(process.argv[2] ?? '');
        return undefined;
      case 'ignores':
        return untilAborted(new AbortController().signal).then(() => undefined);
      default:
        update({ message: `waits in process ${process.pid}`, healthy: true });
        await untilAborted(signal);
        return undefined;
    }
  },
  message: (data, executor) => executor.send(data.toReversed() as typeof data),
  trouble: (reason) => process.stderr.write(`${reason}\n`),
});
