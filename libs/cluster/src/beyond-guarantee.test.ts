// Tests what goes first: what is lent when its agent needs it back, and for everybody else what lies beyond a guarantee, as
// the books say at that moment. The rules are in decisions/revocation.md.
import { beforeEach, describe, expect, test } from 'vitest';
import { aRole, type Effects, eventsOf, of, some } from './scripted-cluster.ts';
import { BORROWER, LendingCluster, lent, OTHER } from './scripted-lending.ts';
import { candidatesIn, ordersOf, revokes } from './scripted-revocations.ts';
import { aCommandTask, launchAnswered, launchOf, taskRef } from './scripted-tasks.ts';

const WAITER = OTHER;
let cluster: LendingCluster;

/** The borrower has two ordinary tasks of one CPU, of which the older matters less to it, and two on what is lent. */
beforeEach(() => {
  cluster = new LendingCluster();
  cluster.startTerm({ revocationNoticeMs: 1000 });
  cluster.lends(lent(4, 4000));
  for (const [taskId, priority] of [
    ['old', 1],
    ['young', 2],
  ] as const) {
    const task = aCommandTask(taskId, { resources: some(1), priority });
    launchAnswered(cluster, BORROWER, launchOf(task), { resources: some(1) });
    cluster.update(taskRef(BORROWER, taskId), 'running');
    cluster.pass(10);
  }
  cluster.launchLent({ lent1: lent(1, 100), lent2: lent(1, 100) });
});

const guarantee = (cpus: number) =>
  cluster.share([{ kind: 'framework', framework: BORROWER, guarantee: { cpus } }]);
const takeBack = (taskId: string) =>
  eventsOf(revokes(cluster, taskRef(BORROWER, taskId), { beneficiary: WAITER })).map(
    ({ type }) => type,
  );
const candidates = () =>
  candidatesIn(cluster, {
    holders: [{ framework: BORROWER, role: aRole('r'), spare: {} }],
    beneficiary: { framework: WAITER, role: aRole('r') },
  }).map(({ task }) => task.taskId);
const killedIn = (effects: Effects) => ordersOf([...effects], 'kill').map(({ body }) => body.task);

describe('what an agent needs back', () => {
  test('comes from what it has lent, and nothing is asked of tasks on resources of their own', () => {
    const effects = cluster.lends(lent(1, 4000));
    expect(killedIn(effects)).toEqual([taskRef(BORROWER, 'lent2')]);
    expect(killedIn(cluster.lends({}))).toEqual([taskRef(BORROWER, 'lent1')]);
    expect(of(cluster.pass(100_000), 'order')).toEqual([]);
    expect(cluster.state.revocations.size).toBe(0);
  });
});

describe('what somebody else is to have', () => {
  test('comes from no task on what is lent: it would have nothing of it', () => {
    expect(candidates()).toEqual(['old', 'young']);
    expect(takeBack('lent1')).toEqual(['revocationRefused']);
  });

  test('comes from what lies beyond a guarantee now, whatever was guaranteed when it was launched', () => {
    guarantee(2000);
    expect(takeBack('old')).toEqual(['revocationRefused']);
    guarantee(1000);
    expect(takeBack('old')).toEqual(['revocationBegun']);
    expect(takeBack('young')).toEqual(['revocationRefused']);
  });

  test('stays where it is when more is guaranteed before its task was asked', () => {
    expect(takeBack('old')).toEqual(['revocationBegun']);
    guarantee(2000);
    expect(eventsOf(cluster.pass(1000)).map(({ type }) => type)).toEqual(['revocationCalledOff']);
    expect(cluster.taskState('old', BORROWER)).toBe('running');
  });

  test('is chosen by what matters least to its framework, not by what it was offered first', () => {
    guarantee(1000);
    const [first] = candidates();
    expect(first).toBe('old');
    expect(takeBack('young')).toEqual(['revocationBegun']);
    expect(takeBack('old')).toEqual(['revocationRefused']);
  });
});
