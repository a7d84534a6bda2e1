// What only a scope promises, whichever way the shim got into it: limits that the kernel enforces and that are read back, memory deaths told as such,
// nothing of a task left behind, and a status that survives a full disk.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { LaunchRequest } from '@parley/isolation/launcher';
import { prepareRunDirectory, readShimProcess } from '@parley/isolation/run-directory';
import { readLog } from '@parley/isolation/sandbox';
import { stopScope } from '@parley/isolation/stop-scope';
import { readGroupUsage, sliceGroupsOf } from '@parley/isolation/usage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

const MIB = 1024 * 1024;
// Doubles a string until the kernel stops it.
const MEMORY_HOG = 'x=0123456789abcdef; while :; do x=$x$x; done';
const STUBBORN = 'trap "" TERM; echo ready; while :; do sleep 0.1; done';
let bench: Bench;

const sh = (script: string, changes?: Partial<LaunchRequest>): Promise<LaunchRequest> =>
  aTask(bench, ['/bin/sh', '-c', script], changes);

async function textOf(task: LaunchRequest): Promise<string> {
  const { sandboxDirectory } = task;
  const read = await readLog({ sandboxDirectory, stream: 'stdout', offset: 0, maxBytes: 10_000 });
  if (!read.ok) throw new Error(read.failure.message);
  return read.data.toString();
}

async function groupsOf(task: LaunchRequest): Promise<{ memoryGroup: string; cpuGroup: string }> {
  const shim = await readShimProcess(task.runDirectory);
  if (shim === undefined) throw new Error(`${task.unit} recorded no process`);
  return shim;
}

/** The first of the files that is there: v2's name, then v1's. */
async function readFirst(files: readonly string[]): Promise<string> {
  for (const file of files) {
    const text = await readFile(path.join(bench.rootPath, file), 'utf8').catch(() => undefined);
    if (text !== undefined) return text.trim();
  }
  throw new Error(`none of ${files.join(', ')} is there`);
}

async function expectNothingOf(task: LaunchRequest): Promise<void> {
  expect(await bench.launcher.list()).not.toContain(task.unit);
  expect(readGroupUsage(await groupsOf(task), bench.rootPath)).toBeUndefined();
}

eachLauncher(['scope', 'systemd-run'])('by the launcher %s', (kind) => {
  beforeAll(async () => {
    bench = await openBench(kind);
  }, WAIT_MS);
  afterAll(() => bench.close(), WAIT_MS);

  it('the limits of a request are those of the kernel', async () => {
    const limits = {
      cpuMillis: 200,
      memoryMib: 16,
      cpuLimitMillis: 300,
      memoryLimitMib: 48,
      pidsMax: 17,
    };
    const task = await sh('sleep 100', { limits });
    await launched(bench, task);
    const { memoryGroup } = await groupsOf(task);
    const inV1 = (controller: string): string => memoryGroup.replace('/memory/', `/${controller}/`);
    const memory = [`${memoryGroup}/memory.max`, `${memoryGroup}/memory.limit_in_bytes`];
    expect(await readFirst(memory)).toBe(String(48 * MIB));
    const tasks = [`${memoryGroup}/pids.max`, `${inV1('pids')}/pids.max`];
    // The shim, and the two processes that confine the task, are three more.
    expect(await readFirst(tasks)).toBe('20');
    const [weight, shares] = [`${memoryGroup}/cpu.weight`, `${inV1('cpu')}/cpu.shares`];
    expect(['20', '205']).toContain(await readFirst([weight, shares]));
    const quota = await readFirst([`${memoryGroup}/cpu.max`, `${inV1('cpu')}/cpu.cfs_quota_us`]);
    const period = quota.includes(' ')
      ? quota.split(' ')[1]
      : await readFirst([`${inV1('cpu')}/cpu.cfs_period_us`]);
    expect(Number.parseInt(quota, 10) / Number(period)).toBeCloseTo(0.3);
    // v2 knows a limit for swap; on v1 the shim asks for none, when it has told that it runs.
    const swap = [`${memoryGroup}/memory.swap.max`, `${memoryGroup}/memory.swappiness`];
    await expect.poll(() => readFirst(swap), { timeout: WAIT_MS }).toBe('0');
    await stopScope(bench.launcher, task.unit, { graceMs: 0 });
  });

  it(
    'a task over its memory limit is reported with the limit and the peak',
    async () => {
      const task = await sh(MEMORY_HOG, { limits: { cpuMillis: 1_000, memoryMib: 40 } });
      await launched(bench, task);
      expect(await endOf(bench, task)).toEqual({ state: 'memoryLimit', limitMib: 40, peakMib: 40 });
    },
    WAIT_MS,
  );

  it(
    'a task that fails because a process of it was killed for memory is reported as that',
    async () => {
      const task = await sh(`sh -c '${MEMORY_HOG}'; exit 3`, {
        limits: { cpuMillis: 1_000, memoryMib: 40 },
      });
      await launched(bench, task);
      expect(await endOf(bench, task)).toMatchObject({ state: 'memoryLimit', limitMib: 40 });
    },
    WAIT_MS,
  );

  it('a task below its limit is not reported as a memory death when it is killed', async () => {
    const task = await sh('kill -KILL $$');
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({ state: 'signaled', signal: 'SIGKILL' });
  });

  it('when the whole scope is killed, the shim too, the end is unknown and not a guess', async () => {
    const task = await sh('sleep 100');
    await launched(bench, task);
    await bench.launcher.stop(task.unit, 'SIGKILL');
    expect(await endOf(bench, task)).toEqual({ state: 'unknown' });
  });

  it('a task cannot have more processes than its limit', async () => {
    const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 100 & done; echo all';
    const task = await sh(script, { limits: { cpuMillis: 1_000, memoryMib: 64, pidsMax: 6 } });
    await launched(bench, task);
    expect(await endOf(bench, task)).toEqual({
      ...{ state: 'exited', code: 2 },
      pids: { limit: 6, peak: 6 },
    });
    expect(await textOf(task)).toBe('');
  });

  // A confined task takes its namespace with it, and all that is in that. Of another one only the scope knows what it left.
  describe.each(['confined', 'not confined'])('where tasks are %s', (how) => {
    const leaving = async (script: string): Promise<LaunchRequest> => {
      const task = await sh(script);
      const { confinement: _, ...plain } = task;
      return how === 'confined' ? task : plain;
    };

    it(
      'a child in a session of its own that ignores SIGTERM dies with SIGKILL to the scope',
      async () => {
        const own = `setsid sh -c '(${STUBBORN}) &'`;
        const task = await leaving(`trap "" TERM; ${own}; while :; do sleep 0.1; done`);
        await launched(bench, task);
        await expect.poll(() => textOf(task), { timeout: WAIT_MS }).toBe('ready\n');
        expect(await stopScope(bench.launcher, task.unit, { graceMs: 300 })).toEqual({
          killed: true,
        });
        await expectNothingOf(task);
        expect(await outcomeOfTask(bench, task)).toEqual({ state: 'unknown' });
      },
      WAIT_MS,
    );

    it(
      'such a child does not outlive a task that ended by SIGTERM, whose status is known',
      async () => {
        const task = await leaving(`setsid sh -c '(${STUBBORN}) &'; sleep 100`);
        await launched(bench, task);
        await expect.poll(() => textOf(task), { timeout: WAIT_MS }).toBe('ready\n');
        expect(await stopScope(bench.launcher, task.unit, { graceMs: WAIT_MS })).toEqual({
          killed: false,
        });
        await expectNothingOf(task);
        expect(await outcomeOfTask(bench, task)).toMatchObject({
          state: 'signaled',
          signal: 'SIGTERM',
        });
      },
      WAIT_MS,
    );

    it('what a task leaves running ends with it, in whatever session', async () => {
      const task = await leaving('setsid sleep 1000 & (setsid sleep 1000 &); exit 0');
      await launched(bench, task);
      expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
      const isListed = async (): Promise<boolean> => (await bench.launcher.list()).has(task.unit);
      await expect.poll(isListed, { timeout: WAIT_MS }).toBe(false);
      await expectNothingOf(task);
    });
  });

  it(
    'usage is read while the task runs, alone and with its slice, and kept when it ended',
    async () => {
      const task = await sh(
        'i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo done; sleep 100',
      );
      await launched(bench, task);
      await expect.poll(() => textOf(task), { timeout: WAIT_MS }).toBe('done\n');
      const groups = await groupsOf(task);
      const own = readGroupUsage(groups, bench.rootPath);
      const slice = readGroupUsage(sliceGroupsOf(groups), bench.rootPath);
      if (own === undefined || slice === undefined) throw new Error('a live group has no usage');
      expect(own.cpuNs).toBeGreaterThan(0n);
      expect(own.memoryBytes).toBeGreaterThan(0);
      expect(own.memoryPeakBytes).toBeGreaterThanOrEqual(own.memoryBytes);
      expect(slice.cpuNs).toBeGreaterThanOrEqual(own.cpuNs);
      await bench.launcher.stop(task.unit, 'SIGTERM');
      await endOf(bench, task);
      const ended = await outcomeOfTask(bench, task);
      if (ended.state !== 'signaled') throw new Error(`the task ended as ${ended.state}`);
      expect(ended.usage.cpuNs).toBeGreaterThanOrEqual(own.cpuNs);
      expect(ended.usage.memoryPeakBytes).toBeGreaterThan(0);
    },
    WAIT_MS,
  );

  it('only root: a task may run as another user, who cannot read the agent’s files', async ({
    skip,
  }) => {
    skip(process.getuid?.() !== 0, 'only root can start a task as somebody else');
    const script = 'id -un; ls "$RUN" && exit 1; [ -e /proc/$$/fd/5 ] && exit 2; exit 0';
    const task = await sh(script, { user: 'nobody' });
    await launched(bench, { ...task, environment: { RUN: task.runDirectory } });
    expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
    expect(await textOf(task)).toBe('nobody\n');
  });

  it('a command that systemd refuses is a failed launch with its reason, and stays one', async () => {
    const task = await sh('echo ran', {
      limits: { cpuMillis: 1_000, memoryMib: Number.MAX_SAFE_INTEGER },
    });
    const outcome = await bench.launcher.launch(task);
    expect(outcome).toMatchObject({ ok: false, failure: { code: 'launchFailed' } });
    expect(outcome.ok ? '' : outcome.failure.message).toMatch(/out of range/);
    // An agent that dies now, and comes back, must not find a run that it may start.
    expect(await outcomeOfTask(bench, task)).toEqual({ state: 'unknown' });
    const { limits } = await sh('true');
    expect(await bench.launcher.launch({ ...task, limits })).toEqual({
      ok: true,
      alreadyStarted: true,
    });
    expect(await outcomeOfTask(bench, task)).toEqual({ state: 'unknown' });
  });

  it.each([
    ['waits for its name, which an earlier one of the same run has taken whose agent died', '1'],
    ['takes its name from an earlier one of the same run that neither starts nor goes', '1000'],
  ])(
    'a launch %s, and starts the task then',
    async (_, seconds) => {
      const task = await sh('echo ran');
      await prepareRunDirectory(task.runDirectory, {});
      const { enterCommand, manager } = bench.settings;
      const flags = manager === 'user' ? ['--user'] : [];
      const scope = ['--scope', '--quiet', `--unit=${task.unit}.scope`, 'sleep', seconds];
      const [program = '', ...words] = [...enterCommand, 'systemd-run', ...flags, ...scope];
      const before = spawn(program, words, { stdio: 'ignore' });
      const isOver = once(before, 'exit');
      const isThere = async (): Promise<boolean> => (await bench.launcher.inspect(task.unit)).alive;
      await expect.poll(isThere, { timeout: WAIT_MS }).toBe(true);
      expect(await launched(bench, task)).toEqual({ ok: true, alreadyStarted: false });
      await isOver;
      expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
      expect(await textOf(task)).toBe('ran\n');
    },
    WAIT_MS,
  );

  it(
    'a full disk fails a launch by name, and does not lose the status of a running task',
    async ({ skip }) => {
      skip(process.getuid?.() !== 0, 'only root can mount a small file system');
      const directory = await mkdtemp(path.join(tmpdir(), 'parley-small-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
      try {
        const small = await openBench(kind, path.join(directory, 'work'));
        try {
          const script = 'until [ -e go ]; do sleep 0.05; done; exit 6';
          const running = await aTask(small, ['/bin/sh', '-c', script]);
          const late = await aTask(small, ['true']);
          await launched(small, running);
          const filler = path.join(directory, 'filler');
          await expect(writeFile(filler, Buffer.alloc(4 * MIB))).rejects.toThrow(/ENOSPC/);
          expect(await small.launcher.launch(late)).toMatchObject({
            ok: false,
            failure: { code: 'diskFull' },
          });
          await writeFile(path.join(running.sandboxDirectory, 'go'), '');
          expect(await endOf(small, running)).toEqual({ state: 'exited', code: 6 });
        } finally {
          await small.close();
        }
      } finally {
        execFileSync('umount', [directory]);
        await rm(directory, { recursive: true });
      }
    },
    WAIT_MS,
  );
});
