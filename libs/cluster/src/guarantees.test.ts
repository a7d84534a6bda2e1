import { describe, expect, test } from 'vitest';
import { guaranteeObjection, guaranteeOf } from './guarantees.ts';
import { anAgentId, aRole, type ScriptedCluster, some } from './scripted-cluster.ts';
import {
  aFullAgent,
  HOLDER,
  keyOf,
  revokes,
  WAITER,
  withExecutor,
} from './scripted-revocations.ts';
import { aCommandTask, launchOf, taskRef } from './scripted-tasks.ts';

const t1 = taskRef(HOLDER, 't1');

describe('a guarantee', () => {
  const four = { scope: 'role', amounts: { cpus: 4000 } } as const;
  const five = aFullAgent(['t1', 't2', 't3', 't4', 't5']);
  const live = (cluster: ScriptedCluster, id: string) => {
    const task = cluster.state.tasks.get(keyOf(id));
    if (task === undefined) throw new Error(`${id} is not live`);
    return task;
  };

  test('is kept: what would be left without the task must not be less', () => {
    const t = live(five, 't1');
    expect(guaranteeObjection(five.state, t, { guaranteed: four })).toBeUndefined();
    const more = { scope: 'role', amounts: { cpus: 4001 } } as const;
    expect(guaranteeObjection(five.state, t, { guaranteed: more })).toBe(
      'its framework would have 4000 thousandths of cpus left, and is guaranteed 4001',
    );
  });

  test('counts what is being taken back already as gone', () => {
    const cluster = aFullAgent(['t1', 't2', 't3', 't4', 't5']);
    revokes(cluster, t1);
    expect(guaranteeObjection(cluster.state, live(cluster, 't2'), { guaranteed: four })).toContain(
      '3000 thousandths',
    );
    expect(
      guaranteeObjection(cluster.state, live(cluster, 't1'), { guaranteed: four }),
    ).toBeUndefined();
  });

  test('counts what is offered as not held', () => {
    const cluster = aFullAgent(['t1', 't2', 't3', 't4']);
    cluster.offer(HOLDER, some(4));
    expect(guaranteeObjection(cluster.state, live(cluster, 't1'), { guaranteed: four })).toContain(
      '3000 thousandths',
    );
  });

  test('of a framework counts what it holds in all its roles, one of a role only that role', () => {
    const cluster = aFullAgent(['t1']);
    cluster.frameworkCall(HOLDER, {
      verb: 'updateFramework',
      body: { roles: ['r', 'other'] as never },
    });
    const [offer] = [cluster.offer(HOLDER, some(4), anAgentId(), { role: 'other' as never })];
    cluster.operate(
      HOLDER,
      [offer],
      [launchOf(...['o1', 'o2', 'o3', 'o4'].map((id) => aCommandTask(id)))],
    );
    const t = live(cluster, 't1');
    expect(guaranteeObjection(cluster.state, t, { guaranteed: four })).toContain('0 thousandths');
    const own = { ...four, scope: 'framework' } as const;
    expect(guaranteeObjection(cluster.state, t, { guaranteed: own })).toBeUndefined();
  });

  test('says nothing about resources that the task does not hold', () => {
    const disk = { scope: 'role', amounts: { disk: 9000 } } as const;
    expect(guaranteeObjection(five.state, live(five, 't1'), { guaranteed: disk })).toBeUndefined();
  });

  test('counts everything that ends at once, the executor itself too', () => {
    const cluster = withExecutor(aFullAgent(['t1', 't2', 't3']), 'x2');
    const together = [live(cluster, 'x1'), live(cluster, 'x2')];
    const three = { scope: 'role', amounts: { cpus: 3000 } } as const;
    const task = live(cluster, 'x1');
    const loss = { together, guaranteed: three };
    expect(guaranteeObjection(cluster.state, task, loss)).toBeUndefined();
    expect(guaranteeObjection(cluster.state, task, { ...loss, more: { cpus: 1 } })).toContain(
      '2999',
    );
  });
});

describe('what an operator has set', () => {
  const ofWaiter = (cluster: ScriptedCluster) => guaranteeOf(cluster.state, WAITER, aRole('r'));

  test('for the framework is its own, over all its roles', () => {
    const cluster = aFullAgent();
    cluster.share([
      { kind: 'role', role: 'r', guarantee: { cpus: 8000 } },
      { kind: 'framework', framework: WAITER, guarantee: { cpus: 2000 } },
    ]);
    expect(ofWaiter(cluster)).toEqual({ scope: 'framework', amounts: { cpus: 2000 } });
  });

  test('for its role is shared among the frameworks of the role by their weights', () => {
    const cluster = aFullAgent();
    cluster.share([{ kind: 'role', role: 'r', guarantee: { cpus: 8000 } }]);
    expect(ofWaiter(cluster)).toEqual({ scope: 'role', amounts: { cpus: 4000 } });
    cluster.share([{ kind: 'framework', framework: WAITER, weight: 3000 }]);
    expect(ofWaiter(cluster)).toEqual({ scope: 'role', amounts: { cpus: 6000 } });
  });

  test('is nothing where nothing is set', () => {
    expect(ofWaiter(aFullAgent())).toEqual({ scope: 'role', amounts: {} });
  });

  test('keeps the tasks that are needed for it from being taken back', () => {
    const cluster = aFullAgent(['t1', 't2']);
    cluster.share([{ kind: 'framework', framework: HOLDER, guarantee: { cpus: 1000 } }]);
    revokes(cluster, t1);
    expect(cluster.state.revocations.size).toBe(1);
    revokes(cluster, taskRef(HOLDER, 't2'));
    expect(cluster.state.revocations.size).toBe(1);
  });
});
