// The processes that stand between a launcher and scopes die, or a shim is somewhere else than it should be: tasks
// start once or not at all, go on, and the next launches work. Only root has these processes.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseStat } from '@parley/isolation/process-identity';
import { hasStarted, prepareRunDirectory } from '@parley/isolation/run-directory';
import { stopScope } from '@parley/isolation/stop-scope';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isRoot } from './each-launcher.ts';
import { aTask, type Bench, endOf, launched, openBench, WAIT_MS } from './isolation-fixture.ts';

const SHIM = fileURLToPath(new URL('../../../libs/isolation/src/shim.sh', import.meta.url));
const run = promisify(execFile);
let bench: Bench;
beforeAll(async () => {
  bench = await openBench('scope');
}, WAIT_MS);
afterAll(() => bench.close(), WAIT_MS);

const rootIt = it.runIf(isRoot);

/** The children of this process whose command line has the word. */
async function children(word: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
        const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
        const words = await readFile(`/proc/${pid}/cmdline`, 'utf8');
        const isOurs = parent === String(process.pid) && parseStat(stat)?.state !== 'Z';
        return isOurs && words.includes(word) ? [Number(pid)] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    }),
  );
  return found.flat();
}

rootIt.each(['spawner.sh', 'systemd-stdio-bridge'])(
  'when %s is killed its tasks go on and the next launch works',
  async (word) => {
    const before = await aTask(bench, ['sleep', '1000']);
    await launched(bench, before);
    const [pid, ...others] = await children(word);
    expect(others).toEqual([]);
    process.kill(pid ?? 0, 'SIGKILL');
    // It is reaped when its end has been noticed; before that a launch may fail.
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: WAIT_MS }).toBe(false);
    const after = await aTask(bench, ['sh', '-c', 'exit 3']);
    await launched(bench, after);
    expect(await endOf(bench, after)).toEqual({ state: 'exited', code: 3 });
    expect((await bench.launcher.inspect(before.unit)).alive).toBe(true);
    await stopScope(bench.launcher, before.unit, { graceMs: 0 });
  },
  WAIT_MS,
);

rootIt(
  'launches under way when the spawner is killed start once or never',
  async () => {
    const tasks = await Promise.all(
      Array.from({ length: 12 }, () => aTask(bench, ['sh', '-c', 'echo run'])),
    );
    const launches = tasks.map((task) => bench.launcher.launch(task));
    await expect
      .poll(() => tasks.some(({ runDirectory }) => existsSync(`${runDirectory}/launch`)), {
        timeout: WAIT_MS,
        interval: 5,
      })
      .toBe(true);
    for (const pid of await children('spawner.sh')) process.kill(pid, 'SIGKILL');
    const outcomes = await Promise.all(launches);
    for (const [index, outcome] of outcomes.entries()) {
      const task = tasks[index];
      if (task === undefined) continue;
      if (outcome.ok) expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
      const output = existsSync(task.stdoutPath) ? await readFile(task.stdoutPath, 'utf8') : '';
      expect(output).toBe(outcome.ok ? 'run\n' : '');
      // The failure is final: nothing can start it any more.
      expect(await hasStarted(task.runDirectory)).toBe(true);
    }
  },
  WAIT_MS,
);

rootIt(
  'a task that signals its whole process group reaches no other task',
  async () => {
    const other = await aTask(bench, ['sleep', '1000']);
    await launched(bench, other);
    const task = await aTask(bench, ['sh', '-c', 'kill -KILL 0']);
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'signaled', signal: 'SIGKILL' });
    expect((await bench.launcher.inspect(other.unit)).alive).toBe(true);
    await stopScope(bench.launcher, other.unit, { graceMs: 0 });
  },
  WAIT_MS,
);

rootIt.each(['SIGINT', 'SIGHUP'] as const)(
  '%s to the scope ends a task that does not catch it',
  async (signal) => {
    const task = await aTask(bench, ['sleep', '1000']);
    await launched(bench, task);
    // The shim has told of the start a moment before the task is there.
    await expect
      .poll(
        async () => {
          await bench.launcher.stop(task.unit, signal);
          return (await bench.launcher.inspect(task.unit)).alive;
        },
        { timeout: WAIT_MS },
      )
      .toBe(false);
    expect(await endOf(bench, task)).toEqual({ state: 'signaled', signal });
  },
  WAIT_MS,
);

rootIt('a shim in another scope than its own starts nothing', async () => {
  const task = await aTask(bench, ['true']);
  await prepareRunDirectory(task.runDirectory, { environment: 'whole=1\n' });
  const shim = ['/bin/sh', SHIM, 'scope', task.runDirectory, task.sandboxDirectory, '--', 'true'];
  const elsewhere = `elsewhere-${path.basename(task.runDirectory)}`;
  const scope = ['systemd-run', '--scope', '--quiet', `--unit=${elsewhere}.scope`, '--'];
  const [program = '', ...words] = [...bench.settings.enterCommand, ...scope, ...shim];
  await expect(run(program, words)).rejects.toMatchObject({ code: 125 });
  expect(await hasStarted(task.runDirectory)).toBe(false);
});
