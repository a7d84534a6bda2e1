import { expect, it } from 'vitest';
import { networkRequestOf } from './network-request.ts';

it('a private network has the rate and every port that the task holds', () => {
  const resources = {
    scalars: { cpus: 1000, network_bandwidth: 2500 },
    ports: [
      [31_000, 31_002],
      [80, 80],
    ] as [number, number][],
    sets: {},
  };
  expect(networkRequestOf('u', { resources })).toEqual({
    unit: 'u',
    egressKbit: 2500,
    ports: [31_000, 31_001, 31_002, 80],
  });
});

it('what holds no bandwidth and no ports has no rate, and nothing leads to it', () => {
  const resources = { scalars: { cpus: 1000 }, ports: [], sets: {} };
  const { egressKbit, ports } = networkRequestOf('u', { resources });
  expect(egressKbit).toBeUndefined();
  expect(ports).toEqual([]);
});
