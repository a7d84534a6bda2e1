// What a confined task shares with nobody beside files and processes, tried with real scopes: System V objects, POSIX
// queues and the host's name; and that a command beside it is where the task is.

import { execFileSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { runInScope } from '@parley/isolation/enter-scope';
import type { LaunchRequest } from '@parley/isolation/launcher';
import { stopScope } from '@parley/isolation/stop-scope';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eachLauncher } from './each-launcher.ts';
import {
  aTask,
  type Bench,
  launched,
  openBench,
  saidBy,
  textOf,
  WAIT_MS,
} from './isolation-fixture.ts';

const isRoot = process.getuid?.() === 0;
const OTHER = isRoot ? { userId: 2_000_777, groupId: 2_000_777 } : undefined;
/** Each by a key that everybody knows; any user may use them. */
const MAKE = 'ipcmk -M 64 -Q -S 1 -p 0666';
/** Prints how many there are. */
const COUNT = 'cat /proc/sysvipc/shm /proc/sysvipc/msg /proc/sysvipc/sem | grep -vc key';

eachLauncher(['scope', 'systemd-run'])('a confined task run as a %s', (kind) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(kind);
  }, WAIT_MS);
  afterAll(() => bench.close(), WAIT_MS);

  const sh = (script: string, changes?: Partial<LaunchRequest>): Promise<LaunchRequest> =>
    aTask(bench, ['/bin/sh', '-c', script], changes);

  /** One that has made what its script makes, and goes on. */
  async function running(script: string, owner = bench.confinement?.owner): Promise<LaunchRequest> {
    const places = bench.confinement?.places ?? [];
    const task = await sh(`${script} && echo made; sleep 1000`, { confinement: { owner, places } });
    await launched(bench, task);
    await expect.poll(() => textOf(task), { timeout: WAIT_MS }).toMatch(/made\n$/);
    return task;
  }

  async function saidBeside(task: LaunchRequest, script: string): Promise<string> {
    const outcome = await runInScope({
      ...task,
      command: ['/bin/sh', '-c', `{ ${script}; } > beside 2>&1`],
      timeoutMs: WAIT_MS,
      enterCommand: bench.settings.enterCommand,
    });
    expect(outcome).toMatchObject({ kind: 'exited' });
    return readFile(path.join(task.sandboxDirectory, 'beside'), 'utf8');
  }

  it('sees no shared memory, queue or semaphore of another framework’s task, nor of the host', async () => {
    const other = await running(MAKE, OTHER);
    // On the host, which sees none of the task's.
    const made = execFileSync('ipcmk', ['-M', '64'], { encoding: 'utf8' });
    try {
      expect(await saidBy(bench, await sh(`${COUNT}; ${MAKE} > made; ${COUNT}`))).toBe('0\n3\n');
      expect(await saidBeside(other, COUNT)).toBe('3\n');
    } finally {
      execFileSync('ipcrm', ['-m', /\d+/.exec(made)?.[0] ?? '']);
    }
    await stopScope(bench.launcher, other.unit, { graceMs: 0 });
  });

  it('names POSIX queues for itself, and lists its own', async () => {
    const directory = path.join(bench.workDirectory, 'mqueue');
    await mkdir(directory, { recursive: true });
    const places = [
      ...(bench.confinement?.places ?? []),
      { path: directory, is: 'messageQueues' },
    ] as const;
    const task = (name: string, script: string): Promise<LaunchRequest> =>
      sh(`: > ${directory}/${name} && ${script}; ls ${directory}`, {
        confinement: { owner: bench.confinement?.owner, places },
      });
    const other = await task('of-another', 'sleep 1000');
    await launched(bench, other);
    expect(await saidBy(bench, await task('mine', 'true'))).toBe('mine\n');
    expect(await saidBeside(other, `ls ${directory}`)).toBe('of-another\n');
    await stopScope(bench.launcher, other.unit, { graceMs: 0 });
  });

  it('knows the host’s name and cannot change it, as little as a command beside it; the name is its own', async () => {
    const change = 'hostname; hostname parley-was-here 2> /dev/null; hostname';
    const script = `{ ${change}; readlink /proc/self/ns/uts; }`;
    const [one, other] = [await running(script), await running(script, OTHER)];
    const said = (await textOf(one)).replace('made\n', '');
    expect(said).toMatch(`${hostname()}\n${hostname()}\nuts:`);
    expect(await saidBeside(one, script)).toBe(said);
    expect(await textOf(other)).not.toBe(await textOf(one));
    for (const { unit } of [one, other]) await stopScope(bench.launcher, unit, { graceMs: 0 });
  });

  it('has a command beside it in all of its namespaces', async () => {
    const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'];
    const list = kinds.map((name) => `readlink /proc/self/ns/${name}`).join(' && ');
    const task = await running(list);
    expect(`${await saidBeside(task, list)}made\n`).toBe(await textOf(task));
    await stopScope(bench.launcher, task.unit, { graceMs: 0 });
  });
});
