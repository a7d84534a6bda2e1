// A private systemd from start to end: it is found again, several stand side by side, its caller stays where it
// was, and nothing of it is left: no process, no cgroup, no mount, no file. Needs root; it says so elsewhere.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseCgroupMounts } from '@parley/isolation/cgroup-mounts';
import {
  findPrivateSystemd,
  type PrivateSystemd,
  startPrivateSystemd,
  stopPrivateSystemd,
} from '@parley/isolation/private-systemd';
import { identifyProcess, isProcessAlive } from '@parley/isolation/process-identity';
import { runCommand } from '@parley/isolation/run-command';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WAIT_MS } from './isolation-fixture.ts';

const STARTER = fileURLToPath(new URL('./isolation-starter-process.ts', import.meta.url));

describe('a private systemd', () => {
  let root = '';
  beforeEach(async ({ skip }) => {
    skip(process.getuid?.() !== 0, 'only root can start a private systemd');
    root = await mkdtemp(path.join(tmpdir(), 'parley-systemd-'));
  });
  afterEach(async () => {
    if (root === '') return;
    for (const entry of await readdir(root)) await stopPrivateSystemd(path.join(root, entry));
    await rm(root, { recursive: true, force: true });
  });

  const start = (name: string): Promise<PrivateSystemd> =>
    startPrivateSystemd({ stateDirectory: path.join(root, name), name });
  const inside = (systemd: PrivateSystemd, ...argv: string[]): string =>
    execFileSync('nsenter', [...systemd.enterCommand.slice(1), ...argv], { encoding: 'utf8' });

  it(
    'has limits that the kernel enforces on what runs in it',
    async () => {
      const systemd = await start('limits');
      const hog = 'x=0123456789abcdef; while :; do x=$x$x; done';
      const scope = [
        'systemd-run',
        '--scope',
        '--quiet',
        '-p',
        'MemoryMax=50M',
        '-p',
        'CPUQuota=50%',
      ];
      const command = [...systemd.enterCommand, ...scope, '--', 'sh', '-c'];
      expect((await runCommand([...command, 'exit 5'])).code).toBe(5);
      const killed = await runCommand([...command, `sh -c '${hog}'; exit $?`]);
      expect(killed.code).toBe(137);
    },
    WAIT_MS,
  );

  it(
    'leaves its caller in its cgroups, the host’s settings as they were and the network shared',
    async () => {
      const files = [
        '/proc/self/cgroup',
        '/proc/sys/fs/file-max',
        '/proc/sys/fs/nr_open',
        '/proc/self/mountinfo',
      ];
      const before = files.map((file) => readFileSync(file, 'utf8'));
      const systemd = await start('caller');
      expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(before);
      expect(inside(systemd, 'readlink', '/proc/self/ns/net').trim()).toBe(
        execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }).trim(),
      );
      expect(inside(systemd, 'cat', '/proc/1/comm')).toBe('systemd\n');
    },
    WAIT_MS,
  );

  it(
    'leaves nothing behind when it is stopped, whatever runs in it',
    async () => {
      const before = traces();
      const systemd = await start('traces');
      const detached = { detached: true, stdio: 'ignore' } as const;
      const [program = '', ...enter] = systemd.enterCommand;
      const sleeper = ['sh', '-c', 'trap "" TERM; setsid sleep 7777 & sleep 7777'];
      const scope = ['systemd-run', '--scope', '--quiet', '--unit=left', '--', ...sleeper];
      const entered = [
        spawn(program, [...enter, ...scope], detached),
        spawn(program, [...enter, ...sleeper], detached),
      ];
      await expect.poll(() => sleepers().length, { timeout: WAIT_MS }).toBe(4);
      expect(traces()).not.toEqual(before);
      await systemd.stop();
      await Promise.all(
        entered.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')),
      );
      expect(traces()).toEqual(before);
      expect(sleepers()).toEqual([]);
      expect(await readdir(path.join(root, 'traces'))).toEqual([]);
      await systemd.stop();
      expect(await findPrivateSystemd(path.join(root, 'traces'))).toBeUndefined();
    },
    WAIT_MS,
  );

  it(
    'stands beside others, each with its own units',
    async () => {
      const [one, other] = await Promise.all([start('one'), start('other')]);
      inside(one, 'systemd-run', '--scope', '--quiet', '--unit=same-name', 'true');
      inside(other, 'systemd-run', '--scope', '--quiet', '--unit=same-name', 'true');
      await one.stop();
      expect(inside(other, 'systemctl', 'show', '--property=SystemState')).toContain('running');
      expect(await findPrivateSystemd(path.join(root, 'one'))).toBeUndefined();
      expect((await findPrivateSystemd(path.join(root, 'other')))?.pid).toBe(other.pid);
    },
    WAIT_MS,
  );

  it(
    'is not started twice in one directory',
    async () => {
      await start('twice');
      await expect(start('twice')).rejects.toThrow(/running already/);
      expect(await findPrivateSystemd(path.join(root, 'twice'))).toBeDefined();
    },
    WAIT_MS,
  );

  it(
    'is found and ended by another process when its starter died by SIGKILL',
    async () => {
      const before = traces();
      const stateDirectory = path.join(root, 'orphan');
      const starter = spawn(process.execPath, [STARTER, stateDirectory, 'orphan'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = await once(createInterface(starter.stdout), 'line');
      starter.kill('SIGKILL');
      await once(starter, 'exit');
      const found = await findPrivateSystemd(stateDirectory);
      expect(found?.pid).toBe(Number(line));
      await found?.stop();
      expect(traces()).toEqual(before);
    },
    WAIT_MS,
  );

  it(
    'whose starter died by SIGKILL at any moment of the start is found whole or cleared away',
    async () => {
      const before = traces();
      const stateDirectory = path.join(root, 'half');
      // From before the record is written until about when it answers.
      for (const delayMs of [60, 90, 120, 150, 200, 260]) {
        const starter = spawn(process.execPath, [STARTER, stateDirectory, 'half'], {
          stdio: 'ignore',
        });
        setTimeout(() => starter.kill('SIGKILL'), delayMs);
        await once(starter, 'exit');
        const found = await findPrivateSystemd(stateDirectory);
        if (found !== undefined) await found.stop();
        expect(traces()).toEqual(before);
      }
    },
    WAIT_MS,
  );

  it(
    'that was killed from outside is cleared away by the next look for it',
    async () => {
      const before = traces();
      const systemd = await start('killed');
      const identity = await identifyProcess(systemd.pid);
      if (identity === undefined) throw new Error('the private systemd has no process');
      process.kill(systemd.pid, 'SIGKILL');
      await expect.poll(() => isProcessAlive(identity), { timeout: WAIT_MS }).toBe(false);
      expect(await findPrivateSystemd(path.join(root, 'killed'))).toBeUndefined();
      expect(traces()).toEqual(before);
    },
    WAIT_MS,
  );

  it(
    'is not taken for another process that has its pid',
    async () => {
      const systemd = await start('reused');
      const stateDirectory = path.join(root, 'reused');
      await systemd.stop();
      const own = await identifyProcess(process.pid);
      if (own === undefined) throw new Error('this process has no identity');
      const record = { name: 'reused', groups: [], starter: { pid: 1, startTicks: 'another' } };
      await writeFile(path.join(stateDirectory, 'private-systemd.json'), JSON.stringify(record));
      const stat = readFileSync('/proc/self/stat', 'utf8').replace(` ${own.startTicks} `, ' 1 ');
      await writeFile(path.join(stateDirectory, 'private-systemd.pid'), stat);
      // Were it taken for the systemd, stopping it would end this very test.
      expect(await findPrivateSystemd(stateDirectory)).toBeUndefined();
      expect(await readdir(stateDirectory)).toEqual([]);
    },
    WAIT_MS,
  );

  it('does not start below /run, nor under a name that is no path component', async () => {
    await expect(
      startPrivateSystemd({ stateDirectory: '/run/parley-test-refused', name: 'run' }),
    ).rejects.toThrow(/below \/run/);
    await rm('/run/parley-test-refused', { recursive: true });
    await expect(start('../up')).rejects.toThrow(/cannot name/);
  });

  /** What a private systemd of these tests could leave on the host. */
  function traces(): { groups: string[]; mounts: string; processes: string[] } {
    const mountInfo = readFileSync('/proc/self/mountinfo', 'utf8');
    const { hierarchies } = parseCgroupMounts(mountInfo, readFileSync('/proc/self/cgroup', 'utf8'));
    const groups = hierarchies.flatMap(({ option, ownGroup }) =>
      readdirSync(ownGroup)
        .filter((name) =>
          /^parley-(limits|caller|traces|one|other|twice|orphan|half|killed|reused)-/.test(name),
        )
        .map((name) => `${option}:${name}`),
    );
    const processes = commandLines().filter(
      (line) => line.includes(root) && !line.includes(STARTER),
    );
    return { groups, mounts: mountInfo, processes };
  }
});

function sleepers(): string[] {
  return commandLines().filter((line) => line.startsWith('sleep 7777'));
}

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && existsSync(`/proc/${entry}/cmdline`))
    .map(commandLineOf);
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It ended between the two looks.
    return '';
  }
}
