// What every launcher promises, tried with real scopes and with plain processes: ends are told apart, a run starts
// once, tasks outlive whoever launched them, and see nothing of its environment.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { probeHost } from '@parley/isolation/host-probe';
import { detectIsolation } from '@parley/isolation/host-support';
import type { LaunchRequest } from '@parley/isolation/launcher';
import { createProcessLauncher } from '@parley/isolation/process-launcher';
import { readShimProcess } from '@parley/isolation/run-directory';
import { readLog } from '@parley/isolation/sandbox';
import { stopScope } from '@parley/isolation/stop-scope';
import { watchExits } from '@parley/isolation/watch-exits';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eachLauncher } from './each-launcher.ts';
import {
  aTask,
  type Bench,
  endOf,
  launched,
  openBench,
  outcomeOfTask,
  WAIT_MS,
} from './isolation-fixture.ts';

const LAUNCH_PROCESS = fileURLToPath(new URL('./isolation-launch-process.ts', import.meta.url));

async function memoryLimitOf(bench: Bench, memoryGroup: string): Promise<number> {
  for (const file of ['memory.max', 'memory.limit_in_bytes']) {
    const limit = path.join(bench.rootPath, memoryGroup, file);
    const text = await readFile(limit, 'utf8').catch(() => undefined);
    if (text !== undefined) return Number(text);
  }
  throw new Error(`${memoryGroup} has no memory limit`);
}

eachLauncher(['scope', 'systemd-run', 'process'])('a task run as a %s', (kind) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(kind);
  }, WAIT_MS);
  afterAll(() => bench.close(), WAIT_MS);

  const sh = (script: string, changes?: Partial<LaunchRequest>): Promise<LaunchRequest> =>
    aTask(bench, ['/bin/sh', '-c', script], changes);

  async function textOf(task: LaunchRequest, stream: 'stdout' | 'stderr'): Promise<string> {
    const { sandboxDirectory } = task;
    const read = await readLog({ sandboxDirectory, stream, offset: 0, maxBytes: 100_000 });
    if (!read.ok) throw new Error(read.failure.message);
    return read.data.toString();
  }

  it.each([
    ['exit 0', { state: 'exited', code: 0 }],
    ['exit 7', { state: 'exited', code: 7 }],
    ['kill -TERM $$', { state: 'signaled', signal: 'SIGTERM' }],
    ['kill -KILL $$', { state: 'signaled', signal: 'SIGKILL' }],
    ['kill -SEGV $$', { state: 'signaled', signal: 'SIGSEGV' }],
  ])('that does `%s` is reported so', async (script, outcome) => {
    const task = await sh(script);
    expect(await launched(bench, task)).toEqual({ ok: true, alreadyStarted: false });
    expect(await endOf(bench, task)).toEqual(outcome);
  });

  it('gets other limits while it runs, and says when it does not run any more', async () => {
    const task = await sh('sleep 100');
    await launched(bench, task);
    expect(await bench.launcher.setLimits(task.unit, { cpuMillis: 300, memoryMib: 96 })).toBe(true);
    const shim = await readShimProcess(task.runDirectory);
    if (kind === 'process') expect(shim?.memoryGroup).toBe('');
    else expect(await memoryLimitOf(bench, shim?.memoryGroup ?? '')).toBe(96 * 1024 * 1024);
    await stopScope(bench.launcher, task.unit, { graceMs: 0 });
    expect(await bench.launcher.setLimits(task.unit, { cpuMillis: 300, memoryMib: 64 })).toBe(
      false,
    );
    await expect(
      bench.launcher.setLimits(task.unit, { cpuMillis: 0, memoryMib: 64 }),
    ).rejects.toThrow('cpuMillis');
  });

  it('whose program does not exist was not started, and says so in its stderr', async () => {
    const task = await aTask(bench, ['no-such-program']);
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'couldNotStart', fault: 'commandNotFound' });
    expect(await textOf(task, 'stderr')).toBe('parley: no-such-program: not found\n');
  });

  it('whose program may not be executed was not started', async () => {
    const task = await aTask(bench, ['./program']);
    await writeFile(path.join(task.sandboxDirectory, 'program'), '#!/bin/sh\n');
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({
      ...{ state: 'couldNotStart', fault: 'commandNotPermitted' },
    });
  });

  it('whose script names an interpreter that is not there was not started', async () => {
    const task = await aTask(bench, ['./program']);
    const program = path.join(task.sandboxDirectory, 'program');
    await writeFile(program, '#!/no/such/shell\n', { mode: 0o755 });
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'couldNotStart', fault: 'commandNotFound' });
  });

  it.each([126, 127])('that exits with %i by itself did so', async (code) => {
    const task = await sh(`exit ${code}`);
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'exited', code });
    const script = await aTask(bench, ['./program']);
    const program = path.join(script.sandboxDirectory, 'program');
    await writeFile(program, `#!/bin/sh\nrm ./program; no-such-program; exit ${code}\n`, {
      mode: 0o755,
    });
    await launched(bench, script);
    expect(await endOf(bench, script)).toEqual({ state: 'exited', code });
  });

  it('named like a part of the shell is a program like any other', async () => {
    const task = await aTask(bench, ['exit', '5']);
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'couldNotStart', fault: 'commandNotFound' });
  });

  it('only root: what its user may not execute, and a user that is not there, keep it from starting', async ({
    skip,
  }) => {
    skip(process.getuid?.() !== 0, 'only root can start a task as somebody else');
    const task = await aTask(bench, ['./program'], { user: 'nobody' });
    const program = path.join(task.sandboxDirectory, 'program');
    await writeFile(program, '#!/bin/sh\n', { mode: 0o700 });
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({
      ...{ state: 'couldNotStart', fault: 'commandNotPermitted' },
    });
    const other = await sh('true', { user: 'nobody-at-all' });
    await launched(bench, other);
    expect(await endOf(bench, other)).toEqual({ state: 'couldNotStart', fault: 'userNotFound' });
    const own = await sh('exit 127', { user: 'nobody' });
    await launched(bench, own);
    expect(await endOf(bench, own)).toEqual({ state: 'exited', code: 127 });
  });

  it('gets its arguments as they are, its own environment only, and its sandbox to work in', async () => {
    const awkward = ['a b', '$HOME', "it's", '*', '', '--', 'ü\n'];
    const script = 'pwd; cat; printf "<%s>" "$@"; env';
    const task = await aTask(bench, ['/bin/sh', '-c', script, 'sh', ...awkward], {
      environment: { GREETING: 'hello "you"' },
    });
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
    const said = await textOf(task, 'stdout');
    const [where, ...rest] = said.split('\n');
    expect(where).toBe(task.sandboxDirectory);
    expect(rest.join('\n')).toContain(awkward.map((word) => `<${word}>`).join(''));
    const names = said.slice(said.lastIndexOf('>') + 1).matchAll(/^([A-Za-z_]+)=/gm);
    const known = ['GREETING', 'HOME', 'LANG', 'PATH', 'PWD'];
    expect([...names].map((match) => match[1]).sort()).toEqual(known);
    expect(await textOf(task, 'stderr')).toBe('');
  });

  it('has no file of its shim open', async () => {
    const task = await sh(
      'for fd in 3 4 5; do [ -e "/proc/$$/fd/$fd" ] && exit "$fd"; done; exit 0',
    );
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
  });

  it('has no signal ignored', async () => {
    const task = await aTask(bench, ['/bin/grep', '^SigIgn', '/proc/self/status']);
    await launched(bench, task);
    await endOf(bench, task);
    expect(await textOf(task, 'stdout')).toMatch(/^SigIgn:\t0+\n$/);
  });

  it('is started once, however often and at once it is asked for', async () => {
    const task = await sh('echo run; sleep 0.2');
    const answers = await Promise.all([1, 2, 3].map(() => bench.launcher.launch(task)));
    await endOf(bench, task);
    expect(await bench.launcher.launch(task)).toEqual({ ok: true, alreadyStarted: true });
    expect(await textOf(task, 'stdout')).toMatch(/^run$/m);
    expect((await textOf(task, 'stdout')).match(/run/g)).toHaveLength(1);
    expect(answers.every((each) => each.ok)).toBe(true);
    expect(answers.filter((each) => each.ok && !each.alreadyStarted)).toHaveLength(1);
  });

  it(
    'goes on when its launcher dies by SIGKILL, and how it ended can be read then',
    async () => {
      const task = await sh('until [ -e go ]; do sleep 0.05; done; exit 9');
      const argument = JSON.stringify({ settings: bench.settings, request: task });
      const parent = spawn(process.execPath, [LAUNCH_PROCESS, argument], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = await once(createInterface(parent.stdout), 'line');
      expect(JSON.parse(line)).toEqual({ ok: true, alreadyStarted: false });
      parent.kill('SIGKILL');
      await once(parent, 'exit');
      expect(await outcomeOfTask(bench, task)).toEqual({ state: 'running' });
      expect(await bench.launcher.list()).toContain(task.unit);
      const again = await bench.launcher.launch(task);
      expect(again).toEqual({ ok: true, alreadyStarted: true });
      await writeFile(path.join(task.sandboxDirectory, 'go'), '');
      expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 9 });
    },
    WAIT_MS,
  );

  it(
    'that handles SIGTERM decides itself how it ends',
    async () => {
      const task = await sh('trap "exit 4" TERM; echo ready; while :; do sleep 0.05; done');
      await launched(bench, task);
      await expect.poll(() => textOf(task, 'stdout'), { timeout: WAIT_MS }).toBe('ready\n');
      expect(await stopScope(bench.launcher, task.unit, { graceMs: WAIT_MS })).toEqual({
        killed: false,
      });
      expect(await outcomeOfTask(bench, task)).toMatchObject({ state: 'exited', code: 4 });
    },
    WAIT_MS,
  );

  it(
    'that ignores SIGTERM dies by SIGKILL, and nobody knows its status',
    async () => {
      const task = await sh('trap "" TERM; echo ready; while :; do sleep 0.05; done');
      await launched(bench, task);
      await expect.poll(() => textOf(task, 'stdout'), { timeout: WAIT_MS }).toBe('ready\n');
      expect(await stopScope(bench.launcher, task.unit, { graceMs: 200 })).toEqual({
        killed: true,
      });
      expect(await outcomeOfTask(bench, task)).toEqual({ state: 'unknown' });
      expect(await bench.launcher.list()).not.toContain(task.unit);
      expect(await bench.launcher.stop(task.unit, 'SIGTERM')).toBe(false);
    },
    WAIT_MS,
  );

  it(
    'is reported to the watch when it ends, also without a marker, and is not forgotten before',
    async () => {
      const ended: string[] = [];
      const errors: unknown[] = [];
      const expected = new Set<string>();
      const before = await sh('exit 0');
      await launched(bench, before);
      await endOf(bench, before);
      const watch = await watchExits({
        runRoot: bench.runRoot,
        expected: () => expected,
        listLive: () => bench.launcher.list(),
        sweepIntervalMs: 60_000,
        onEnded: (unit) => {
          expected.delete(unit);
          ended.push(unit);
        },
        onError: (error) => errors.push(error),
      });
      // The first look finds the marker of the task that ended while nobody watched.
      await expect.poll(() => ended, { timeout: WAIT_MS }).toContain(before.unit);
      const short = await sh('exit 0');
      const killed = await sh('sleep 100');
      for (const task of [short, killed]) {
        await launched(bench, task);
        expected.add(task.unit);
      }
      // The sweep is a minute away: this end is seen by its marker.
      await expect.poll(() => ended, { timeout: WAIT_MS }).toContain(short.unit);
      expect(ended).not.toContain(killed.unit);
      await bench.launcher.stop(killed.unit, 'SIGKILL');
      await watch.check(killed.unit);
      await expect.poll(() => ended, { timeout: WAIT_MS }).toContain(killed.unit);
      watch.close();
      expect(errors).toEqual([]);
    },
    WAIT_MS,
  );

  it('whose request is wrong is refused before anything is written', async () => {
    const task = await sh('echo ran', { sandboxDirectory: 'not-absolute' });
    expect(await bench.launcher.launch(task)).toMatchObject({
      ok: false,
      failure: { code: 'invalidRequest' },
    });
    await expect(readFile(path.join(task.runDirectory, 'started'))).rejects.toThrow(/ENOENT/);
  });
});

it('scopes of a user’s own manager are what the tests above ran in', async ({ skip }) => {
  const support = detectIsolation(await probeHost());
  const who = process.getuid?.() === 0 ? 'root uses the system’s or a private systemd' : 'a user';
  const why = support.kind === 'unsupported' ? support.reason : support.kind;
  skip(support.kind !== 'user-systemd', `not tried here: ${who} (${why})`);
  const bench = await openBench('systemd-run');
  expect(bench.settings.manager).toBe('user');
  await bench.close();
});

it('a task of an earlier boot has ended without a trace, is not started again, and nobody is signalled in its place', async () => {
  const bench = await openBench('process');
  const task = await aTask(bench, ['/bin/sh', '-c', 'sleep 100']);
  await launched(bench, task);
  await expect
    .poll(() => outcomeOfTask(bench, task), { timeout: WAIT_MS })
    .toEqual({ state: 'running' });
  const { runRoot } = bench.settings;
  const afterReboot = createProcessLauncher({ runRoot, readBootId: async () => 'another boot' });
  const rebooted = { ...bench, launcher: afterReboot };
  expect(await outcomeOfTask(rebooted, task)).toEqual({ state: 'unknown' });
  expect(await launched(rebooted, task)).toEqual({ ok: true, alreadyStarted: true });
  expect(await afterReboot.stop(task.unit, 'SIGKILL')).toBe(false);
  expect(await outcomeOfTask(bench, task)).toEqual({ state: 'running' });
  await bench.close();
});
