import type { Fact } from '@parley/protocol/allocation';
import { beforeEach, describe, expect, test } from 'vitest';
import { LOOK_MS, type ReclaimEffect } from './reclaimer.ts';
import { agent, cpus } from './scripted-claims.ts';
import {
  anAgent,
  calledOffOf,
  guaranteed,
  isTaken,
  ofRole,
  questionOf,
  ref,
  role,
  ScriptedReclaimer,
  STARVATION_MS,
  settings,
  subscribed,
  takenOf,
  tasks,
  uses,
} from './scripted-reclaimer.ts';

let story: ScriptedReclaimer;
beforeEach(() => {
  story = new ScriptedReclaimer();
});

test('a client below its guarantee makes the allocator ask for tasks of the others, and name victims', () => {
  story.full(guaranteed('poor', 3));
  expect(story.pass(LOOK_MS - 1)).toEqual([]);
  const question = questionOf(story.pass(1));
  expect(question).toMatchObject({
    question: 1,
    holders: [{ framework: ref('rich'), role }],
    beneficiary: { framework: ref('poor'), role },
  });
  const taken = takenOf(story.answer(1));
  expect(taken).toHaveLength(3);
  expect(taken[0]).toMatchObject({ reason: 'belowGuarantee', agentId: 'a1' });
});

test('a client below its fair share gets its half only when it was so for longer than is allowed', () => {
  story.full();
  expect(story.pass(LOOK_MS)).toEqual([]);
  expect(story.pass(STARVATION_MS)).toEqual([]);
  expect(story.reclaimer.nextWakeMs()).toBeGreaterThan(story.nowMs);
  story.nowMs = story.reclaimer.nextWakeMs();
  const { question } = questionOf(story.reclaimer.tick(story.nowMs));
  expect(takenOf(story.answer(question)).map(({ reason }) => reason)).toEqual(
    Array(5).fill('starved'),
  );
});

test('the time that it was starved begins anew when it was not in between', () => {
  story.full();
  story.pass(LOOK_MS);
  story.hear([uses('rich', 5), uses('poor', 5)]);
  story.pass(LOOK_MS);
  story.hear([uses('rich', 10), uses('poor', 0)]);
  story.pass(LOOK_MS);
  expect(story.pass(STARVATION_MS)).toEqual([]);
});

test('nothing is asked where taking back is off, nobody wants anything, or nobody else holds anything', () => {
  story.full(guaranteed('poor', 3));
  story.hear([settings(false)]);
  expect(story.pass(LOOK_MS)).toEqual([]);
  story.hear([settings(), subscribed('poor', { isSuppressed: true })]);
  expect(story.pass(LOOK_MS)).toEqual([]);
  story.hear([subscribed('poor', { count: 1 }), uses('rich', 0)]);
  expect(story.pass(LOOK_MS)).toEqual([]);
});

test('one that states no demand wants whatever is an offer, until it refuses one', () => {
  story.full(guaranteed('poor', 3), subscribed('poor'));
  const refused = (amount: number): Fact => ({
    kind: 'refused',
    framework: ref('poor'),
    role,
    agentId: agent('a1'),
    resources: cpus(amount),
    refuseMs: 60_000,
  });
  story.hear([refused(1)]);
  expect(story.pass(LOOK_MS)).toEqual([]);
  story.hear([{ kind: 'filtersCleared', framework: ref('poor') }, refused(0)]);
  expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question))).toHaveLength(3);
});

test('what was proposed counts as coming back until the master has decided, and then as it says', () => {
  story.full(guaranteed('poor', 3));
  const taken = takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question));
  expect(story.pass(LOOK_MS)).toEqual([]);
  const [first, ...others] = taken;
  if (first === undefined) throw new Error('nothing was taken');
  const { task, agentId, beneficiary } = first;
  const reason = 'belowGuarantee';
  const resources = cpus(1);
  const revoking: Fact = { kind: 'revoking', task, role, agentId, resources, beneficiary, reason };
  const refused = others.map(({ task: other }): Fact => ({ kind: 'revoked', task: other }));
  story.hear([revoking, ...refused]);
  const { question } = questionOf(story.pass(LOOK_MS));
  expect(takenOf(story.answer(question))).toHaveLength(2);
});

test('a question or a proposal that nobody answers is repeated after a while', () => {
  story.full(guaranteed('poor', 3));
  expect(questionOf(story.pass(LOOK_MS)).question).toBe(1);
  expect(story.pass(1999)).toEqual([]);
  expect(questionOf(story.pass(LOOK_MS)).question).toBe(2);
  expect(story.answer(1)).toEqual([]);
  expect(takenOf(story.answer(2))).toHaveLength(3);
  expect(questionOf(story.pass(2000)).question).toBe(3);
});

test('nothing is asked while what is needed fits into what is free, and that is looked at again later', () => {
  story.full(guaranteed('poor', 3), anAgent(cpus(3)));
  expect(story.pass(LOOK_MS)).toEqual([]);
  story.hear([anAgent()]);
  story.hear([uses('poor', 2), uses('other', 3)]);
  expect(story.pass(LOOK_MS)).toEqual([]);
  story.nowMs = story.reclaimer.nextWakeMs();
  expect(story.nowMs).toBeLessThanOrEqual(11_000);
  expect(
    takenOf(story.answer(questionOf(story.reclaimer.tick(story.nowMs)).question)),
  ).toHaveLength(1);
});

test('what fits into what is free is not taken from anybody, and the rest is', () => {
  story.full(guaranteed('poor', 3), anAgent(cpus(1)));
  expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question))).toHaveLength(2);
});

test('the guarantee of a role is shared by weight among those in it', () => {
  story.full(ofRole(role, { guarantee: { cpus: 6 } }));
  // Of six each has three, so the other may be left with no less than three.
  expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question))).toHaveLength(3);
});

test('a task that the master would not take back is not named again for a while', () => {
  story.full(guaranteed('poor', 3));
  const taken = takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question));
  const refused = taken.map(({ task }): Fact => ({ kind: 'revoked', task }));
  story.hear(refused);
  const { question } = questionOf(story.pass(LOOK_MS));
  const names = takenOf(story.answer(question, tasks(4))).map(({ task }) => task.taskId);
  expect(names).toHaveLength(1);
  expect(taken.map(({ task }) => task.taskId)).not.toContain(names[0]);
  story.nowMs = 12_000;
  // It has been starved by then, too.
  expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question, tasks(4)))).toHaveLength(4);
});

test('nothing is taken for somebody whose role may have no more', () => {
  const limited = (cpus: number) => ofRole('eng', { limit: { cpus } });
  story.full(guaranteed('poor', 3), subscribed('poor', { in: 'eng/ads', count: 100 }), limited(0));
  expect(story.pass(LOOK_MS)).toEqual([]);
  story.hear([limited(2)]);
  story.nowMs = 12_000;
  expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question))).toHaveLength(2);
});

test('nobody is asked about who holds no more than it is guaranteed', () => {
  story.full(guaranteed('poor', 3), uses('safe', 2), guaranteed('safe', 2));
  expect(questionOf(story.pass(LOOK_MS)).holders).toMatchObject([{ framework: ref('rich'), role }]);
});

test('the question says what is needed, on which agents, and how much may be taken of each holder', () => {
  const constraints = [{ name: 'agentId', operator: 'exists' as const }];
  const needs = [{ shape: 's', count: 2, resources: cpus(2), constraints }];
  const poor: Fact = {
    kind: 'framework',
    framework: ref('poor'),
    roles: [{ role, isSuppressed: false, needs }],
  };
  story.full(guaranteed('poor', 3), guaranteed('rich', 4), poor);
  const question = questionOf(story.pass(LOOK_MS));
  expect(question).toMatchObject({
    holders: [{ framework: ref('rich'), spare: { cpus: 6 } }],
    mayUseFree: true,
    limit: 1000,
  });
  expect(question.needs).toEqual([{ resources: cpus(2), constraints }]);
});

test('for a starved client no more of a holder is asked for than it has above its fair share', () => {
  story.full(uses('other', 4), uses('rich', 6));
  story.pass(LOOK_MS);
  story.pass(STARVATION_MS + 1);
  story.nowMs = story.reclaimer.nextWakeMs();
  const { holders } = questionOf(story.reclaimer.tick(story.nowMs));
  // Of ten each of the three may have three.
  expect(holders).toEqual([
    { framework: ref('rich'), role, spare: { cpus: 3 } },
    { framework: ref('other'), role, spare: { cpus: 1 } },
  ]);
});

test('a client is starved below what its siblings leave, and not where they leave it no more', () => {
  const idle = (used: number) => [subscribed('idle', { count: 0 }), uses('idle', used)];
  // Of ten the idle one keeps one; four and a half is a half of the rest.
  story.full(...idle(1), uses('rich', 5), uses('poor', 4));
  story.pass(LOOK_MS);
  expect(story.reclaimer.nextWakeMs()).toBe(Number.POSITIVE_INFINITY);
  story.hear([...idle(0), uses('rich', 6)]);
  story.pass(LOOK_MS);
  expect(story.reclaimer.nextWakeMs()).toBeLessThan(Number.POSITIVE_INFINITY);
});

test('what is under way is called off as far as what it is for has been met otherwise', () => {
  story.full(guaranteed('poor', 3));
  const taken = takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question));
  story.hear(isTaken(taken));
  expect(story.pass(LOOK_MS)).toEqual([]);
  const ids = taken.map(({ task }) => task.taskId);
  story.hear([uses('poor', 1)]);
  expect(calledOffOf(story.pass(LOOK_MS))).toEqual([ids[2]]);
  story.hear([subscribed('poor', { count: 1 })]);
  expect(calledOffOf(story.pass(LOOK_MS))).toEqual([ids[1]]);
  story.hear([subscribed('poor', { isSuppressed: true })]);
  expect(calledOffOf(story.pass(LOOK_MS))).toEqual([ids[0]]);
});

test('what cannot be called off any more is told to the master again only after a while', () => {
  story.full(guaranteed('poor', 5));
  story.hear(isTaken(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question))));
  story.hear([uses('poor', 5)]);
  expect(calledOffOf(story.pass(LOOK_MS))).toHaveLength(5);
  story.hear([uses('poor', 6)]);
  expect(calledOffOf(story.pass(LOOK_MS))).toEqual([]);
  story.hear([uses('poor', 5)]);
  expect(calledOffOf(story.pass(10_000))).toHaveLength(5);
});

test('an allocator that begins anew takes it that who is below its share has been so for long enough', () => {
  story.full();
  const [first] = tasks(1);
  if (first === undefined) throw new Error('there is a task');
  const beneficiary = { framework: ref('poor'), role };
  const coming = (reason: 'starved' | 'belowGuarantee') =>
    isTaken([{ task: first.task, agentId: agent('a1'), beneficiary, reason }]);
  story.hear(coming('starved'));
  expect(story.pass(LOOK_MS)).toEqual([]);
  story.hear([uses('poor', 5)]);
  expect(calledOffOf(story.pass(LOOK_MS))).toEqual(['t0']);
  story.hear([{ kind: 'revoked', task: first.task }, uses('poor', 0)]);
  story.hear(coming('belowGuarantee'));
  expect(calledOffOf(story.pass(LOOK_MS))).toEqual(['t0']);
});

test('nothing is asked or reckoned while nobody has more than it is guaranteed', () => {
  story.full(guaranteed('poor', 3), guaranteed('rich', 10));
  expect(story.pass(LOOK_MS)).toEqual([]);
  expect(story.reclaimer.nextWakeMs()).toBe(Number.POSITIVE_INFINITY);
  story.hear([uses('rich', 11)]);
  expect(questionOf(story.pass(LOOK_MS)).beneficiary.framework).toEqual(ref('poor'));
});

test('what it has refused is not free for it', () => {
  const refused: Fact = {
    kind: 'refused',
    framework: ref('poor'),
    role,
    agentId: agent('a1'),
    resources: cpus(1),
    refuseMs: 60_000,
  };
  story.full(guaranteed('poor', 3), anAgent(cpus(1)), refused);
  expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question))).toHaveLength(3);
});

test('what is kept for another is not free for it', () => {
  const [last] = tasks(10).slice(-1);
  if (last === undefined) throw new Error('there is a task');
  const beneficiary = { framework: ref('other'), role };
  const needs = [{ shape: 's', count: 1, resources: cpus(2), constraints: [] }];
  story.full(
    guaranteed('poor', 3),
    anAgent(cpus(1)),
    { kind: 'framework', framework: ref('other'), roles: [{ role, isSuppressed: false, needs }] },
    guaranteed('other', 2),
    ...isTaken([{ task: last.task, agentId: agent('a1'), beneficiary, reason: 'belowGuarantee' }]),
  );
  expect(takenOf(story.answer(questionOf(story.pass(LOOK_MS)).question))).toHaveLength(3);
});

describe('whose tasks are asked for', () => {
  const holdersOf = (effects: readonly ReclaimEffect[]) =>
    questionOf(effects).holders.map(({ framework, spare }) => [framework.frameworkId, spare]);

  test('where a role has less than it is guaranteed: those of whoever is outside it, with what roles above them keep', () => {
    story.full(
      ofRole('eng', { guarantee: { cpus: 4 } }),
      ofRole('ops', { guarantee: { cpus: 2 } }),
      subscribed('poor', { in: 'eng/ads', count: 100 }),
      ...[uses('rich', 4), uses('night', 3, 'ops/night'), uses('mate', 3, 'eng/web')],
    );
    expect(holdersOf(story.pass(LOOK_MS))).toEqual([
      ['rich', {}],
      ['night', { cpus: 1 }],
    ]);
  });

  test('where a role may have no more: those of whoever is within it, and what is free is of no use', () => {
    story.full(
      ofRole('eng', { limit: { cpus: 4 } }),
      subscribed('poor', { in: 'eng/ads', count: 100 }),
      ...[guaranteed('poor', 3), uses('rich', 6), uses('mate', 4, 'eng/web')],
    );
    const effects = story.pass(LOOK_MS);
    expect(holdersOf(effects)).toEqual([['mate', {}]]);
    expect(questionOf(effects).mayUseFree).toBe(false);
  });

  test('come by how much the holder is above its share, the most first', () => {
    story.full(guaranteed('poor', 3), uses('little', 1), uses('some', 4), uses('rich', 7));
    expect(holdersOf(story.pass(LOOK_MS)).map(([name]) => name)).toEqual([
      'rich',
      'some',
      'little',
    ]);
  });
});

test('of starved clients the one that has least of its share comes first', () => {
  story.full(subscribed('other', { count: 100 }), uses('other', 1), uses('rich', 9));
  story.pass(LOOK_MS);
  story.pass(STARVATION_MS + 1);
  story.nowMs = story.reclaimer.nextWakeMs();
  expect(questionOf(story.reclaimer.tick(story.nowMs)).beneficiary.framework).toEqual(ref('poor'));
  story.hear([uses('poor', 2), uses('rich', 7)]);
  story.nowMs += 10_000;
  expect(questionOf(story.pass(LOOK_MS)).beneficiary.framework).toEqual(ref('other'));
});
