// Tests what limits a scope has for what was asked for and what was said beside it.
import { readFileSync } from 'node:fs';
import { Resources } from '@parley/protocol/resources';
import { TaskDescription } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import { diskLimitMibOf, limitsOf, PIDS_MAX } from './task-limits.ts';

const resources = Resources.parse({ scalars: { cpus: 500, mem: 32_000 } });

test('without limits a task has what CPU time is idle, the memory that it requested, and many processes', () => {
  expect(limitsOf([{ resources }])).toEqual({
    cpuMillis: 500,
    memoryMib: 32,
    memoryLimitMib: 32,
    pidsMax: PIDS_MAX,
  });
});

test('limits go beyond the request, and leave it as it is', () => {
  const limits = { cpus: 2000, mem: 64_001, pids: 5 };
  expect(limitsOf([{ resources, limits }])).toEqual({
    cpuMillis: 500,
    memoryMib: 32,
    cpuLimitMillis: 2000,
    memoryLimitMib: 65,
    pidsMax: 5,
  });
});

test('a scope that several share has the sum, and no limit where one of them has none', () => {
  const limited = { resources, limits: { cpus: 1000, mem: 40_000, pids: 10 } };
  expect(limitsOf([limited, limited])).toMatchObject({
    cpuMillis: 1000,
    cpuLimitMillis: 2000,
    memoryMib: 64,
    memoryLimitMib: 80,
    pidsMax: 20,
  });
  expect(limitsOf([limited, { resources }])).not.toHaveProperty('cpuLimitMillis');
  expect(limitsOf([limited, { resources }])).toMatchObject({ memoryLimitMib: 72, pidsMax: 10 });
  const free = { resources, limits: { mem: 'infinity' } } as const;
  expect(limitsOf([limited, free])).toMatchObject({ memoryLimitMib: 'infinity' });
});

test('rates of input and output add up, none holds where one of a scope has none, and the largest weight counts', () => {
  const io = { weight: 50, readBytes: 1000, writeOperations: 10 };
  expect(limitsOf([{ resources, limits: { io } }])).toMatchObject({ io });
  const other = { resources, limits: { io: { weight: 200, readBytes: 500 } } };
  expect(limitsOf([{ resources, limits: { io } }, other]).io).toEqual({
    weight: 200,
    readBytes: 1500,
  });
  const slow = { resources, limits: { io: { readBytes: 1 } } };
  expect(limitsOf([slow, { resources }])).not.toHaveProperty('io');
});

test('what asks for next to nothing gets the least that a kernel keeps', () => {
  const tiny = Resources.parse({ scalars: { cpus: 1 } });
  expect(limitsOf([{ resources: tiny, limits: { cpus: 2 } }])).toMatchObject({
    cpuMillis: 10,
    cpuLimitMillis: 10,
    memoryMib: 4,
    memoryLimitMib: 4,
  });
});

test('the disk of a sandbox is limited to what was requested, or beyond, and not where nothing was', () => {
  const disk = Resources.parse({ scalars: { disk: 20_000 } });
  expect(diskLimitMibOf([{ resources }])).toBeUndefined();
  expect(diskLimitMibOf([{ resources: disk }])).toBe(20);
  expect(diskLimitMibOf([{ resources: disk, limits: { disk: 30_001 } }])).toBe(31);
  // Of an executor and its tasks.
  expect(diskLimitMibOf([{ resources }, { resources: disk }, { resources: disk }])).toBe(40);
  const free = { resources: disk, limits: { disk: 'infinity' } } as const;
  expect(diskLimitMibOf([{ resources: disk }, free])).toBeUndefined();
});

test('the task of infra/docs/limits.md has the limits that the page tells', () => {
  const page = readFileSync(new URL('../../../infra/docs/limits.md', import.meta.url), 'utf8');
  const [, json = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  expect(limitsOf([TaskDescription.parse(JSON.parse(json))])).toEqual({
    ...{ cpuMillis: 500, cpuLimitMillis: 2000 },
    ...{ memoryMib: 64, memoryLimitMib: 256, pidsMax: 100 },
  });
});
