import { describe, expect, test } from 'vitest';
import { aFramework, eventsOf, factsOf, type ScriptedCluster, some } from './scripted-cluster.ts';
import {
  aFullAgent,
  GRACE_MS,
  HOLDER,
  keyOf,
  ordersOf,
  revokes,
  withExecutor,
} from './scripted-revocations.ts';
import { taskRef } from './scripted-tasks.ts';

const t1 = taskRef(HOLDER, 't1');
const t2 = taskRef(HOLDER, 't2');
const refusal = (effects: Parameters<typeof eventsOf>[0]) => {
  const [event] = eventsOf(effects);
  return event?.type === 'revocationRefused' ? event.why : event?.type;
};
const guarantee = (cluster: ScriptedCluster, cpus: number) =>
  cluster.share([{ kind: 'framework', framework: HOLDER, guarantee: { cpus } }]);
const guaranteeRole = (cluster: ScriptedCluster, cpus: number) =>
  cluster.share([{ kind: 'role', role: 'r', guarantee: { cpus } }], { force: true });

describe('what is guaranteed', () => {
  test('to a framework stays with it: one task may go, and not the next', () => {
    const cluster = aFullAgent(['t1', 't2']);
    guarantee(cluster, 1000);
    expect(refusal(revokes(cluster, t1))).toBe('revocationBegun');
    expect(refusal(revokes(cluster, t2))).toContain('is guaranteed 1000');
  });

  test('to a role is shared among its frameworks by weight', () => {
    const cluster = aFullAgent(['t1', 't2']);
    guaranteeRole(cluster, 4000);
    expect(refusal(revokes(cluster, t1))).toContain('is guaranteed 2000');
    guaranteeRole(cluster, 2000);
    expect(refusal(revokes(cluster, t1))).toBe('revocationBegun');
  });

  test('is looked at again before the task is asked, and what has become too little is called off', () => {
    const cluster = aFullAgent(['t1', 't2'], { revocationNoticeMs: 1000 });
    guarantee(cluster, 1000);
    revokes(cluster, t1);
    cluster.update(t2, 'finished');
    expect(eventsOf(cluster.pass(1000)).map(({ type }) => type)).toEqual(['revocationCalledOff']);
    expect(ordersOf(cluster.pass(GRACE_MS), 'kill')).toEqual([]);
  });

  test('keeps the executor that does not end a task when told to', () => {
    const cluster = withExecutor(aFullAgent([]), 'x2');
    guarantee(cluster, 1000);
    revokes(cluster, taskRef(HOLDER, 'x1'));
    const [kill] = ordersOf(cluster.pass(GRACE_MS), 'kill');
    cluster.answerOrder(kill?.orderId ?? '');
    const effects = cluster.pass(GRACE_MS);
    expect(ordersOf(effects, 'shutdownExecutor')).toEqual([]);
    expect(eventsOf(effects)).toMatchObject([
      { type: 'protocolViolation', about: keyOf('x1') },
      { type: 'revocationCalledOff', task: { taskId: 'x1' } },
    ]);
    expect(factsOf(effects)).toContainEqual({ kind: 'revoked', task: taskRef(HOLDER, 'x1') });
  });

  test('to a role stays within it: nobody outside takes it from a role below, somebody within does', () => {
    const cluster = aFullAgent([]);
    const [ads, web] = [aFramework('f3'), aFramework('f4')];
    cluster.subscribe(ads, { roles: ['eng/ads'] });
    cluster.subscribe(web, { roles: ['eng/web'] });
    const inAds = { role: 'eng/ads' };
    const t3 = cluster.launch(ads, 't3', some(2), undefined, inAds);
    const t4 = cluster.launch(ads, 't4', some(2), undefined, inAds);
    const t5 = cluster.launch(ads, 't5', some(2), undefined, inAds);
    cluster.share([{ kind: 'role', role: 'eng', guarantee: { cpus: 4000 } }]);
    expect(refusal(revokes(cluster, t3))).toBe('revocationBegun');
    expect(refusal(revokes(cluster, t4))).toBe(
      'role eng would have 2000 thousandths of cpus left, and is guaranteed 4000',
    );
    const within = { beneficiary: web, role: 'eng/web' };
    expect(refusal(revokes(cluster, t4, within))).toBe('revocationBegun');
    expect(refusal(revokes(cluster, t5))).toContain('role eng would have 2000');
  });
});
