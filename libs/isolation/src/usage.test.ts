// Reading usage from trees of files as cgroup v1 and v2 lay them out; real groups are read in the integration tests.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readGroupUsage, sliceGroupsOf, sumUsage } from './usage.ts';

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
  expect(await readGroupUsage({ memoryGroup: '/memory/a', cpuGroup: '/cpuacct/a' }, root)).toEqual({
    cpuNs: 12345678901234567890n,
    memoryBytes: 4096,
    memoryPeakBytes: 8192,
  });
});

it('cgroup v2 counts microseconds, and an older kernel keeps no peak', async () => {
  await write('/a', { 'memory.current': '4096\n', 'cpu.stat': 'usage_usec 7\nuser_usec 5\n' });
  expect(await readGroupUsage({ memoryGroup: '/a', cpuGroup: '/a' }, root)).toEqual({
    cpuNs: 7000n,
    memoryBytes: 4096,
    memoryPeakBytes: undefined,
  });
});

it('a group that is gone, or of a task without a scope, has no usage', async () => {
  expect(await readGroupUsage({ memoryGroup: '/gone', cpuGroup: '/gone' }, root)).toBeUndefined();
  expect(await readGroupUsage({ memoryGroup: '', cpuGroup: '' }, root)).toBeUndefined();
});

it('the groups of the slice are two above those of a scope', () => {
  const group = '/sys/fs/cgroup/parley.slice/parley-tasks.slice/parley-tasks-3.slice/a.scope';
  const slice = '/sys/fs/cgroup/parley.slice/parley-tasks.slice';
  expect(sliceGroupsOf({ memoryGroup: group, cpuGroup: group })).toEqual({
    memoryGroup: slice,
    cpuGroup: slice,
  });
});

it('a sum adds CPU time and memory of all, and is zero for none', () => {
  const one = { cpuNs: 5n, memoryBytes: 10, memoryPeakBytes: 20 };
  expect(sumUsage([one, one])).toEqual({ cpuNs: 10n, memoryBytes: 20 });
  expect(sumUsage([])).toEqual({ cpuNs: 0n, memoryBytes: 0 });
});
