// Tests how the allocator keeps in step with the master: what it does about facts that are lost, late, twice, of another
// leader, or do not come at all.
import type { FactsMessage } from '@parley/protocol/allocation';
import { beforeEach, expect, test } from 'vitest';
import { Allocator, type AllocatorEffect, COALESCE_MS } from './allocator.ts';
import { SILENCE_MS, SNAPSHOT_RETRY_MS } from './facts-intake.ts';
import { EPOCH, ScriptedCluster } from './scripted-cluster.ts';
import { resourcesOf, ScriptedMaster } from './scripted-master.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

/** The value: what the allocator does about it. */
function hear(message: FactsMessage = cluster.master.message()): AllocatorEffect[] {
  const effects = cluster.allocator.facts(message, cluster.nowMs);
  cluster.allocator.checkInvariants();
  return effects;
}

test('a lost message makes it ask for a snapshot, and propose nothing until that is there', () => {
  cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
  hear();
  cluster.master.subscribe('a', 'services');
  cluster.master.message();
  cluster.master.addAgent('agent-2', resourcesOf(4, 4000));
  expect(hear()).toStrictEqual([{ kind: 'requestSnapshot' }]);
  expect(cluster.proposalsWithin(100)).toStrictEqual([]);
  for (const part of cluster.master.snapshot(3)) hear(part);
  expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(2);
});

test('the request is repeated every second until all parts have come', () => {
  const allocator = new Allocator();
  const requestsAt = (nowMs: number): number =>
    allocator.tick(nowMs).filter(({ kind }) => kind === 'requestSnapshot').length;
  expect(allocator.nextWakeMs()).toBeUndefined();
  expect(allocator.started(EPOCH, 0)).toStrictEqual([{ kind: 'requestSnapshot' }]);
  for (let second = 1; second <= 3; second += 1) {
    expect(requestsAt(second * SNAPSHOT_RETRY_MS - 1)).toBe(0);
    expect(requestsAt(second * SNAPSHOT_RETRY_MS)).toBe(1);
  }
  const [one, two] = cluster.master.snapshot(2);
  if (one === undefined || two === undefined) throw new Error('there are two parts');
  allocator.facts(one, 3 * SNAPSHOT_RETRY_MS);
  expect(requestsAt(4 * SNAPSHOT_RETRY_MS)).toBe(1);
  allocator.facts(two, 4 * SNAPSHOT_RETRY_MS);
  expect(requestsAt(5 * SNAPSHOT_RETRY_MS)).toBe(0);
});

test('a message that comes twice, and a snapshot of what is known, change nothing', () => {
  cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
  cluster.master.subscribe('a', 'services');
  const message = cluster.master.message();
  hear(message);
  expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
  hear(message);
  for (const part of cluster.master.snapshot()) hear(part);
  expect(cluster.proposalsWithin(100)).toStrictEqual([]);
});

test('facts of an earlier master are dropped, a later one continues the numbers', () => {
  const [earlier, later] = [
    { bucketCreatedMs: 1, revision: 5 },
    { bucketCreatedMs: 1, revision: 9 },
  ];
  cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
  expect(cluster.allocator.facts(cluster.master.message(), cluster.nowMs, earlier)).toStrictEqual(
    [],
  );
  cluster.master.subscribe('a', 'services');
  expect(cluster.allocator.facts(cluster.master.message(), cluster.nowMs, later)).toStrictEqual([]);
  expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
  cluster.master.removeAgent('agent-1');
  expect(cluster.allocator.facts(cluster.master.message(), cluster.nowMs, earlier)).toStrictEqual(
    [],
  );
  cluster.master.addAgent('agent-2', resourcesOf(4, 4000));
  expect(cluster.allocator.facts(cluster.master.message(), cluster.nowMs, later)).toStrictEqual([
    { kind: 'requestSnapshot' },
  ]);
});

test('what a dead master has journalled and not told is made up for by the facts that the next one tells again', () => {
  const later = { bucketCreatedMs: 2, revision: 1 };
  cluster.master.subscribe('a', 'services');
  const known = cluster.master.message();
  hear(known);
  cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
  const untold = cluster.master.message();
  const facts = [...known.facts, ...untold.facts];
  const again = { sequence: untold.sequence, previous: known.previous, facts };
  expect(cluster.allocator.facts(again, cluster.nowMs, later)).toStrictEqual([]);
  expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
  // One that reaches back less far than the gap does not close it.
  cluster.master.message();
  const tooLate = cluster.master.message();
  expect(cluster.allocator.facts(tooLate, cluster.nowMs, { ...later, revision: 2 })).toStrictEqual([
    { kind: 'requestSnapshot' },
  ]);
});

test('what was proposed to a master that leads no more is proposed to the next one at once, unless it was decided', () => {
  const next = { bucketCreatedMs: 1, revision: 9 };
  const agents = ['agent-1', 'agent-2'];
  for (const agent of agents) cluster.master.addAgent(agent, resourcesOf(4, 4000));
  cluster.master.subscribe('a', 'services');
  hear();
  const [first, second] = cluster.proposalsWithin(COALESCE_MS);
  if (first === undefined || second === undefined) throw new Error('both are proposed');
  cluster.master.decide(first);
  const message = cluster.master.message();
  expect(cluster.allocator.facts(message, cluster.nowMs, next)).toEqual([]);
  const again = cluster.proposalsWithin(COALESCE_MS);
  expect(again.map(({ agentId }) => agentId)).toEqual([second.agentId]);
  // Also where the next one has nothing to tell that is not known.
  const later = { ...next, revision: 10 };
  expect(cluster.allocator.facts(message, cluster.nowMs, later)).toEqual([]);
  expect(cluster.proposalsWithin(COALESCE_MS).map(({ agentId }) => agentId)).toEqual([
    second.agentId,
  ]);
  cluster.allocator.checkInvariants();
});

test('a framework that leaves and comes back in one message, in which the agent goes that it was to be offered, is one', () => {
  cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
  cluster.master.subscribe('a', 'services');
  hear();
  expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
  cluster.master.disconnect('a');
  cluster.master.removeAgent('agent-1');
  cluster.master.subscribe('a', 'services');
  hear();
  cluster.master.addAgent('agent-2', resourcesOf(4, 4000));
  cluster.master.subscribe('a', 'services');
  hear();
  expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
});

test('a later master whose journal began anew makes it ask for a snapshot', () => {
  for (let entry = 0; entry < 5; entry += 1) hear();
  const other = new ScriptedMaster();
  expect(
    cluster.allocator.facts(other.message(), cluster.nowMs, { bucketCreatedMs: 2, revision: 1 }),
  ).toStrictEqual([{ kind: 'requestSnapshot' }]);
});

test('after a time without the bus it asks, and proposes nothing until the snapshot is there', () => {
  cluster.master.addAgent('agent-1', resourcesOf(4, 4000));
  cluster.master.subscribe('a', 'services');
  hear();
  expect(cluster.allocator.reconnected(cluster.nowMs)).toStrictEqual([{ kind: 'requestSnapshot' }]);
  expect(cluster.proposalsWithin(100)).toStrictEqual([]);
  for (const part of cluster.master.snapshot()) hear(part);
  expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
});

test('long silence makes it ask whether something was lost', () => {
  cluster.nowMs = SILENCE_MS - 1;
  expect(cluster.allocator.tick(cluster.nowMs)).toStrictEqual([]);
  cluster.nowMs += 1;
  expect(cluster.allocator.tick(cluster.nowMs)).toStrictEqual([{ kind: 'requestSnapshot' }]);
});
