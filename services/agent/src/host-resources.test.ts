// Tests of what an agent offers by default.
import { expect, test } from 'vitest';
import { type HostSize, hostResources } from './host-resources.ts';

const GIB = 1024 ** 3;
const LARGE: HostSize = {
  cpus: 8,
  memoryBytes: 16 * GIB,
  diskBytes: 100 * GIB,
  linkMbit: undefined,
  gpus: 0,
};

test('a large host offers all but 1 GiB of memory and 5 GiB of disk', () => {
  expect(hostResources(LARGE, {})).toEqual({
    scalars: { cpus: 8000, mem: 15 * 1024 * 1000, disk: 95 * 1024 * 1000 },
    ports: [[31_000, 32_000]],
    sets: {},
  });
});

test('a small host offers half of its memory and disk', () => {
  const size = { ...LARGE, cpus: 1, memoryBytes: 1.5 * GIB, diskBytes: 8 * GIB };
  expect(hostResources(size, {}).scalars).toEqual({
    cpus: 1000,
    mem: 768 * 1000,
    disk: 4 * 1024 * 1000,
  });
});

test('what is stated counts instead, zero too', () => {
  expect(hostResources(LARGE, { cpus: 500, mem: 64_000, disk: 0, ports: [] })).toEqual({
    scalars: { cpus: 500, mem: 64_000 },
    ports: [],
    sets: {},
  });
});

test('a link whose speed is known is offered whole, or as much of it as is stated', () => {
  const size = { ...LARGE, linkMbit: 1000 };
  const bandwidth = (stated: Parameters<typeof hostResources>[1]) =>
    hostResources(size, stated).scalars['network_bandwidth'];
  expect(bandwidth({})).toBe(1_000_000);
  expect(bandwidth({ networkBandwidth: 250_000 })).toBe(250_000);
  expect(bandwidth({ networkBandwidth: 0 })).toBeUndefined();
});

test('what is reserved for the system is kept of what the host has, not of what is stated', () => {
  const reserve = { cpus: 500, mem: 2 * 1024 * 1000, disk: 0 };
  expect(hostResources(LARGE, {}, reserve).scalars).toEqual({
    cpus: 7500,
    mem: 14 * 1024 * 1000,
    disk: 100 * 1024 * 1000,
  });
  expect(hostResources(LARGE, { cpus: 8000 }, reserve).scalars['cpus']).toBe(8000);
  expect(hostResources(LARGE, {}, { cpus: 9000 }).scalars['cpus']).toBeUndefined();
});

test('graphics processors that are there are offered, or as many as are stated', () => {
  const size = { ...LARGE, gpus: 2 };
  expect(hostResources(size, {}).scalars['gpus']).toBe(2000);
  expect(hostResources(size, { gpus: 0 }).scalars['gpus']).toBeUndefined();
});
