// Tests the measure of how much of a cluster was in use.
import { expect, test } from 'vitest';
import { aCluster, aFramework, some } from './scripted-cluster.ts';
import { utilisation } from './utilisation.ts';

test('utilisation is weighted by core time', () => {
  const cluster = aCluster(some(10));
  const framework = aFramework();
  cluster.pass(1000);
  cluster.launch(framework, 't1', some(5));
  cluster.pass(1000);
  expect(utilisation(cluster.state, cluster.nowMs)['cpus']).toEqual({
    allocated: 5000,
    total: 10_000,
    mean: 0.25,
  });
  expect(utilisation(cluster.state, cluster.nowMs + 2000)['cpus']?.mean).toBe(0.375);
});
