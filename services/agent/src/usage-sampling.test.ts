// Reading many units, from trees of files as cgroup v2 lays them out.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type SampledUnit, UsageSampler } from './usage-sampling.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-sampling-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A unit with what its shim records, and a group that has used so much. */
function unitOf(name: string, usedUs: number): SampledUnit {
  const runDirectory = path.join(root, 'runs', name);
  mkdirSync(runDirectory, { recursive: true });
  const group = `/cgroup/${name}.scope`;
  writeFileSync(
    path.join(runDirectory, 'process'),
    `pid=1\nstat=x\nmemoryGroup=${group}\ncpuGroup=${group}\nend\n`,
  );
  mkdirSync(path.join(root, group), { recursive: true });
  writeFileSync(path.join(root, group, 'cpu.stat'), `usage_usec ${usedUs}\n`);
  writeFileSync(path.join(root, group, 'memory.current'), '4096\n');
  writeFileSync(path.join(root, group, 'pids.current'), '3\n');
  return { unit: name, runDirectory };
}

/** A kept file of a group that went holds nothing any more: the kernel answers ENODEV, what is cut off here is empty. */
function endGroup(name: string): void {
  const group = path.join(root, 'cgroup', `${name}.scope`);
  for (const file of ['cpu.stat', 'memory.current']) writeFileSync(path.join(group, file), '');
  rmSync(group, { recursive: true });
}

test('a unit that has ended, or has recorded no groups yet, is left out, and the others are read', async () => {
  const sampler = new UsageSampler({ rootPath: root, nowMs: () => 0 });
  const units = [unitOf('a', 5), unitOf('b', 7)];
  const starting = { unit: 'c', runDirectory: path.join(root, 'runs', 'c') };
  expect((await sampler.sample(units, false)).readings).toEqual([
    { unit: 'a', cpuNs: 5000n, memoryBytes: 4096 },
    { unit: 'b', cpuNs: 7000n, memoryBytes: 4096 },
  ]);
  endGroup('a');
  const { readings } = await sampler.sample([...units, starting], false);
  expect(readings.map(({ unit }) => unit)).toEqual(['b']);
});

test('what nobody looks at is not read', async () => {
  const sampler = new UsageSampler({ rootPath: root, nowMs: () => 0 });
  const units = [unitOf('a', 5)];
  const told = async (isDetailed: boolean) => (await sampler.sample(units, isDetailed)).readings[0];
  expect(await told(false)).not.toHaveProperty('pids');
  expect(await told(true)).toMatchObject({ pids: 3 });
});

test('others get their turn between slices, and their time is not counted', async () => {
  const units = Array.from({ length: 8 }, (_, number) => unitOf(`u${number}`, number));
  let nowMs = 0;
  let turns = 0;
  const turn = (): void => {
    turns += 1;
    nowMs += 1000;
    next = setImmediate(turn);
  };
  // Reading one unit takes a millisecond by this clock.
  const sampler = new UsageSampler({ rootPath: root, nowMs: () => nowMs++ });
  await sampler.sample(units, false);
  let next = setImmediate(turn);
  const { readings, busyMs } = await sampler.sample(units, false);
  clearImmediate(next);
  expect(readings).toHaveLength(8);
  expect(turns).toBeGreaterThanOrEqual(2);
  expect(busyMs).toBeLessThan(100);
});

test('what passed its private network is told of a unit that has one, while somebody looks', async () => {
  const passed = { inBytes: 1, inPackets: 2, outBytes: 3, outPackets: 4 };
  const traffic = async () => new Map([['a', passed]]);
  const sampler = new UsageSampler({ rootPath: root, nowMs: () => 0, traffic });
  const units = [unitOf('a', 5), unitOf('b', 7)];
  const networks = async (isDetailed: boolean) =>
    (await sampler.sample(units, isDetailed)).readings.map(({ network }) => network);
  expect(await networks(true)).toEqual([passed, undefined]);
  expect(await networks(false)).toEqual([undefined, undefined]);
});
