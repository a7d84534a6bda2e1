// What becomes of tasks that want more than they may have, in real scopes: limits above the request are used, limits are
// kept, a greedy task is told by its limit, its neighbour keeps what it requested, and nothing greedy is left behind.

import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, setPriority } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LaunchRequest, TaskLimits } from '@parley/isolation/launcher';
import { readShimProcess } from '@parley/isolation/run-directory';
import { readLog } from '@parley/isolation/sandbox';
import { stopScope } from '@parley/isolation/stop-scope';
import { sliceOf } from '@parley/isolation/unit-name';
import { readGroupUsage } from '@parley/isolation/usage';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eachLauncher } from './each-launcher.ts';
import { aTask, type Bench, endOf, launched, openBench, WAIT_MS } from './isolation-fixture.ts';

const LONG_MS = 2 * WAIT_MS;
const CPUS = availableParallelism();
/** `getconf CLK_TCK` of every Linux in use. */
const TICKS_PER_SECOND = 100;

// Each step stays: a string in a shell's variable, a MiB longer than before.
const MIB_TEXT = 'm=$(head -c 1048576 /dev/zero | tr "\\0" x); ';
const slowEater = (mib: number): string =>
  `${MIB_TEXT} i=0; while [ $i -lt ${mib} ]; do i=$((i+1)); eval "x$i=\\$m"; done; echo ate`;
const FAST_EATER = 'x=0123456789abcdef; while :; do x=$x$x; done';
const FORK_BOMB = 'bomb() { bomb | bomb & }; bomb; sleep 3; exit 1';
const spinner = (perCpu: number): string =>
  `for i in $(seq ${perCpu * CPUS}); do (while :; do :; done) & done; wait`;
const SPINNER = spinner(2);

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

  async function run(script: string, limits: TaskLimits): Promise<LaunchRequest> {
    const task = await aTask(bench, ['/bin/sh', '-c', script], { limits });
    await launched(bench, task);
    open.push(task);
    return task;
  }

  async function textOf({ sandboxDirectory }: LaunchRequest): Promise<string> {
    const read = await readLog({ sandboxDirectory, stream: 'stdout', offset: 0, maxBytes: 1000 });
    return read.ok ? read.data.toString() : '';
  }

  async function cpuNsOf(task: LaunchRequest): Promise<number> {
    const groups = await readShimProcess(task.runDirectory);
    const usage = groups && (await readGroupUsage(groups, bench.rootPath));
    if (usage === undefined) throw new Error(`${task.unit} does not run`);
    return Number(usage.cpuNs);
  }

  /** CPU time of each, in CPUs, over a while in which all of them run. */
  async function ratesOf(tasks: readonly LaunchRequest[], ms: number): Promise<number[]> {
    const startMs = performance.now();
    const before = await Promise.all(tasks.map(cpuNsOf));
    await delay(ms);
    const after = await Promise.all(tasks.map(cpuNsOf));
    const elapsedNs = (performance.now() - startMs) * 1_000_000;
    return after.map((ns, index) => (ns - (before[index] ?? 0)) / elapsedNs);
  }

  it(
    'may use memory beyond its request, up to its limit, and is killed there by steps of 1 MiB too',
    async () => {
      const limits = { cpuMillis: 500, memoryMib: 8, memoryLimitMib: 48 };
      const modest = await run(slowEater(24), limits);
      expect(await endOf(bench, modest)).toEqual({ state: 'exited', code: 0 });
      expect(await textOf(modest)).toBe('ate\n');
      const slow = await run(slowEater(1000), limits);
      expect(await endOf(bench, slow)).toEqual({
        ...{ state: 'memoryLimit', limitMib: 48, peakMib: 48 },
      });
      expect(await textOf(slow)).toBe('');
    },
    LONG_MS,
  );

  it(
    'that eats memory fast is killed at what it requested, where it has no limit of its own',
    async () => {
      const fast = await run(FAST_EATER, { cpuMillis: 500, memoryMib: 32 });
      expect(await endOf(bench, fast)).toEqual({
        ...{ state: 'memoryLimit', limitMib: 32, peakMib: 32 },
      });
    },
    LONG_MS,
  );

  it(
    'that is killed below its limit, because there is no memory left above it, is not told to have met it',
    async () => {
      const script = `until [ -e go ]; do sleep 0.05; done; ${FAST_EATER}`;
      const task = await run(script, { cpuMillis: 500, memoryMib: 256 });
      const slice = sliceOf(task.unit);
      setMemoryOfSlice(slice, '32M');
      try {
        await writeFile(path.join(task.sandboxDirectory, 'go'), '');
        expect(await endOf(bench, task)).toMatchObject({ state: 'hostMemory', limitMib: 256 });
      } finally {
        setMemoryOfSlice(slice, 'infinity');
      }
    },
    LONG_MS,
  );

  it(
    'that is a fork bomb stays below its limit of processes, lets others start, and leaves nothing behind',
    async () => {
      const bomb = await run(FORK_BOMB, { cpuMillis: 100, memoryMib: 256, pidsMax: 200 });
      const neighbour = await run('echo fine', { cpuMillis: 500, memoryMib: 32 });
      expect(await endOf(bench, neighbour)).toEqual({ state: 'exited', code: 0 });
      const group = (await readShimProcess(bomb.runDirectory))?.memoryGroup ?? '';
      expect(await endOf(bench, bomb)).toMatchObject({ pids: { limit: 200, peak: 200 } });
      await expect
        .poll(async () => (await bench.launcher.list()).has(bomb.unit), { timeout: WAIT_MS })
        .toBe(false);
      expect(await readGroupUsage({ memoryGroup: group, cpuGroup: group }, bench.rootPath)).toBe(
        undefined,
      );
      expect(processesIn(bomb.sandboxDirectory)).toEqual([]);
    },
    LONG_MS,
  );

  it(
    'has idle CPU time beyond its request, but no more than its limit',
    async () => {
      const free = await run(SPINNER, { cpuMillis: 100, memoryMib: 32 });
      expect((await ratesOf([free], 2000))[0]).toBeGreaterThan(0.25);
      await stopScope(bench.launcher, free.unit, { graceMs: 0 });
      const capped = await run(SPINNER, { cpuMillis: 100, memoryMib: 32, cpuLimitMillis: 200 });
      expect((await ratesOf([capped], 2000))[0]).toBeLessThan(0.22);
    },
    LONG_MS,
  );

  it(
    'keeps what it requested beside one that spins on all CPUs, whichever slices they are in',
    async () => {
      // Were slices equal, each of them would get a half, and of three a third.
      const requested = 0.6;
      const good = await run(SPINNER, { cpuMillis: CPUS * requested * 1000, memoryMib: 32 });
      const greedy = await run(SPINNER, { cpuMillis: CPUS * 200, memoryMib: 32 });
      const lowly = { cpuMillis: CPUS * 1000, memoryMib: 32, isBestEffort: true };
      for (const others of [[greedy], [greedy, await run(SPINNER, lowly)]]) {
        await expectSliceWeights([good, ...others]);
        const [own = 0, ...rates] = await ratesOf([good, ...others], 4000);
        // Other programs of this host take from all of them alike.
        const share = own / rates.reduce((sum, rate) => sum + rate, own);
        expect(share).toBeGreaterThan(0.9 * requested);
      }
    },
    LONG_MS,
  );

  it(
    'does not starve who is in no slice of tasks, however many processes it has',
    async () => {
      const greedy = await run(spinner(8), {
        ...{ cpuMillis: CPUS * 1000, memoryMib: 64 },
      });
      const service = spawn('/bin/sh', ['-c', 'while :; do :; done']);
      try {
        // The priority of a service, whatever the tests have.
        if (process.getuid?.() === 0) setPriority(service.pid ?? 0, 0);
        await ratesOf([greedy], 500);
        const before = ticksOf(service.pid);
        const [rate = 0] = await ratesOf([greedy], 3000);
        const own = (ticksOf(service.pid) - before) / (3 * TICKS_PER_SECOND);
        // One thread beside eight for each CPU: were they equal, it would get a sixteenth on two CPUs.
        expect(own / rate).toBeGreaterThan(1 / (2 * CPUS + 2));
      } finally {
        service.kill('SIGKILL');
      }
    },
    LONG_MS,
  );

  function setMemoryOfSlice(slice: string, size: string): void {
    const { cgroupMode, enterCommand, manager } = bench.settings;
    const name = cgroupMode === 'v2' ? 'MemoryMax' : 'MemoryLimit';
    const words = ['systemctl', `--${manager}`, 'set-property', '--runtime', slice];
    const [program = '', ...rest] = [...enterCommand, ...words, `${name}=${size}`];
    execFileSync(program, rest);
  }

  /** Waits until the slices weigh what runs in them. */
  async function expectSliceWeights(tasks: readonly LaunchRequest[]): Promise<void> {
    const wanted = new Map<string, number>();
    for (const { unit, limits } of tasks) {
      const millis = limits.isBestEffort ? 1 : limits.cpuMillis;
      wanted.set(sliceOf(unit), (wanted.get(sliceOf(unit)) ?? 0) + millis);
    }
    for (const task of tasks) {
      const millis = wanted.get(sliceOf(task.unit)) ?? 0;
      await expect
        .poll(() => sliceWeightOf(task), { timeout: WAIT_MS })
        .toSatisfy((weight: number) => Math.abs(weight - millis) <= Math.max(2, 0.06 * millis));
    }
  }

  /** In thousandths of a CPU. */
  async function sliceWeightOf(task: LaunchRequest): Promise<number> {
    const { memoryGroup = '' } = (await readShimProcess(task.runDirectory)) ?? {};
    const slice = path.dirname(memoryGroup);
    const read = (file: string): number =>
      Number(readFileSync(path.join(bench.rootPath, file), 'utf8'));
    return bench.settings.cgroupMode === 'v2'
      ? read(`${slice}/cpu.weight`) * 10
      : (read(`${slice.replace('/memory/', '/cpu/')}/cpu.shares`) * 1000) / 1024;
  }
});

/** CPU time of a process: fields 14 and 15 of its stat (proc(5)). */
function ticksOf(pid: number | undefined): number {
  const [, , ...fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Pids of the processes that have this sandbox as their home. */
function processesIn(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${directory}`);
    } catch {
      // It has ended meanwhile, or is another user's.
      return false;
    }
  });
}
