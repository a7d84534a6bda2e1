// Tests of what an agent offers by default.
import { expect, test } from 'vitest';
import { hostResources } from './host-resources.ts';

const GIB = 1024 ** 3;

test('a large host offers all but 1 GiB of memory and 5 GiB of disk', () => {
  const size = {
    cpus: 8,
    memoryBytes: 16 * GIB,
    diskBytes: 100 * GIB,
    linkMbit: undefined,
    gpus: 0,
  };
  expect(hostResources(size, {})).toEqual({
    scalars: { cpus: 8000, mem: 15 * 1024 * 1000, disk: 95 * 1024 * 1000 },
    ports: [[31_000, 32_000]],
    sets: {},
  });
});

test('a small host offers half of its memory and disk', () => {
  const size = {
    cpus: 1,
    memoryBytes: 1.5 * GIB,
    diskBytes: 8 * GIB,
    linkMbit: undefined,
    gpus: 0,
  };
  expect(hostResources(size, {}).scalars).toEqual({
    cpus: 1000,
    mem: 768 * 1000,
    disk: 4 * 1024 * 1000,
  });
});

test('what is stated counts instead, zero too', () => {
  const size = {
    cpus: 8,
    memoryBytes: 16 * GIB,
    diskBytes: 100 * GIB,
    linkMbit: undefined,
    gpus: 0,
  };
  expect(hostResources(size, { cpus: 500, mem: 64_000, disk: 0, ports: [] })).toEqual({
    scalars: { cpus: 500, mem: 64_000 },
    ports: [],
    sets: {},
  });
});

test('a link whose speed is known is offered whole, or as much of it as is stated', () => {
  const size = { cpus: 8, memoryBytes: 16 * GIB, diskBytes: 100 * GIB, linkMbit: 1000, gpus: 0 };
  const bandwidth = (stated: Parameters<typeof hostResources>[1]) =>
    hostResources(size, stated).scalars['network_bandwidth'];
  expect(bandwidth({})).toBe(1_000_000);
  expect(bandwidth({ networkBandwidth: 250_000 })).toBe(250_000);
  expect(bandwidth({ networkBandwidth: 0 })).toBeUndefined();
});

test('what is reserved for the system is kept of what the host has, not of what is stated', () => {
  const size = {
    cpus: 8,
    memoryBytes: 16 * GIB,
    diskBytes: 100 * GIB,
    linkMbit: undefined,
    gpus: 0,
  };
  const reserve = { cpus: 500, mem: 2 * 1024 * 1000, disk: 0 };
  expect(hostResources(size, {}, reserve).scalars).toEqual({
    cpus: 7500,
    mem: 14 * 1024 * 1000,
    disk: 100 * 1024 * 1000,
  });
  expect(hostResources(size, { cpus: 8000 }, reserve).scalars['cpus']).toBe(8000);
  expect(hostResources(size, {}, { cpus: 9000 }).scalars['cpus']).toBeUndefined();
});

test('graphics processors that are there are offered, or as many as are stated', () => {
  const size = {
    cpus: 8,
    memoryBytes: 16 * GIB,
    diskBytes: 100 * GIB,
    linkMbit: undefined,
    gpus: 2,
  };
  expect(hostResources(size, {}).scalars['gpus']).toBe(2000);
  expect(hostResources(size, { gpus: 0 }).scalars['gpus']).toBeUndefined();
});
