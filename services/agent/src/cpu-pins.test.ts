// Tests whose CPUs are whose, over restarts of the agent; that the kernel keeps tasks on them is in the integration tests.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { LaunchRequest, TaskLauncher } from '@parley/isolation/launcher';
import { createProcessLauncher } from '@parley/isolation/process-launcher';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CpuPins } from './cpu-pins.ts';

let workDirectory: string;
beforeEach(() => {
  workDirectory = mkdtempSync(path.join(tmpdir(), 'parley-pins-'));
});
afterEach(() => rmSync(workDirectory, { recursive: true }));

const open = (cpus = [0, 1, 2, 3]): CpuPins =>
  new CpuPins({ workDirectory, host: { kind: 'scope' }, cpus });
const REQUEST: LaunchRequest = {
  ...{ unit: 'u', runDirectory: '/run/u', sandboxDirectory: '/s', command: ['true'] },
  ...{
    environment: {},
    limits: { cpuMillis: 1, memoryMib: 1 },
    stdoutPath: '/o',
    stderrPath: '/e',
  },
};
const given = (...cpus: number[]) => ({ ok: true, pinned: { cpus } });

test('no two tasks have a CPU in common, and a task that is asked for again has the same', async () => {
  const pins = open();
  const both = await Promise.all([pins.take('one', 1), pins.take('two', 2)]);
  expect(both).toEqual([given(0), given(1, 2)]);
  expect(await pins.take('two', 2)).toEqual(given(1, 2));
});

test('where fewer are free than a task asks for it is told how many are, and has none', async () => {
  const pins = open();
  await pins.take('one', 3);
  expect(await pins.take('two', 2)).toEqual({
    ok: false,
    message: expect.stringContaining('2 whole CPUs of its own, and 1 of the 4'),
  });
  expect(await pins.take('three', 1)).toEqual(given(3));
});

test('what has ended leaves its CPUs to others', async () => {
  const pins = open();
  await pins.take('one', 4);
  await pins.release('one');
  await pins.release('never');
  expect(await pins.take('two', 4)).toEqual(given(0, 1, 2, 3));
});

test('an agent that starts again knows whose they are', async () => {
  await open().take('one', 2);
  await open().take('two', 1);
  const pins = open();
  expect(pins.units()).toEqual(new Set(['one', 'two']));
  expect(await pins.take('three', 2)).toMatchObject({ ok: false });
  await pins.release('one');
  expect(await open().take('three', 2)).toEqual(given(0, 1));
});

test('a host that cannot keep them gives none', async () => {
  const host = { lacks: 'there is no cpuset' } as const;
  const pins = new CpuPins({ workDirectory, host, cpus: [0, 1] });
  expect(await pins.take('one', 1)).toEqual({
    ok: false,
    message: expect.stringContaining('there is no cpuset'),
  });
});

test('on cgroup v1 others are launched off the CPUs that are taken, on all where none is left, and untouched where none is taken', async () => {
  const cpuset = path.join(workDirectory, 'sys/fs/cgroup/cpuset');
  mkdirSync(cpuset, { recursive: true });
  writeFileSync(path.join(cpuset, 'cpuset.cpus'), '0-3\n');
  writeFileSync(path.join(cpuset, 'cpuset.mems'), '0\n');
  const others = () => readFileSync(path.join(cpuset, 'parley-others/cpuset.cpus'), 'utf8').trim();
  const launched: LaunchRequest['pinned'][] = [];
  const plain: TaskLauncher = {
    ...createProcessLauncher({ runRoot: workDirectory }),
    launch: async ({ pinned }) => {
      launched.push(pinned);
      return { ok: true, alreadyStarted: false };
    },
  };
  const host = { kind: 'group', rootPath: workDirectory } as const;
  const openOn = () => new CpuPins({ workDirectory, host, cpus: [0, 1, 2, 3] });
  const pins = openOn();
  const launcher = pins.keepingOff(plain);
  await launcher.launch(REQUEST);
  await pins.take('one', 1);
  await launcher.launch(REQUEST);
  expect(others()).toBe('1,2,3');
  await launcher.launch({ ...REQUEST, pinned: { cpus: [0], group: '/own' } });
  // By the next life of the agent, too.
  writeFileSync(path.join(cpuset, 'parley-others/cpuset.cpus'), '');
  await openOn().keepingOff(plain).launch(REQUEST);
  expect(others()).toBe('1,2,3');
  await pins.take('two', 3);
  expect(others()).toBe('0-3');
  const group = '/sys/fs/cgroup/cpuset/parley-others';
  const off = { cpus: [], group };
  expect(launched).toEqual([undefined, off, { cpus: [0], group: '/own' }, off]);
});

test('of two agents on one host neither lets others onto the CPUs that the other has given away', async () => {
  const cpuset = path.join(workDirectory, 'sys/fs/cgroup/cpuset');
  mkdirSync(cpuset, { recursive: true });
  writeFileSync(path.join(cpuset, 'cpuset.cpus'), '0-3\n');
  writeFileSync(path.join(cpuset, 'cpuset.mems'), '0\n');
  const others = () => readFileSync(path.join(cpuset, 'parley-others/cpuset.cpus'), 'utf8').trim();
  const agentWith = (name: string, cpus: number[]) =>
    new CpuPins({
      workDirectory: path.join(workDirectory, name),
      host: { kind: 'group', rootPath: workDirectory },
      cpus,
    });
  await agentWith('first', [0, 1]).take('one', 1);
  await agentWith('second', [2, 3]).take('two', 1);
  expect(others()).toBe('1,3');
});
