// Tests guarantees and limits, of roles at every level and of frameworks: who goes first, what is chopped, what is held
// back. Mesos docs, "Quota"; scenarios S3 (chop) and S4 (headroom).
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { COALESCE_MS, FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { countsOf, namesOf, ScriptedCluster, summaryOf } from './scripted-cluster.ts';
import { aReservation, resourcesOf } from './scripted-master.ts';
import type { ScriptedNeed } from './scripted-records.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

const cpus = (count: number): { cpus: number } => ({ cpus: count * 1000 });
const tasks = (count: number): ScriptedNeed => ({
  shape: 'one',
  count,
  resources: resourcesOf(1, 100),
});

function addAgents(count: number): void {
  for (let number = 0; number < count; number += 1) {
    cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 4000));
  }
}

/** The offers that the framework has not answered. */
const offersOf = (name: string): number[] =>
  [...cluster.master.offers.values()]
    .filter(({ framework }) => framework.ref.frameworkId === name)
    .map(({ number }) => number);

describe('a limit', () => {
  test('an agent of 15 CPUs is chopped to the 10 that the role may have, and keeps its ports', () => {
    cluster.master.setRole('eng', { limit: cpus(10) });
    cluster.master.addAgent('x', normalise({ ...resourcesOf(15, 1024), ports: [[80, 90]] }));
    cluster.master.subscribe('a', 'eng');
    expect(cluster.settle()).toMatchObject([
      { resources: { scalars: { cpus: 10_000, mem: 1_024_000 }, ports: [[80, 90]] } },
    ]);
  });

  test('it is not passed by offers that nobody has answered, nor by proposals under way', () => {
    cluster.master.setRole('eng', { limit: cpus(10) });
    addAgents(5);
    cluster.master.subscribe('a', 'eng');
    cluster.hear();
    expect(
      summaryOf(cluster.proposalsWithin(COALESCE_MS)).map((one) => one.slice(10)),
    ).toStrictEqual(['4/4000', '4/4000', '2/4000']);
    cluster.master.subscribe('b', 'eng');
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toStrictEqual([]);
  });

  test('what the master refuses to offer leaves room that is found when all is looked at again', () => {
    cluster.master.setRole('eng', { limit: cpus(4) });
    addAgents(2);
    for (const name of ['a', 'b']) cluster.master.subscribe(name, 'eng');
    cluster.hear();
    const [refused, ...others] = cluster.proposalsWithin(COALESCE_MS);
    expect(others).toStrictEqual([]);
    cluster.master.tell({ kind: 'decided', proposalNumber: refused?.number ?? 0 });
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toStrictEqual([]);
    expect(cluster.proposalsWithin(FULL_RUN_INTERVAL_MS)).toHaveLength(1);
  });

  test('of a role above it holds for all roles below together', () => {
    cluster.master.setRole('eng', { limit: cpus(8) });
    addAgents(6);
    cluster.master.subscribe('ads', 'eng/ads');
    cluster.master.subscribe('web', 'eng/web');
    expect(countsOf(cluster.settle())).toStrictEqual({ ads: 1, web: 1 });
  });

  test('of a framework it holds over all its roles, and others of the role go on', () => {
    cluster.master.subscribe('a', 'eng', 'sales');
    cluster.master.setShares('a', { limit: cpus(8) });
    cluster.master.subscribe('b', 'eng');
    addAgents(6);
    expect(countsOf(cluster.settle())).toStrictEqual({ a: 2, b: 4 });
  });

  test('a stated demand gets so many tasks as it has room for', () => {
    cluster.master.setRole('eng', { limit: cpus(2.5) });
    addAgents(1);
    cluster.master.subscribe('a', 'eng');
    cluster.master.need('a', 'eng', [tasks(9)]);
    expect(summaryOf(cluster.settle())).toStrictEqual(['a agent-0 2/200 2x one']);
  });

  test('what is chopped below the least offer is not offered at all', () => {
    cluster.master.setRole('eng', { limit: { mem: 31_000 } });
    addAgents(1);
    cluster.master.subscribe('a', 'eng');
    expect(cluster.settle()).toStrictEqual([]);
  });

  test('whoever stood at it is offered agents that have long been open as soon as it has less, or may have more', () => {
    cluster.master.setRole('eng', { limit: cpus(4) });
    addAgents(3);
    cluster.master.subscribe('a', 'eng');
    const [first] = cluster.settle();
    expect(cluster.proposalsWithin(2 * FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    cluster.master.decline(first?.number ?? 0, 60_000);
    expect(cluster.settle()).toHaveLength(1);
    cluster.proposalsWithin(2 * FULL_RUN_INTERVAL_MS);
    cluster.master.setRole('eng', { limit: cpus(8) });
    expect(cluster.settle()).toHaveLength(1);
  });

  test('one that is below what the role has already takes nothing back and gives nothing more', () => {
    addAgents(2);
    cluster.master.subscribe('a', 'eng');
    cluster.settle();
    cluster.master.setRole('eng', { limit: cpus(2) });
    cluster.master.addAgent('new', resourcesOf(4, 4000));
    expect(cluster.settle()).toStrictEqual([]);
  });
});

describe('what is reserved counts towards a limit', () => {
  test('whether it is in use or not, for the role and those above it', () => {
    const reservation = aReservation('eng/ads', 'one', resourcesOf(6, 6000));
    cluster.master.addAgent('x', resourcesOf(6, 6000), { reservations: [reservation] });
    cluster.master.addAgent('y', resourcesOf(8, 8000));
    cluster.master.setRole('eng', { limit: cpus(10) });
    cluster.master.subscribe('web', 'eng/web');
    expect(summaryOf(cluster.settle())).toStrictEqual(['web y 4/8000']);
  });

  test('not twice when the role takes it', () => {
    const reservation = aReservation('eng', 'one', resourcesOf(6, 6000));
    cluster.master.addAgent('x', resourcesOf(8, 8000), { reservations: [reservation] });
    cluster.master.addAgent('y', resourcesOf(8, 8000));
    cluster.master.setRole('eng', { limit: cpus(10) });
    cluster.master.subscribe('a', 'eng');
    const offers = cluster.settle();
    expect(offers.find(({ agentId }) => agentId === 'x')).toMatchObject({
      reservations: [reservation],
    });
    const unreserved = offers.map(({ resources }) => resources.scalars['cpus'] ?? 0);
    expect(unreserved.reduce((a, b) => a + b, 0)).toBe(4000);
  });

  test('a reservation of a role above that is more than a role may have is left to others below it', () => {
    const reservation = aReservation('eng', 'one', resourcesOf(6, 6000));
    cluster.master.addAgent('x', resourcesOf(6, 6000), { reservations: [reservation] });
    cluster.master.setRole('eng/ads', { limit: cpus(4) });
    cluster.master.subscribe('ads', 'eng/ads');
    cluster.master.subscribe('web', 'eng/web');
    expect(cluster.settle()).toMatchObject([{ role: 'eng/web', reservations: [reservation] }]);
  });

  test('a role that stood at its limit gets what becomes reserved for it', () => {
    cluster.master.setRole('eng', { limit: cpus(4) });
    addAgents(2);
    cluster.master.subscribe('a', 'eng');
    cluster.settle();
    const reservation = aReservation('eng', 'one', resourcesOf(2, 2000));
    cluster.master.addAgent('x', resourcesOf(2, 2000), { reservations: [reservation] });
    expect(cluster.settle()).toMatchObject([{ agentId: 'x', reservations: [reservation] }]);
  });
});

describe('a guarantee', () => {
  test('that is not met goes before every share, until it is met', () => {
    addAgents(1);
    cluster.master.subscribe('rich', 'eng');
    cluster.settle();
    cluster.master.setRole('eng', { guarantee: cpus(12) });
    cluster.master.subscribe('poor', 'sales');
    for (const number of [1, 2, 3, 4]) cluster.master.addAgent(`x-${number}`, resourcesOf(4, 4000));
    expect(namesOf(cluster.settle())).toStrictEqual(['rich', 'rich', 'poor', 'poor']);
  });

  test('of a framework goes before others in its role, and before other roles', () => {
    addAgents(2);
    cluster.master.subscribe('a', 'eng');
    cluster.settle();
    cluster.master.setShares('a', { guarantee: cpus(12) });
    cluster.master.subscribe('b', 'eng');
    cluster.master.subscribe('c', 'sales');
    cluster.master.addAgent('x', resourcesOf(4, 4000));
    expect(namesOf(cluster.settle())).toStrictEqual(['a']);
    cluster.master.addAgent('y', resourcesOf(4, 4000));
    expect(namesOf(cluster.settle())).toStrictEqual(['c']);
  });

  test('of several that are not met the smallest weighted share goes first', () => {
    cluster.master.setRole('one', { guarantee: cpus(40), weight: 3000 });
    cluster.master.setRole('two', { guarantee: cpus(40) });
    cluster.master.subscribe('a', 'one');
    cluster.master.subscribe('b', 'two');
    cluster.master.subscribe('c', 'three');
    addAgents(8);
    expect(countsOf(cluster.settle())).toStrictEqual({ a: 6, b: 2 });
  });

  test('of a role below goes before its siblings, level by level', () => {
    cluster.master.setRole('eng/ads', { guarantee: cpus(4) });
    cluster.master.subscribe('ads', 'eng/ads');
    cluster.master.subscribe('web', 'eng/web');
    cluster.master.subscribe('sales', 'sales');
    addAgents(1);
    expect(namesOf(cluster.settle())).toStrictEqual(['ads']);
  });

  test('of a role above helps all below it by their shares', () => {
    cluster.master.setRole('eng', { guarantee: cpus(16) });
    cluster.master.subscribe('ads', 'eng/ads');
    cluster.master.subscribe('web', 'eng/web');
    cluster.master.subscribe('sales', 'sales');
    addAgents(4);
    expect(countsOf(cluster.settle())).toStrictEqual({ ads: 2, web: 2 });
  });

  test('of something that the agent does not have does not go first', () => {
    cluster.master.setRole('eng', { guarantee: { gpus: 1000 } });
    cluster.master.subscribe('b', 'eng');
    cluster.master.subscribe('a', 'another');
    addAgents(1);
    expect(namesOf(cluster.settle())).toStrictEqual(['a']);
  });

  test('a stated demand goes first with as many tasks as it takes to meet it, then shares decide', () => {
    cluster.master.setRole('eng', { guarantee: cpus(4) });
    cluster.master.addAgent('x', resourcesOf(10, 10_000));
    for (const [name, role] of [
      ['a', 'eng'],
      ['b', 'sales'],
    ] as const) {
      cluster.master.subscribe(name, role);
      cluster.master.need(name, role, [tasks(100)]);
    }
    expect(summaryOf(cluster.settle())).toStrictEqual(['a x 5/500 5x one', 'b x 5/500 5x one']);
    cluster.master.setRole('eng', { guarantee: cpus(9) });
    cluster.master.addAgent('y', resourcesOf(5, 5000));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a y 4/400 4x one', 'b y 1/100 1x one']);
  });

  test('a stated demand takes no more first than meets it, when that of somebody richer is not met either', () => {
    cluster.master.addAgent('x', resourcesOf(8, 8000));
    cluster.master.subscribe('rich', 'sales');
    cluster.master.need('rich', 'sales', [tasks(8)]);
    cluster.settle();
    cluster.master.setRole('eng', { guarantee: cpus(3) });
    cluster.master.setRole('sales', { guarantee: cpus(20) });
    cluster.master.subscribe('poor', 'eng');
    cluster.master.need('poor', 'eng', [tasks(100)]);
    cluster.master.need('rich', 'sales', [tasks(108)]);
    cluster.master.addAgent('y', resourcesOf(10, 10_000));
    expect(summaryOf(cluster.settle())).toStrictEqual([
      'poor y 3/300 3x one',
      'rich y 7/700 7x one',
    ]);
  });

  test('what is reserved for the role counts towards it', () => {
    const reservation = aReservation('eng', 'one', resourcesOf(4, 4000));
    cluster.master.addAgent('x', resourcesOf(4, 4000), { reservations: [reservation] });
    cluster.master.subscribe('poor', 'another');
    cluster.master.setRole('eng', { guarantee: cpus(4) });
    cluster.master.subscribe('a', 'eng');
    cluster.master.addAgent('y', resourcesOf(4, 4000));
    const offers = cluster.settle();
    expect(offers.find(({ agentId }) => agentId === 'y')?.framework.frameworkId).toBe('poor');
  });
});

describe('where nothing is taken back', () => {
  beforeEach(() => cluster.master.set({ reclaims: false }));

  test('others get what is free beyond what guarantees still lack, and no more', () => {
    cluster.master.setRole('eng', { guarantee: cpus(10) });
    cluster.master.subscribe('a', 'sales');
    addAgents(5);
    const offered = cluster.settle().map(({ resources }) => resources.scalars['cpus'] ?? 0);
    expect(offered.reduce((sum, one) => sum + one, 0)).toBe(10_000);
    expect(cluster.proposalsWithin(2 * FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    cluster.master.subscribe('b', 'eng');
    // A third agent has 2 CPUs left, and none of the memory, which nobody is guaranteed.
    expect(countsOf(cluster.settle())).toStrictEqual({ b: 2 });
  });

  test('what is held back is offered as soon as nothing has to be', () => {
    cluster.master.setRole('eng', { guarantee: cpus(20) });
    cluster.master.subscribe('a', 'sales');
    addAgents(5);
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.addAgent('more', resourcesOf(4, 4000));
    expect(cluster.settle()).toHaveLength(1);
    cluster.master.set({ reclaims: true });
    expect(cluster.settle()).toHaveLength(5);
  });

  test('whoever serves the guarantee gets it, and beyond it what nobody else is guaranteed', () => {
    cluster.master.setRole('eng', { guarantee: cpus(2) });
    cluster.master.setRole('sales', { guarantee: cpus(3) });
    cluster.master.addAgent('x', resourcesOf(8, 8000));
    cluster.master.subscribe('a', 'eng');
    expect(summaryOf(cluster.settle())).toStrictEqual(['a x 5/8000']);
  });

  test('guarantees of roles below are held back within that of the one above, not beside it', () => {
    cluster.master.setRole('eng', { guarantee: cpus(6) });
    cluster.master.setRole('eng/ads', { guarantee: cpus(4) });
    cluster.master.addAgent('x', resourcesOf(10, 10_000));
    cluster.master.subscribe('a', 'sales');
    expect(summaryOf(cluster.settle())).toStrictEqual(['a x 4/10000']);
  });

  test('what was held back for a framework goes to others of its role once it leaves, as far as the role lacks it', () => {
    cluster.master.setRole('eng', { guarantee: cpus(5), minAllocatable: cpus(1) });
    cluster.master.subscribe('b', 'eng');
    cluster.master.suppress('b', 'eng');
    cluster.master.setShares('b', { guarantee: cpus(1) });
    cluster.master.subscribe('a', 'eng');
    cluster.master.addAgent('x', resourcesOf(5, 5000));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a x 4/5000']);
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.disconnect('b');
    expect(summaryOf(cluster.settle())).toStrictEqual(['a x 1/0']);
  });

  test('what a guarantee no longer lacks in two places goes by shares to those who were refused it before', () => {
    cluster.master.set({ minAllocatable: cpus(1) });
    // 5 for the framework, counted in the first of its roles, and 2 for the other one, in which it is asked.
    cluster.master.setRole('g', { guarantee: cpus(2), limit: cpus(5) });
    cluster.master.setShares('both', { guarantee: cpus(5) });
    cluster.master.set({ reclaims: true });
    cluster.master.subscribe('rich', 'r');
    cluster.master.addAgent('held', resourcesOf(16, 16_000));
    for (const { number } of cluster.settle()) cluster.master.launch(number);
    cluster.master.subscribe('both', 'f', 'g');
    cluster.master.suppress('both', 'f');
    cluster.master.addAgent('x', resourcesOf(8, 8000));
    const offers = cluster.settle();
    expect(namesOf(offers)).toStrictEqual(['both', 'rich']);
    // They stand back on it from now on.
    for (const { number } of offers) cluster.master.expire(number);
    cluster.master.set({ reclaims: false });
    cluster.master.subscribe('one', 'a');
    cluster.master.subscribe('two', 'b');
    const given = summaryOf(cluster.settle());
    expect(given).toStrictEqual(['one x 1/8000', 'both x 5/0', 'two x 2/0']);
  });

  test('where something is taken back nothing is held back', () => {
    cluster.master.set({ reclaims: true });
    cluster.master.setRole('eng', { guarantee: cpus(10) });
    cluster.master.subscribe('a', 'sales');
    addAgents(5);
    expect(cluster.settle()).toHaveLength(5);
    expect(offersOf('a')).toHaveLength(5);
  });
});
