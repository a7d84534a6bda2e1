// Tests for whom what comes back by revocation is kept.
import { RoleName, TaskId } from '@parley/protocol/ids';
import { beforeEach, expect, test } from 'vitest';
import { namesOf, ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, anAgentId, resourcesOf } from './scripted-master.ts';

let cluster: ScriptedCluster;
const task = (taskId: string) => ({ ...aFramework('rich'), taskId: TaskId.parse(taskId) });

/** For the poor one. */
const isTakenBack = (taskId: string): void =>
  cluster.master.tell({
    kind: 'revoking',
    task: task(taskId),
    agentId: anAgentId('x'),
    role: RoleName.parse('rich'),
    resources: resourcesOf(2, 2000),
    beneficiary: { framework: aFramework('poor'), role: RoleName.parse('poor') },
    reason: 'belowGuarantee',
  });
const isTakenBackNoMore = (taskId: string): void =>
  cluster.master.tell({ kind: 'revoked', task: task(taskId) });

/** All of the agent is in tasks of the rich one; the poor one needs more than one of them gives back. */
beforeEach(() => {
  cluster = new ScriptedCluster();
  cluster.master.addAgent('x', resourcesOf(4, 4000));
  cluster.master.subscribe('rich', 'rich');
  const [offer] = cluster.settle();
  cluster.master.launch(offer?.number ?? 0);
  cluster.master.subscribe('poor', 'poor');
  cluster.master.need('poor', 'poor', [
    { shape: 'task', resources: resourcesOf(4, 4000), count: 1 },
  ]);
  cluster.settle();
  for (const taskId of ['t1', 't2']) isTakenBack(taskId);
  cluster.settle();
});

/** One that was taken back has ended. */
function comesBack(taskId: string): void {
  const holder = {
    framework: aFramework('rich'),
    agentId: anAgentId('x'),
    role: RoleName.parse('rich'),
  };
  cluster.master.giveBack(holder, resourcesOf(2, 2000));
  isTakenBackNoMore(taskId);
}

test('the first task that comes back is not offered to the one that it was taken from, nor to anybody else', () => {
  cluster.master.subscribe('third', 'third');
  comesBack('t1');
  expect(cluster.settle()).toStrictEqual([]);
  expect(cluster.settleWithin(20_000)).toStrictEqual([]);
});

test('with the last one it is enough, and he for whom it was taken is offered it', () => {
  comesBack('t1');
  cluster.settle();
  comesBack('t2');
  expect(namesOf(cluster.settle())).toStrictEqual(['poor']);
});

test('what comes back last is offered to him for whom it was taken, though it is the turn of somebody else', () => {
  cluster.master.need('poor', 'poor', [
    { shape: 'task', resources: resourcesOf(2, 2000), count: 2 },
  ]);
  // It has so much elsewhere that everybody else comes before it.
  cluster.master.subscribe('third', 'third');
  cluster.master.addAgent('y', resourcesOf(8, 8000));
  cluster.master.tell({
    kind: 'usage',
    framework: aFramework('poor'),
    role: RoleName.parse('poor'),
    scalars: { cpus: 8000 },
  });
  cluster.master.removeAgent('y');
  cluster.settle();
  comesBack('t1');
  expect(namesOf(cluster.settle())).toStrictEqual(['poor']);
  comesBack('t2');
  expect(namesOf(cluster.settle())).toStrictEqual(['poor']);
});

test('what is left then is everybody’s', () => {
  cluster.master.need('poor', 'poor', [
    { shape: 'task', resources: resourcesOf(1, 1000), count: 1 },
  ]);
  cluster.settle();
  isTakenBackNoMore('t2');
  cluster.settle();
  comesBack('t1');
  expect(namesOf(cluster.settle())).toStrictEqual(['poor', 'rich']);
});

test('what was called off is offered to whoever is next at once', () => {
  comesBack('t1');
  cluster.settle();
  isTakenBackNoMore('t2');
  expect(namesOf(cluster.settle())).toStrictEqual(['rich']);
});
