// Tests which properties keep a task's limits on cgroup v2 and on v1, and that both ways to start a scope ask for the same.
import { expect, it } from 'vitest';
import type { IoHost } from './io-limits.ts';
import type { LaunchRequest, TaskLimits } from './launcher.ts';
import { scopeProperties } from './scope-launcher.ts';
import { scopeArguments } from './systemd-run-launcher.ts';
import {
  type CgroupMode,
  cgroupModeOf,
  changedProperties,
  fixedProperties,
  launchProperties,
  limitProperties,
  millisOfShare,
  sliceProperties,
  toArgument,
  toWire,
  unkeptLimits,
} from './unit-properties.ts';

const asArguments = (limits: TaskLimits, mode: CgroupMode): string[] =>
  [...limitProperties(limits, mode), ...fixedProperties(mode)].map(toArgument);
const half = { cpuMillis: 500, memoryMib: 64 };
const disk: IoHost = { device: '/dev/sda' };
const rates = { readBytes: 1_000_000, writeBytes: 2_000_000 };
const operations = { readOperations: 100, writeOperations: 50 };
const all = { ...half, cpuLimitMillis: 1500, memoryLimitMib: 256, pidsMax: 20 };

it('on v2 a request is a weight and protected memory; a limit is a quota, the most memory, and so many tasks', () => {
  expect(asArguments(all, 'v2')).toEqual([
    'CPUWeight=50',
    'CPUQuota=150%',
    `MemoryLow=${64 * 1024 ** 2}`,
    `MemoryMax=${256 * 1024 ** 2}`,
    // The shim is one of them.
    'TasksMax=23',
    'MemorySwapMax=0',
  ]);
});

it('on v1 the same is said by the properties that have a file there', () => {
  expect(asArguments(all, 'v1')).toEqual([
    'CPUShares=512',
    'CPUQuota=150%',
    `MemoryLimit=${256 * 1024 ** 2}`,
    'TasksMax=23',
  ]);
});

it('without limits a task has no quota, and the memory that it requested', () => {
  expect(asArguments(half, 'v2')).toEqual(
    expect.arrayContaining(['CPUQuota=', `MemoryMax=${64 * 1024 ** 2}`]),
  );
  expect(asArguments(half, 'v1')).toEqual([
    'CPUShares=512',
    'CPUQuota=',
    `MemoryLimit=${64 * 1024 ** 2}`,
  ]);
});

it.each(['v1', 'v2'] as const)('on %s a memory limit can be lifted', (mode) => {
  const name = mode === 'v1' ? 'MemoryLimit' : 'MemoryMax';
  const limits = { ...half, memoryLimitMib: 'infinity' } as const;
  expect(asArguments(limits, mode)).toContain(`${name}=infinity`);
  const onTheWire = limitProperties(limits, mode).map(toWire);
  expect(onTheWire).toContainEqual([name, { type: 't', value: 2n ** 64n - 1n }]);
});

it('what runs by best effort weighs least, whatever it requests', () => {
  const limits = { ...half, isBestEffort: true };
  const least = expect.arrayContaining(['CPUWeight=1', 'IOWeight=1']);
  expect(asArguments(limits, 'v2')).toEqual(least);
  const leastOnV1 = expect.arrayContaining(['CPUShares=2', 'BlockIOWeight=10']);
  expect(asArguments(limits, 'v1')).toEqual(leastOnV1);
});

const ofInputOutput = (properties: readonly Parameters<typeof toArgument>[0][]): string[] =>
  properties
    .map(toArgument)
    .filter((text) => /^(Block)?IO/.test(text) && !text.includes('IOAccounting'));

it('on v2 input and output are limited by rates of the disk, in bytes and operations, and weighed', () => {
  const limits = { ...half, io: { weight: 200, ...rates, ...operations } };
  expect(ofInputOutput(launchProperties({ limits }, { cgroupMode: 'v2', io: disk }))).toEqual([
    'IOWeight=200',
    'IOReadBandwidthMax=/dev/sda 1000000',
    'IOWriteBandwidthMax=/dev/sda 2000000',
    'IOReadIOPSMax=/dev/sda 100',
    'IOWriteIOPSMax=/dev/sda 50',
  ]);
});

it('on v1 they are limited by bytes and weighed; limits on operations are refused, and any where there is no disk', () => {
  const v1 = { cgroupMode: 'v1', io: disk } as const;
  const limits = { ...half, io: { weight: 200, ...rates } };
  expect(ofInputOutput(launchProperties({ limits }, v1))).toEqual([
    'BlockIOWeight=1000',
    'BlockIOReadBandwidth=/dev/sda 1000000',
    'BlockIOWriteBandwidth=/dev/sda 2000000',
  ]);
  expect(unkeptLimits(limits, v1)).toBeUndefined();
  expect(unkeptLimits({ ...half, io: operations }, v1)).toContain('cgroup v2');
  expect(unkeptLimits({ ...half, io: operations }, { ...v1, cgroupMode: 'v2' })).toBeUndefined();
  const without = { ...v1, io: { lacks: 'it is in memory' } };
  expect(unkeptLimits(limits, without)).toContain('it is in memory');
  expect(unkeptLimits(half, without)).toBeUndefined();
});

it.each(['v1', 'v2'] as const)(
  'on %s every scope has its input and output counted',
  (cgroupMode) => {
    const name = cgroupMode === 'v1' ? 'BlockIOAccounting' : 'IOAccounting';
    const properties = launchProperties({ limits: half }, { cgroupMode, io: disk });
    expect(properties.map(toArgument)).toContain(`${name}=yes`);
    expect(properties.map(toWire)).toContainEqual([name, { type: 'b', value: true }]);
  },
);

it('a scope of which no input and output is limited is started without a word of it, and one no more limited is told so', () => {
  const v2 = { cgroupMode: 'v2', io: disk } as const;
  expect(ofInputOutput(launchProperties({ limits: half }, v2))).toEqual([]);
  expect(ofInputOutput(changedProperties(half, v2))).toEqual([
    'IOWeight=',
    'IOReadBandwidthMax=',
    'IOWriteBandwidthMax=',
    'IOReadIOPSMax=',
    'IOWriteIOPSMax=',
  ]);
  expect(changedProperties(half, v2).map(toWire)).toEqual(
    expect.arrayContaining([
      ['IOWeight', { type: 't', value: 2n ** 64n - 1n }],
      ['IOReadIOPSMax', { type: 'a(st)', value: [] }],
    ]),
  );
});

it('on v2 the scope keeps a task on its own CPUs; on v1, where systemd has no word for it, a group beside the scope does', () => {
  const pinned = { limits: half, pinned: { cpus: [1, 2, 9] } };
  const properties = launchProperties(pinned, { cgroupMode: 'v2', io: disk });
  expect(properties.map(toArgument)).toContain('AllowedCPUs=1,2,9');
  expect(properties.map(toWire)).toContainEqual([
    'AllowedCPUs',
    { type: 'ay', value: [0b110, 0b10] },
  ]);
  expect(launchProperties(pinned, { cgroupMode: 'v1', io: disk }).map(toArgument)).toEqual([
    ...asArguments(half, 'v1'),
    'BlockIOAccounting=yes',
  ]);
});

it('a confined task opens no device but those that every program needs, and what it is given', () => {
  const v2 = { cgroupMode: 'v2', io: disk } as const;
  const of = (devices: { readonly path: string }[]): string[] =>
    launchProperties({ limits: half, confinement: { owner: undefined, places: [], devices } }, v2)
      .map(toArgument)
      .filter((text) => text.startsWith('Device'));
  expect(of([])).toEqual(['DevicePolicy=closed']);
  expect(of([{ path: '/dev/kvm' }])).toEqual(['DevicePolicy=closed', 'DeviceAllow=/dev/kvm rw']);
  expect(launchProperties({ limits: half }, v2).map(toArgument).join()).not.toContain('Device');
});

it('weights stay within what the kernel takes, and a request can be read back from them', () => {
  const weightOf = (cpuMillis: number, mode: CgroupMode): bigint | undefined =>
    limitProperties({ cpuMillis, memoryMib: 1 }, mode)[0]?.value;
  expect([weightOf(1, 'v2'), weightOf(1_000_000, 'v2')]).toEqual([1n, 10_000n]);
  expect([weightOf(1, 'v1'), weightOf(1_000_000, 'v1')]).toEqual([2n, 262_144n]);
  expect(millisOfShare(Number(weightOf(1500, 'v2')), 'v2')).toBe(1500);
  expect(millisOfShare(Number(weightOf(1500, 'v1')), 'v1')).toBe(1500);
});

it('a slice passes on CPU time and, on v2, the protection of memory', () => {
  const share = { cpuMillis: 2500, memoryMib: 10 };
  expect(sliceProperties(share, 'v2').map(toArgument)).toEqual([
    'CPUWeight=250',
    `MemoryLow=${10 * 1024 ** 2}`,
  ]);
  expect(sliceProperties(share, 'v1').map(toArgument)).toEqual(['CPUShares=2560']);
});

it('a hybrid host has its controllers in v1 hierarchies', () => {
  expect([cgroupModeOf('unified'), cgroupModeOf('hybrid'), cgroupModeOf('legacy')]).toEqual([
    ...['v2', 'v1', 'v1'],
  ]);
});

it('a memory limit that no kernel counts is refused', () => {
  const huge = { cpuMillis: 1, memoryMib: Number.MAX_SAFE_INTEGER };
  expect(() => limitProperties(huge, 'v1')).toThrow('is out of range');
});

function aRequest(limits: TaskLimits): LaunchRequest {
  return {
    unit: 'unit-1',
    runDirectory: '/agent/runs/unit-1',
    sandboxDirectory: '/agent/sandboxes/a',
    command: ['true'],
    environment: {},
    limits,
    stdoutPath: '/agent/sandboxes/a/stdout',
    stderrPath: '/agent/sandboxes/a/stderr',
  };
}

/** As systemd-run would send it. */
function sentBySystemdRun(words: readonly string[]): Map<string, string> {
  const properties = words.filter((_, index) => words[index - 1] === '-p');
  return new Map(
    properties.map((text): [string, string] => {
      const [name = '', value = ''] = text.split('=');
      // A device and its amount.
      if (name !== 'CPUQuota') return [name, value.replace('yes', 'true').replace(' ', ',')];
      const us = value === '' ? 'infinity' : String(Number.parseFloat(value) * 10_000);
      return ['CPUQuotaPerSecUSec', us];
    }),
  );
}

it.each([
  ['v1', half],
  ['v1', all],
  ['v2', half],
  ['v2', { ...all, memoryLimitMib: 'infinity', isBestEffort: true }],
  ['v1', { ...half, io: { weight: 10, ...rates } }],
  ['v2', { ...half, io: { weight: 10, ...rates, ...operations } }],
] as const)('on %s both ways to start a scope ask systemd for the same', (cgroupMode, limits) => {
  const how = { slice: 'parley-tasks', systemdVersion: 252, cgroupMode, io: disk };
  const confinement = { owner: undefined, places: [], devices: [{ path: '/dev/kvm' }] };
  const request = { ...aRequest(limits), confinement };
  const named = scopeArguments(request, how);
  const sent = new Map(
    scopeProperties(request, 1, how).map(([name, { value }]): [string, string] => [
      name,
      value === 2n ** 64n - 1n ? 'infinity' : String(value),
    ]),
  );
  expect(named).toContain(`--slice=${sent.get('Slice')}`);
  // `--unit`, `--collect`, `--slice` and its own pid stand for these.
  for (const name of ['Description', 'CollectMode', 'Slice', 'PIDs']) sent.delete(name);
  expect(sentBySystemdRun(named)).toEqual(sent);
  expect(named).toContain('--unit=unit-1.scope');
  expect(named).toContain('--description=unit-1');
  expect(named).toContain('--collect');
});

it('an older systemd is not asked for a property that it does not know', () => {
  const how = { slice: 's', systemdVersion: 249, cgroupMode: 'v2', io: disk } as const;
  expect(scopeArguments(aRequest(half), how)).not.toContain('OOMPolicy=continue');
});
