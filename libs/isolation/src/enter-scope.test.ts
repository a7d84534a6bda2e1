// Tests of running a command beside a task that has no scope. With scopes it is tested by the agent's probes.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type EnterOutcome, type EnterRequest, runInScope } from './enter-scope.ts';

let base = '';
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'parley-enter-'));
  await mkdir(path.join(base, 'run'));
  await mkdir(path.join(base, 'sandbox'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function run(
  command: readonly string[],
  changes: Partial<EnterRequest> = {},
  groups = { memory: '', cpu: '' },
): Promise<EnterOutcome> {
  const lines = [`pid=${process.pid}`, `memoryGroup=${groups.memory}`, `cpuGroup=${groups.cpu}`];
  await writeFile(path.join(base, 'run', 'process'), [...lines, 'end', ''].join('\n'));
  return runInScope({
    unit: 'run',
    runDirectory: path.join(base, 'run'),
    sandboxDirectory: path.join(base, 'sandbox'),
    command,
    environment: { COLOUR: 'blue' },
    timeoutMs: 10_000,
    enterCommand: [],
    ...changes,
  });
}

test('the command runs in the sandbox with the environment that it is given and no other', async () => {
  const outcome = await run(['sh', '-c', 'pwd > out; env | cut -d= -f1 | sort >> out; exit 3']);
  expect(outcome).toEqual({ kind: 'exited', code: 3 });
  const [place, ...names] = (await readFile(path.join(base, 'sandbox/out'), 'utf8')).split('\n');
  expect(place).toBe(path.join(base, 'sandbox'));
  expect(names).toEqual(['COLOUR', 'HOME', 'LANG', 'PATH', 'PWD', '']);
});

test('a signal that ends the command is told', async () => {
  expect(await run(['sh', '-c', 'kill -9 $$'])).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
});

test('a command that takes too long is killed with what it has started', async () => {
  const outcome = await run(['sh', '-c', 'sleep 1000 & wait'], { timeoutMs: 200 });
  expect(outcome).toEqual({ kind: 'timedOut' });
});

test('a command that may not be killed, since it is a setuid program, has taken too long all the same', async () => {
  const groups: number[] = [];
  const kill = vi.spyOn(process, 'kill').mockImplementation((pid) => {
    groups.push(pid);
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
  });
  try {
    const outcome = await run(['sleep', '1000'], { timeoutMs: 200 });
    expect(outcome).toEqual({ kind: 'timedOut' });
  } finally {
    kill.mockRestore();
    for (const group of groups) process.kill(group, 'SIGKILL');
  }
  expect(groups).toHaveLength(1);
});

test('a task that has never run has nothing to run beside', async () => {
  const runDirectory = path.join(base, 'none');
  expect(await run(['true'], { runDirectory })).toMatchObject({ kind: 'notStarted' });
});

test('nothing is started when the scope of the task is not there', async () => {
  const groups = { memory: '/sys/fs/cgroup/x/run.scope', cpu: '/sys/fs/cgroup/x/run.scope' };
  const outcome = await run(['sh', '-c', ': > started'], {}, groups);
  expect(outcome).toMatchObject({ kind: 'notStarted' });
  await expect(readFile(path.join(base, 'sandbox/started'))).rejects.toThrow();
});

test('a program name that env would take for something else is not started', async () => {
  expect(await run(['A=b'])).toMatchObject({ kind: 'notStarted' });
  expect(await run(['--help'])).toMatchObject({ kind: 'notStarted' });
});
