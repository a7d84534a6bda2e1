// What a task reads and writes of its agent's disk in a real scope stays near its limit, beside what it has without one.
// cgroup v1 throttles what goes to the disk at once: reads, and writes that no cache takes. A weight counts where the scheduler
// of the disk knows weights; what systemd keeps of it is read everywhere.

import { execFileSync } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { LaunchRequest, TaskLimits } from '@parley/isolation/launcher';
import { stopScope } from '@parley/isolation/stop-scope';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eachLauncher, isRoot } from './each-launcher.ts';
import {
  aTask,
  type Bench,
  createLauncher,
  endOf,
  launched,
  openBench,
  outcomeOfTask,
  WAIT_MS,
} from './isolation-fixture.ts';

const LONG_MS = 3 * WAIT_MS;
const MIB = 1024 * 1024;
const LIMIT_MIB = 4;
const LIMITED: TaskLimits['io'] = { readBytes: LIMIT_MIB * MIB, writeBytes: LIMIT_MIB * MIB };
/** Each copy is timed by itself, in nanoseconds, beside what the task's start takes. */
const timed = (words: string): string =>
  `s=$(date +%s%N); ${words} 2>/dev/null || exit 1; e=$(date +%s%N); echo $((e-s)) >> times; `;
const write = (mib: number): string =>
  timed(`dd if=/dev/zero of=file bs=1M count=${mib} oflag=direct`);
const read = (mib: number): string =>
  timed(`dd if=file of=/dev/null bs=1M count=${mib} iflag=direct`);

eachLauncher(['scope', 'systemd-run'])('a task in a scope, started by %s', (kind) => {
  let bench: Bench;
  const open: LaunchRequest[] = [];
  beforeAll(async () => {
    bench = await openBench(kind);
  }, WAIT_MS);
  afterEach(async () => {
    for (const task of open.splice(0)) await stopScope(bench.launcher, task.unit, { graceMs: 0 });
  });
  afterAll(() => bench.close(), WAIT_MS);

  /** A systemd of a user is seldom given the controller; root has it, or these tests fail. */
  function unlimited(): [boolean, string] {
    const { io } = bench.settings;
    return 'lacks' in io ? [!isRoot, io.lacks] : [false, ''];
  }

  async function start(script: string, io: TaskLimits['io']): Promise<LaunchRequest> {
    const limits = { cpuMillis: 1000, memoryMib: 64, ...(io && { io }) };
    const task = await aTask(bench, ['/bin/sh', '-c', script], { limits });
    await launched(bench, task);
    open.push(task);
    return task;
  }

  /** MiB per second of each copy. */
  async function ratesOf(task: LaunchRequest, mib: number): Promise<number[]> {
    expect(await endOf(bench, task)).toEqual({ state: 'exited', code: 0 });
    const times = await readFile(path.join(task.sandboxDirectory, 'times'), 'utf8');
    return times
      .trim()
      .split('\n')
      .map((ns) => mib / (Number(ns) / 1e9));
  }

  it(
    'reads and writes at its limit, where it would do so much faster without',
    async ({ skip }) => {
      skip(...unlimited());
      const mib = 3 * LIMIT_MIB;
      const script = write(mib) + read(mib);
      const [freeWrite = 0, freeRead = 0] = await ratesOf(await start(script, undefined), mib);
      const limited = await ratesOf(await start(script, LIMITED), mib);
      for (const [index, free] of [freeWrite, freeRead].entries()) {
        expect(free).toBeGreaterThan(2 * LIMIT_MIB);
        // What comes first may go ahead of the count.
        expect(limited[index]).toBeLessThan(1.5 * LIMIT_MIB);
        expect(limited[index]).toBeGreaterThan(0.3 * LIMIT_MIB);
      }
    },
    LONG_MS,
  );

  it(
    'is limited while it runs, and limited no more',
    async ({ skip }) => {
      skip(...unlimited());
      const mib = 2 * LIMIT_MIB;
      const waiting = 'until [ -e PLACE ]; do sleep 0.05; done; rm PLACE; ';
      const steps = ['go1', 'go2'].map((name) => waiting.replaceAll('PLACE', name) + write(mib));
      const task = await start(`${steps.join('')}exit 0`, undefined);
      const limits = { cpuMillis: 1000, memoryMib: 64 };
      const go = async (name: string, io: TaskLimits['io']): Promise<void> => {
        expect(await bench.launcher.setLimits(task.unit, { ...limits, ...(io && { io }) })).toBe(
          true,
        );
        const marker = path.join(task.sandboxDirectory, name);
        await copyFile('/dev/null', marker);
        await expect
          .poll(() => readFile(path.join(task.sandboxDirectory, 'times'), 'utf8').catch(() => ''), {
            timeout: WAIT_MS,
          })
          .toMatch(name === 'go1' ? /^\d+\n/ : /^\d+\n\d+\n/);
      };
      await go('go1', LIMITED);
      await go('go2', undefined);
      const [limited, free] = await ratesOf(task, mib);
      expect(limited).toBeLessThan(1.5 * LIMIT_MIB);
      expect(free).toBeGreaterThan(2 * LIMIT_MIB);
    },
    LONG_MS,
  );

  it('weighs what it asked for beside others, what it asks for later, and then as everybody', async ({
    skip,
  }) => {
    const { cgroupMode, enterCommand, manager, io } = bench.settings;
    const isOfUser = process.getuid?.() !== 0;
    skip('lacks' in io && isOfUser, 'a systemd of a user is seldom given the controller');
    // v2 counts as the task does, from 1 to 10,000 with 100 for everybody; v1 from 10 to 1,000 with 500.
    const [name, half, twice] =
      cgroupMode === 'v2' ? ['IOWeight', '50', '200'] : ['BlockIOWeight', '250', '1000'];
    const task = await start('sleep 1000', { weight: 50 });
    const limits = { cpuMillis: 1000, memoryMib: 64 };
    const weightOf = (): string => {
      const whose = manager === 'user' ? ['--user'] : [];
      const words = ['systemctl', ...whose, 'show', '--value', '-p', name, `${task.unit}.scope`];
      const [program = '', ...rest] = [...enterCommand, ...words];
      return execFileSync(program, rest, { encoding: 'utf8' }).trim();
    };
    expect(weightOf()).toBe(half);
    await bench.launcher.setLimits(task.unit, { ...limits, io: { weight: 200 } });
    expect(weightOf()).toBe(twice);
    await bench.launcher.setLimits(task.unit, limits);
    expect(weightOf()).toBe('[not set]');
  });

  it('with a limit is not started where its agent has no disk to limit, nor told that it has one', async () => {
    const launcher = createLauncher({ ...bench.settings, io: { lacks: 'it is in memory' } });
    const limits = { cpuMillis: 1000, memoryMib: 64, io: { readBytes: MIB } };
    const task = await aTask(bench, ['true'], { limits });
    expect(await launcher.launch(task)).toEqual({
      ok: false,
      failure: { code: 'launchFailed', message: expect.stringContaining('it is in memory') },
    });
    await expect(launcher.setLimits(task.unit, limits)).rejects.toThrow('it is in memory');
    expect(await outcomeOfTask(bench, task)).toEqual({ state: 'notStarted' });
  });
});
