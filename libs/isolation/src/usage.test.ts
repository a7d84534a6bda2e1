// Reading usage from trees of files as cgroup v1 and v2 lay them out; real groups are read in the integration tests.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GroupReader, readGroupUsage, sliceGroupsOf } from './usage.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'parley-usage-'));
});
afterEach(() => rm(root, { recursive: true }));

async function write(group: string, files: Record<string, string>): Promise<void> {
  await mkdir(path.join(root, group), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(root, group, name), text);
  }
}

it('cgroup v1 counts nanoseconds and keeps the peak', async () => {
  await write('/memory/a', {
    'memory.usage_in_bytes': '4096\n',
    'memory.max_usage_in_bytes': '8192\n',
  });
  await write('/cpuacct/a', { 'cpuacct.usage': '12345678901234567890\n' });
  expect(readGroupUsage({ memoryGroup: '/memory/a', cpuGroup: '/cpuacct/a' }, root)).toMatchObject({
    cpuNs: 12345678901234567890n,
    memoryBytes: 4096,
    memoryPeakBytes: 8192,
  });
});

it('cgroup v2 counts microseconds, and an older kernel keeps no peak', async () => {
  await write('/a', { 'memory.current': '4096\n', 'cpu.stat': 'usage_usec 7\nuser_usec 5\n' });
  expect(readGroupUsage({ memoryGroup: '/a', cpuGroup: '/a' }, root)).toMatchObject({
    cpuNs: 7000n,
    memoryBytes: 4096,
    memoryPeakBytes: undefined,
  });
});

it('a group that is gone, or of a task without a scope, has no usage', async () => {
  expect(readGroupUsage({ memoryGroup: '/gone', cpuGroup: '/gone' }, root)).toBeUndefined();
  expect(readGroupUsage({ memoryGroup: '', cpuGroup: '' }, root)).toBeUndefined();
});

it('the groups of the slice are two above those of a scope', () => {
  const group = '/sys/fs/cgroup/parley.slice/parley-tasks.slice/parley-tasks-3.slice/a.scope';
  const slice = '/sys/fs/cgroup/parley.slice/parley-tasks.slice';
  expect(sliceGroupsOf({ memoryGroup: group, cpuGroup: group })).toEqual({
    memoryGroup: slice,
    cpuGroup: slice,
  });
});

it('v1 has processes, throttling and IO in the groups of their controllers', async () => {
  const scope = 'parley-tasks.slice/a.scope';
  await write(`/memory/${scope}`, { 'memory.usage_in_bytes': '1\n' });
  await write(`/pids/${scope}`, { 'pids.current': '3\n' });
  await write(`/cpu/${scope}`, {
    'cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 2500000\n',
  });
  await write(`/blkio/${scope}`, {
    'blkio.throttle.io_service_bytes':
      '8:16 Read 4096\n8:16 Write 100\n8:16 Total 4196\n8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 4199\n',
    'blkio.throttle.io_serviced': '8:16 Read 7\n8:16 Write 2\n8:16 Total 9\nTotal 9\n',
  });
  const groups = { memoryGroup: `/memory/${scope}`, cpuGroup: `/cpuacct/${scope}` };
  expect(new GroupReader(groups, root).readDetails()).toEqual({
    memoryPeakBytes: undefined,
    pids: 3,
    throttledUs: 2500,
    ioReadBytes: 4097,
    ioWriteBytes: 102,
    ioReadOperations: 7,
    ioWriteOperations: 2,
  });
});

it('a hybrid host limits memory in v1 and counts CPU time in v2', async () => {
  await write('/memory/a', {
    'memory.usage_in_bytes': '4096\n',
    'memory.max_usage_in_bytes': '8192\n',
  });
  await write('/unified/a', { 'cpu.stat': 'usage_usec 7\nuser_usec 5\n' });
  await write('/cpu/a', { 'cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 5000\n' });
  const reader = new GroupReader({ memoryGroup: '/memory/a', cpuGroup: '/unified/a' }, root);
  expect(reader.read()).toEqual({ cpuNs: 7000n, memoryBytes: 4096 });
  expect(reader.readDetails()).toMatchObject({
    memoryPeakBytes: 8192,
    pids: undefined,
    throttledUs: 5,
  });
});

it('v2 has processes, throttling and IO in the one group', async () => {
  await write('/a', {
    'memory.current': '4096\n',
    'memory.peak': '8192\n',
    'pids.current': '2\n',
    'cpu.stat':
      'usage_usec 7\nuser_usec 5\nsystem_usec 2\nnr_periods 9\nnr_throttled 3\nthrottled_usec 1234\n',
    'io.stat':
      '8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n8:0 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0\n',
  });
  const reader = new GroupReader({ memoryGroup: '/a', cpuGroup: '/a' }, root);
  expect(reader.read()).toEqual({ cpuNs: 7000n, memoryBytes: 4096 });
  expect(reader.readDetails()).toEqual({
    memoryPeakBytes: 8192,
    pids: 2,
    throttledUs: 1234,
    ioReadBytes: 1459201,
    ioWriteBytes: 314773506,
    ioReadOperations: 193,
    ioWriteOperations: 354,
  });
});

it('what the host does not count is unknown, and not nothing', async () => {
  await write('/a', { 'memory.current': '1\n', 'cpu.stat': 'usage_usec 7\n' });
  const reader = new GroupReader({ memoryGroup: '/a', cpuGroup: '/a' }, root);
  expect(reader.readDetails()).toEqual({
    memoryPeakBytes: undefined,
    pids: undefined,
    throttledUs: undefined,
    ioReadBytes: undefined,
    ioWriteBytes: undefined,
    ioReadOperations: undefined,
    ioWriteOperations: undefined,
  });
});

it('what a group counts is read anew from the files that are kept open, until it is gone', async () => {
  await write('/a', { 'memory.current': '1\n', 'cpu.stat': 'usage_usec 7\n' });
  const reader = new GroupReader({ memoryGroup: '/a', cpuGroup: '/a' }, root);
  expect(reader.read()).toEqual({ cpuNs: 7000n, memoryBytes: 1 });
  await write('/a', { 'memory.current': '22\n', 'cpu.stat': 'usage_usec 888\n' });
  expect(reader.read()).toEqual({ cpuNs: 888_000n, memoryBytes: 22 });
  reader.close();
  await rm(path.join(root, 'a'), { recursive: true });
  expect(reader.read()).toBeUndefined();
});

async function aWatchedGroup(): Promise<() => number | undefined> {
  await write('/a', {
    'memory.current': '1\n',
    'cpu.stat': 'usage_usec 7\n',
    'pids.current': '2\n',
  });
  const reader = new GroupReader({ memoryGroup: '/a', cpuGroup: '/a' }, root);
  return () => {
    reader.read();
    return reader.readDetails().pids;
  };
}

it('a group that used no CPU time and whose memory is the same keeps its details for five looks', async () => {
  const look = await aWatchedGroup();
  expect(look()).toBe(2);
  await write('/a', { 'pids.current': '3\n' });
  expect([look(), look(), look(), look(), look(), look()]).toEqual([2, 2, 2, 2, 2, 3]);
});

it.each([{ 'cpu.stat': 'usage_usec 8\n' }, { 'memory.current': '5\n' }])(
  'the details of a group are read at once when it has changed: %o',
  async (changed) => {
    const look = await aWatchedGroup();
    expect(look()).toBe(2);
    await write('/a', { 'pids.current': '3\n', ...changed });
    expect(look()).toBe(3);
  },
);
