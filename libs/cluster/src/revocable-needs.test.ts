// Tests of needs that say whether their tasks may run on revocable resources: which are refused, which offers are made for
// them, and which launches they are met by.
import type { RevocableUse } from '@parley/protocol/revocations';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { anAgentId, answerOf, factOf, some, whyRefused } from './scripted-cluster.ts';
import { aRevocable, BORROWER, LendingCluster, lent, OTHER } from './scripted-lending.ts';
import { revokes } from './scripted-revocations.ts';
import { aCommandTask, launchOf, taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
/** A task of the other framework, which could be taken back. */
const HELD = taskRef(OTHER, 'held');
let cluster: LendingCluster;

beforeEach(() => {
  cluster = new LendingCluster();
  cluster.lends(lent(4, 4000));
});

const aNeed = (revocable: RevocableUse | undefined, count = 2, resources: object = lent(1, 1000)) =>
  ({ count, resources, ...(revocable && { revocable }) }) as const;

const demands = (...demand: ReturnType<typeof aNeed>[]) =>
  cluster.frameworkCall(BORROWER, { verb: 'demand', body: { demand } });

const shapeOf = (use?: RevocableUse) => cluster.shapeOf(lent(1, 1000), [], use);
const promise = (use?: RevocableUse) => ({ promised: [{ shape: shapeOf(use), count: 1 }] });

/** What is open, by use. */
const counts = (): Record<string, number> =>
  Object.fromEntries(
    (cluster.framework(BORROWER)?.demand ?? []).map(({ revocable = 'ordinary', count }) => [
      revocable,
      count,
    ]),
  );

describe('a need that may run on revocable resources', () => {
  test('is told to the allocator with that, and is another one than the same without', () => {
    const effects = demands(aNeed(undefined), aNeed('also'), aNeed('only'));
    const resources = normalise(lent(1, 1000));
    const open = { count: 2, resources, constraints: [] };
    expect(factOf(effects, 'framework')?.roles[0]?.needs).toEqual([
      { ...open, shape: shapeOf() },
      { ...open, shape: shapeOf('also'), revocable: 'also' },
      { ...open, shape: shapeOf('only'), revocable: 'only' },
    ]);
    expect(new Set([shapeOf(), shapeOf('also'), shapeOf('only')]).size).toBe(3);
  });

  test('is refused of a framework that takes none, when it subscribes and later', () => {
    const demand = [aNeed(undefined), aNeed('also')];
    const message = 'demand.1.revocable: the framework has not subscribed with takesRevocable';
    const refused = { ok: false, failure: { code: 'malformed', message } };
    expect(answerOf(cluster.subscribe(OTHER, { demand }))).toEqual(refused);
    const stated = cluster.frameworkCall(OTHER, { verb: 'demand', body: { demand } });
    expect(answerOf(stated)).toEqual(refused);
  });

  test('is refused without scalars, which alone are revocable', () => {
    const effects = demands(aNeed('only', 1, { ports: [[1000, 1000]] }));
    const message = 'demand.0.resources: only scalars are revocable, and there are none';
    expect(answerOf(effects)).toEqual({ ok: false, failure: { code: 'malformed', message } });
  });
});

describe('an offer', () => {
  const proposed = (use: RevocableUse | undefined, resources: object, revocable?: object) =>
    whyRefused(
      cluster.propose(BORROWER, resources, agentId, {
        ...promise(use),
        ...(revocable && { revocable }),
      }),
    );

  test('of what is revocable is made only for a need that may run on it', () => {
    demands(aNeed(undefined), aNeed('also'), aNeed('only'));
    expect(proposed(undefined, {}, lent(1, 1000))).toEqual([
      'what the framework needs of it does not run on revocable resources',
    ]);
    expect(proposed('also', {}, lent(1, 1000))).toEqual([]);
    expect(proposed('only', {}, lent(1, 1000))).toEqual([]);
  });

  test('of ordinary resources is not made for a need that runs on nothing but revocable ones', () => {
    demands(aNeed(undefined), aNeed('also'), aNeed('only'));
    expect(proposed('only', lent(1, 1000))).toEqual([
      'the framework needs revocable resources, and none are in it',
    ]);
    expect(proposed('also', lent(1, 1000))).toEqual([]);
    expect(proposed(undefined, lent(1, 1000))).toEqual([]);
  });
});

describe('a launched task', () => {
  const launch = (task: ReturnType<typeof aRevocable>, use: RevocableUse | undefined) => {
    const isRevocable = task['revocable'] === true;
    const offerId = cluster.offer(BORROWER, isRevocable ? {} : lent(1, 1000), agentId, {
      ...promise(use),
      ...(isRevocable && { revocable: lent(1, 1000) }),
    });
    const effects = cluster.operate(BORROWER, [offerId], [launchOf(task)]);
    expect(answerOf(effects)).toMatchObject({ value: { launched: [task.taskId] } });
  };
  const ordinary = (taskId: string) => aCommandTask(taskId, { resources: lent(1, 1000) });
  const revocable = (taskId: string) => aRevocable(taskId, lent(1, 1000));

  test('meets the need that it was offered for', () => {
    demands(aNeed(undefined), aNeed('also'), aNeed('only'));
    launch(ordinary('t1'), undefined);
    launch(ordinary('t2'), 'also');
    launch(revocable('t3'), 'also');
    launch(revocable('t4'), 'only');
    expect(counts()).toEqual({ ordinary: 1, also: 0, only: 1 });
  });

  test('never meets a need of the other kind', () => {
    demands(aNeed('only'));
    const offered = cluster.offer(BORROWER, {}, agentId, {
      ...promise('only'),
      revocable: lent(1, 1000),
    });
    demands(aNeed(undefined), aNeed('only', 0));
    cluster.operate(BORROWER, [offered], [launchOf(revocable('t1'))]);
    expect(counts()).toEqual({ ordinary: 2, only: 0 });
    demands(aNeed(undefined));
    const another = cluster.offer(BORROWER, lent(1, 1000), agentId, promise());
    demands(aNeed(undefined, 0), aNeed('only'));
    cluster.operate(BORROWER, [another], [launchOf(ordinary('t2'))]);
    expect(counts()).toEqual({ ordinary: 0, only: 2 });
  });
});

describe('taking back', () => {
  beforeEach(() => {
    cluster.launch(OTHER, 'held', some(2));
    cluster.update(HELD, 'running');
  });
  test.each([
    ['also', true],
    ['only', false],
  ] as const)('is done for a need that runs on ordinary resources, too: %s', (use, isBegun) => {
    demands(aNeed(use));
    revokes(cluster, HELD, { beneficiary: BORROWER });
    expect(cluster.state.revocations.has('alice/f2/held')).toBe(isBegun);
  });

  test('is called off when what is left to its beneficiary runs on nothing but revocable ones', () => {
    demands(aNeed('only'), aNeed(undefined));
    cluster.startTerm({ revocationNoticeMs: 1000 });
    revokes(cluster, HELD, { beneficiary: BORROWER });
    expect(cluster.state.revocations.size).toBe(1);
    demands(aNeed('only'));
    expect(cluster.state.revocations.size).toBe(0);
  });
});
