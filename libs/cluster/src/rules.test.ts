// Tests the versions of the rules in the state: where they stand, what a raise does, and that a state of version 4 shows
// no trace of there being others.
import { expect, test } from 'vitest';
import { clusterCore } from './cluster-core.ts';
import {
  aFramework,
  anAgentId,
  answerOf,
  aTask,
  ScriptedCluster,
  some,
} from './scripted-cluster.ts';

test('new books have the rules of their first entry, and nothing is told of a raise', () => {
  const cluster = new ScriptedCluster();
  const effects = cluster.startTerm();
  expect(cluster.state.rulesVersion).toBe(clusterCore.rulesVersion);
  expect(effects).not.toContainEqual(
    expect.objectContaining({ event: expect.objectContaining({ type: 'rulesRaised' }) }),
  );
});

test('a state of version 4 holds nothing that says so: its hash is what it was before there were others', () => {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = 4;
  cluster.startTerm();
  expect(cluster.state.rulesVersion).toBe(4);
  expect(cluster.state.record).not.toHaveProperty('rulesVersion');
});

test('a raise holds from the beginning of its entry, is told, and outlives a snapshot', () => {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = 4;
  cluster.startTerm();
  cluster.rulesVersion = 5;
  expect(cluster.pass(1)).toContainEqual({
    kind: 'event',
    event: { type: 'rulesRaised', before: 4, after: 5 },
  });
  expect(cluster.pass(1)).toEqual([]);
  const items = clusterCore.snapshot(cluster.state).next(10_000);
  const restored = clusterCore.restore(items);
  expect([restored.rulesVersion, clusterCore.hash(restored)]).toEqual([
    5,
    clusterCore.hash(cluster.state),
  ]);
});

test('an offer made before a raise can be accepted after it', () => {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = 4;
  cluster.startTerm();
  cluster.register(anAgentId(), some(10));
  cluster.subscribe(aFramework());
  const offer = cluster.offer(aFramework(), some(1));
  cluster.rulesVersion = 5;
  cluster.pass(1);
  expect(answerOf(cluster.accept(aFramework(), [offer], [aTask('t1')]))).toMatchObject({
    ok: true,
  });
});
