// Tests what can be read of the allocator's knowledge: places, shares and quotas of a framework, and what is left of agents.
import { RoleName } from '@parley/protocol/ids';
import { beforeEach, describe, expect, test } from 'vitest';
import { ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, anAgentId, resourcesOf } from './scripted-master.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

const ADS = RoleName.parse('eng/ads');

describe('where a framework stands', () => {
  test('its place and share are told level by level, from the top down', () => {
    cluster.master.setRole('eng', { weight: 2000 });
    for (const [name, role] of [
      ['ads-1', 'eng/ads'],
      ['ads-2', 'eng/ads'],
      ['web', 'eng/web'],
      ['sales', 'sales'],
    ] as const) {
      cluster.master.subscribe(name, role);
    }
    cluster.settle();
    for (let number = 0; number < 6; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(1, 1000));
    }
    cluster.settle();
    const position = cluster.allocator.view.positionOf(aFramework('ads-1'), ADS);
    expect(position).toMatchObject({ takesOffers: true, hasNoRoom: false, isAtCap: false });
    expect(position?.levels.map(({ name, of, weight }) => [name, of, weight])).toStrictEqual([
      ['eng', 2, 2000],
      ['eng/ads', 2, 1000],
      ['tests/ads-1', 2, 1000],
    ]);
    // 4 of 6 by a weight of 2, and 1 of 6 for each of those who share the half of that.
    expect(position?.levels.map(({ weightedShare }) => weightedShare)).toStrictEqual([
      2 / 6,
      2 / 6,
      1 / 6,
    ]);
  });

  test('whoever takes no offers has no place, and whoever is at a limit has no room', () => {
    cluster.master.setRole('eng', { limit: { cpus: 4000 }, guarantee: { cpus: 5000 } });
    cluster.master.subscribe('a', 'eng');
    for (const name of ['x', 'y']) cluster.master.addAgent(name, resourcesOf(4, 4000));
    cluster.settle();
    const position = cluster.allocator.view.positionOf(aFramework('a'), RoleName.parse('eng'));
    expect(position).toMatchObject({ takesOffers: false, hasNoRoom: true });
    expect(position?.levels[0]).toMatchObject({
      place: undefined,
      quota: {
        guarantee: { cpus: 5000 },
        limit: { cpus: 4000 },
        consumed: { cpus: 4000 },
        isUnmet: true,
      },
    });
  });

  test('a limit of nothing at all is a limit', () => {
    cluster.master.setRole('eng', { limit: { gpus: 0 } });
    cluster.master.subscribe('a', 'eng');
    cluster.settle();
    const position = cluster.allocator.view.positionOf(aFramework('a'), RoleName.parse('eng'));
    expect(position?.levels[0]?.quota?.limit).toStrictEqual({ gpus: 0 });
  });

  test('of one that has nothing to do with the role nothing is told', () => {
    cluster.master.subscribe('a', 'eng');
    cluster.settle();
    expect(cluster.allocator.view.positionOf(aFramework('a'), ADS)).toBeUndefined();
    expect(cluster.allocator.view.positionOf(aFramework('b'), ADS)).toBeUndefined();
  });
});

test('what is left of an agent is without proposals that are not decided', () => {
  cluster.master.addAgent('x', resourcesOf(4, 4000));
  cluster.hear();
  expect(cluster.allocator.view.leftOf(anAgentId('x'))?.unreserved).toStrictEqual(
    resourcesOf(4, 4000),
  );
  cluster.master.subscribe('a', 'eng');
  cluster.hear();
  expect(cluster.proposalsWithin(10)).toHaveLength(1);
  expect(cluster.allocator.view.leftOf(anAgentId('x'))?.amounts).toStrictEqual([]);
  expect(cluster.allocator.view.leftOf(anAgentId('y'))).toBeUndefined();
});
