import { describe, expect, test } from 'vitest';
import { anAgentId, ScriptedCluster, some } from './scripted-cluster.ts';
import { aFullAgent, candidatesIn, HOLDER, revokes, WAITER } from './scripted-revocations.ts';
import {
  aCommandTask,
  launchAnswered,
  launchOf,
  operatorCalls,
  taskRef,
} from './scripted-tasks.ts';

const role = 'r' as never;
const idsIn = (...[cluster, changes]: Parameters<typeof candidatesIn>): string[] =>
  candidatesIn(cluster, changes).map(({ task }) => task.taskId);
const needs = (cpus: number, constraints: readonly object[] = []) => ({
  needs: [{ resources: some(cpus), constraints }] as never,
});

describe('on one agent the candidates', () => {
  test('come by lowest priority, then youngest, and not more than were asked for', () => {
    const cluster = aFullAgent(['old']);
    cluster.pass(10);
    const tasks = [aCommandTask('young'), aCommandTask('dear', { priority: 1 })];
    launchAnswered(cluster, HOLDER, launchOf(...tasks, aCommandTask('cheap', { priority: -1 })), {
      resources: some(3),
    });
    expect(idsIn(cluster)).toEqual(['cheap', 'young', 'old', 'dear']);
    expect(idsIn(cluster, { limit: 1 })).toEqual(['cheap']);
  });

  test('are none that is taken back already, nor one of a framework that was not asked about', () => {
    const cluster = aFullAgent(['t1', 't2']);
    revokes(cluster, taskRef(HOLDER, 't1'));
    launchAnswered(cluster, WAITER, launchOf(aCommandTask('w1')), { resources: some(1) });
    expect(idsIn(cluster)).toEqual(['t2']);
  });

  test('are none of the framework that is to have them, nor on an agent of which nothing is offered', () => {
    const cluster = aFullAgent(['t1']);
    expect(idsIn(cluster, { beneficiary: { framework: HOLDER, role } })).toEqual([]);
    operatorCalls(cluster, {
      verb: 'operatorAgent',
      body: { agentId: anAgentId(), change: 'deactivate' },
    });
    expect(idsIn(cluster)).toEqual([]);
  });

  test('are none on an agent of which the one that is to have them refuses what comes back', () => {
    const cluster = aFullAgent(['t1']);
    expect(idsIn(cluster, { notOn: [anAgentId('other')] })).toEqual(['t1']);
    expect(idsIn(cluster, { notOn: [anAgentId()] })).toEqual([]);
  });

  test('are none with more of something than may be taken of its holder', () => {
    const cluster = aFullAgent(['t1', 't2']);
    const holding = (cpus: number) => ({
      holders: [{ framework: HOLDER, role, spare: { cpus } }],
    });
    expect(idsIn(cluster, holding(999))).toEqual([]);
    expect(idsIn(cluster, holding(1000))).toEqual(['t1', 't2']);
    // Each of them may go, and not both.
    expect(idsIn(cluster, { ...holding(1999), ...needs(2) })).toEqual([]);
    expect(idsIn(cluster, { ...holding(2000), ...needs(2) })).toEqual(['t1', 't2']);
  });
});

/** An agent of four CPUs with these tasks of the holder on it, one CPU each. */
function withAgent(
  cluster: ScriptedCluster,
  id: string,
  tasks: readonly (readonly [taskId: string, priority: number])[],
): void {
  const agentId = anAgentId(id);
  cluster.register(agentId, some(4));
  const launch = launchOf(...tasks.map(([taskId, priority]) => aCommandTask(taskId, { priority })));
  launchAnswered(cluster, HOLDER, launch, { resources: some(tasks.length), agentId });
}

function aCluster(): ScriptedCluster {
  const cluster = new ScriptedCluster();
  cluster.startTerm();
  cluster.subscribe(HOLDER);
  cluster.subscribe(WAITER);
  return cluster;
}

describe('agents with candidates', () => {
  /** Cheap tasks one by one on many agents, and dearer ones side by side on another. */
  function scattered(): ScriptedCluster {
    const cluster = aCluster();
    for (let number = 1; number <= 5; number += 1) {
      withAgent(cluster, `single-${number}`, [[`cheap-${number}`, 0]]);
    }
    withAgent(cluster, 'side-by-side', [
      ['dear-1', 5],
      ['dear-2', 5],
      ['dear-3', 5],
    ]);
    return cluster;
  }

  test('are those on which the need can be freed, however cheap the tasks of others are', () => {
    expect(idsIn(scattered(), { ...needs(3), limit: 3 })).toEqual(['dear-1', 'dear-2', 'dear-3']);
    expect(idsIn(scattered(), needs(4))).toEqual([]);
    // Fewer than the need takes would be of no use.
    expect(idsIn(scattered(), { ...needs(3), limit: 2 })).toEqual([]);
  });

  test('come by the dearest task that would go, then by how much, then by how many', () => {
    const cluster = aCluster();
    withAgent(cluster, 'mixed', [
      ['m1', 0],
      ['m2', 3],
    ]);
    withAgent(cluster, 'two', [
      ['two-1', 2],
      ['two-2', 2],
    ]);
    withAgent(cluster, 'one', [['one-1', 9]]);
    expect(idsIn(cluster)).toEqual(['m1', 'm2', 'two-1', 'two-2', 'one-1']);
    expect(idsIn(cluster, needs(2))).toEqual(['two-1', 'two-2', 'm1', 'm2']);
  });

  test('are counted with what is free on them where that may be used, and left out where nothing has to go', () => {
    const cluster = aCluster();
    withAgent(cluster, 'half', [['h1', 1]]);
    withAgent(cluster, 'full', [
      ['f1', 0],
      ['f2', 0],
      ['f3', 0],
      ['f4', 0],
    ]);
    expect(idsIn(cluster, { ...needs(4), mayUseFree: true })).toEqual([
      'f1',
      'f2',
      'f3',
      'f4',
      'h1',
    ]);
    expect(idsIn(cluster, { ...needs(2), mayUseFree: true })).toEqual(['f1', 'f2', 'f3', 'f4']);
    expect(idsIn(cluster, { ...needs(2), mayUseFree: false })).toEqual(['f1', 'f2', 'f3', 'f4']);
  });

  test('are none that the constraints of the need rule out', () => {
    const cluster = scattered();
    const only = [{ name: 'agentId', operator: 'in', values: ['single-3'] }];
    expect(idsIn(cluster, needs(1, only))).toEqual(['cheap-3']);
  });

  test('are shared evenly by the needs, and what one does not use is for the next', () => {
    const cluster = scattered();
    const both = { needs: [...needs(1).needs, ...needs(3).needs] as never };
    const found = idsIn(cluster, { ...both, limit: 6 });
    expect(found.filter((id) => id.startsWith('cheap'))).toHaveLength(3);
    expect(found.filter((id) => id.startsWith('dear'))).toHaveLength(3);
    const scarce = { needs: [...needs(4).needs, ...needs(1).needs] as never };
    expect(idsIn(cluster, { ...scarce, limit: 5 })).toHaveLength(5);
  });
});
