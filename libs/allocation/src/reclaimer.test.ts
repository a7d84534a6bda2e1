import type { Fact } from '@parley/protocol/allocation';
import { RoleName } from '@parley/protocol/ids';
import { beforeEach, describe, expect, test } from 'vitest';
import { Knowledge } from './knowledge.ts';
import { LOOK_MS, type ReclaimEffect, Reclaimer } from './reclaimer.ts';
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
  STARVATION_MS,
  settings,
  subscribed,
  takenOf,
  tasks,
  uses,
} from './scripted-reclaimer.ts';

let known: Knowledge;
let reclaimer: Reclaimer;
let nowMs: number;
beforeEach(() => {
  known = new Knowledge();
  reclaimer = new Reclaimer(known);
  nowMs = 0;
});

const hear = (facts: readonly Fact[]): void => {
  known.hear(facts, { lastNumber: 0, nowMs });
  known.checkInvariants();
  reclaimer.hear(facts, nowMs);
};

/** A full agent that `rich` holds, and `poor`, which wants more. */
const full = (...more: readonly Fact[]): void => {
  hear([settings(), anAgent(), subscribed('rich'), uses('rich', 10)]);
  hear([subscribed('poor', { count: 100 }), ...more]);
};
const pass = (ms: number): ReclaimEffect[] => {
  nowMs += ms;
  return reclaimer.tick(nowMs);
};
const answer = (question: number, named = tasks(10)): ReclaimEffect[] =>
  reclaimer.candidates({ question, sequence: 1, tasks: named }, nowMs);

test('a client below its guarantee makes the allocator ask for tasks of the others, and name victims', () => {
  full(guaranteed('poor', 3));
  expect(pass(LOOK_MS - 1)).toEqual([]);
  const question = questionOf(pass(1));
  expect(question).toMatchObject({
    question: 1,
    holders: [{ framework: ref('rich'), role }],
    beneficiary: { framework: ref('poor'), role },
  });
  const taken = takenOf(answer(1));
  expect(taken).toHaveLength(3);
  expect(taken[0]).toMatchObject({ reason: 'belowGuarantee', agentId: 'a1' });
});

test('a client below its fair share gets its half only when it was so for longer than is allowed', () => {
  full();
  expect(pass(LOOK_MS)).toEqual([]);
  expect(pass(STARVATION_MS)).toEqual([]);
  expect(reclaimer.nextWakeMs()).toBeGreaterThan(nowMs);
  nowMs = reclaimer.nextWakeMs();
  const { question } = questionOf(reclaimer.tick(nowMs));
  expect(takenOf(answer(question)).map(({ reason }) => reason)).toEqual(Array(5).fill('starved'));
});

test('the time that it was starved begins anew when it was not in between', () => {
  full();
  pass(LOOK_MS);
  hear([uses('rich', 5), uses('poor', 5)]);
  pass(LOOK_MS);
  hear([uses('rich', 10), uses('poor', 0)]);
  pass(LOOK_MS);
  expect(pass(STARVATION_MS)).toEqual([]);
});

test('nothing is asked where taking back is off, nobody wants anything, or nobody else holds anything', () => {
  full(guaranteed('poor', 3));
  hear([settings(false)]);
  expect(pass(LOOK_MS)).toEqual([]);
  hear([settings(), subscribed('poor', { isSuppressed: true })]);
  expect(pass(LOOK_MS)).toEqual([]);
  hear([subscribed('poor', { count: 1 }), uses('rich', 0)]);
  expect(pass(LOOK_MS)).toEqual([]);
});

test('one that states no demand wants whatever is an offer, until it refuses one', () => {
  full(guaranteed('poor', 3), subscribed('poor'));
  const refused = (amount: number): Fact => ({
    kind: 'refused',
    framework: ref('poor'),
    role,
    agentId: agent('a1'),
    resources: cpus(amount),
    refuseMs: 60_000,
  });
  hear([refused(1)]);
  expect(pass(LOOK_MS)).toEqual([]);
  hear([{ kind: 'filtersCleared', framework: ref('poor') }, refused(0)]);
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(3);
});

test('what was proposed counts as coming back until the master has decided, and then as it says', () => {
  full(guaranteed('poor', 3));
  const taken = takenOf(answer(questionOf(pass(LOOK_MS)).question));
  expect(pass(LOOK_MS)).toEqual([]);
  const [first, ...others] = taken;
  if (first === undefined) throw new Error('nothing was taken');
  const { task, agentId, beneficiary } = first;
  const reason = 'belowGuarantee';
  const resources = cpus(1);
  const revoking: Fact = { kind: 'revoking', task, role, agentId, resources, beneficiary, reason };
  const refused = others.map(({ task: other }): Fact => ({ kind: 'revoked', task: other }));
  hear([revoking, ...refused]);
  const { question } = questionOf(pass(LOOK_MS));
  expect(takenOf(answer(question))).toHaveLength(2);
});

test('a question or a proposal that nobody answers is repeated after a while', () => {
  full(guaranteed('poor', 3));
  expect(questionOf(pass(LOOK_MS)).question).toBe(1);
  expect(pass(1999)).toEqual([]);
  expect(questionOf(pass(LOOK_MS)).question).toBe(2);
  expect(answer(1)).toEqual([]);
  expect(takenOf(answer(2))).toHaveLength(3);
  expect(questionOf(pass(2000)).question).toBe(3);
});

test('nothing is asked while what is needed fits into what is free, and that is looked at again later', () => {
  full(guaranteed('poor', 3), anAgent(cpus(3)));
  expect(pass(LOOK_MS)).toEqual([]);
  hear([anAgent()]);
  hear([uses('poor', 2), uses('other', 3)]);
  expect(pass(LOOK_MS)).toEqual([]);
  nowMs = reclaimer.nextWakeMs();
  expect(nowMs).toBeLessThanOrEqual(11_000);
  expect(takenOf(answer(questionOf(reclaimer.tick(nowMs)).question))).toHaveLength(1);
});

test('what fits into what is free is not taken from anybody, and the rest is', () => {
  full(guaranteed('poor', 3), anAgent(cpus(1)));
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(2);
});

test('the guarantee of a role is shared by weight among those in it', () => {
  full(ofRole(role, { guarantee: { cpus: 6 } }));
  // Of six each has three, so the other may be left with no less than three.
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(3);
});

test('a task that the master would not take back is not named again for a while', () => {
  full(guaranteed('poor', 3));
  const taken = takenOf(answer(questionOf(pass(LOOK_MS)).question));
  const refused = taken.map(({ task }): Fact => ({ kind: 'revoked', task }));
  hear(refused);
  const { question } = questionOf(pass(LOOK_MS));
  const names = takenOf(answer(question, tasks(4))).map(({ task }) => task.taskId);
  expect(names).toHaveLength(1);
  expect(taken.map(({ task }) => task.taskId)).not.toContain(names[0]);
  nowMs = 12_000;
  // It has been starved by then, too.
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question, tasks(4)))).toHaveLength(4);
});

test('nothing is taken for somebody whose role may have no more', () => {
  const limited = (cpus: number) => ofRole('eng', { limit: { cpus } });
  full(guaranteed('poor', 3), subscribed('poor', { in: 'eng/ads', count: 100 }), limited(0));
  expect(pass(LOOK_MS)).toEqual([]);
  hear([limited(2)]);
  nowMs = 12_000;
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(2);
});

test('nobody is asked about who holds no more than it is guaranteed', () => {
  full(guaranteed('poor', 3), uses('safe', 2), guaranteed('safe', 2));
  expect(questionOf(pass(LOOK_MS)).holders).toMatchObject([{ framework: ref('rich'), role }]);
});

test('the question says what is needed, on which agents, and how much may be taken of each holder', () => {
  const constraints = [{ name: 'agentId', operator: 'exists' as const }];
  const needs = [{ shape: 's', count: 2, resources: cpus(2), constraints }];
  const poor: Fact = {
    kind: 'framework',
    framework: ref('poor'),
    roles: [{ role, isSuppressed: false, needs }],
  };
  full(guaranteed('poor', 3), guaranteed('rich', 4), poor);
  const question = questionOf(pass(LOOK_MS));
  expect(question).toMatchObject({
    holders: [{ framework: ref('rich'), spare: { cpus: 6 } }],
    mayUseFree: true,
    limit: 1000,
  });
  expect(question.needs).toEqual([{ resources: cpus(2), constraints }]);
});

test('for a starved client no more of a holder is asked for than it has above its fair share', () => {
  full(uses('other', 4), uses('rich', 6));
  pass(LOOK_MS);
  pass(STARVATION_MS + 1);
  nowMs = reclaimer.nextWakeMs();
  const { holders } = questionOf(reclaimer.tick(nowMs));
  // Of ten each of the three may have three.
  expect(holders).toEqual([
    { framework: ref('rich'), role, spare: { cpus: 3 } },
    { framework: ref('other'), role, spare: { cpus: 1 } },
  ]);
});

test('a client is starved below what its siblings leave, and not where they leave it no more', () => {
  const idle = (used: number) => [subscribed('idle', { count: 0 }), uses('idle', used)];
  // Of ten the idle one keeps one; four and a half is a half of the rest.
  full(...idle(1), uses('rich', 5), uses('poor', 4));
  pass(LOOK_MS);
  expect(reclaimer.nextWakeMs()).toBe(Number.POSITIVE_INFINITY);
  hear([...idle(0), uses('rich', 6)]);
  pass(LOOK_MS);
  expect(reclaimer.nextWakeMs()).toBeLessThan(Number.POSITIVE_INFINITY);
});

test('what is under way is called off as far as what it is for has been met otherwise', () => {
  full(guaranteed('poor', 3));
  const taken = takenOf(answer(questionOf(pass(LOOK_MS)).question));
  hear(isTaken(taken));
  expect(pass(LOOK_MS)).toEqual([]);
  const ids = taken.map(({ task }) => task.taskId);
  hear([uses('poor', 1)]);
  expect(calledOffOf(pass(LOOK_MS))).toEqual([ids[2]]);
  hear([subscribed('poor', { count: 1 })]);
  expect(calledOffOf(pass(LOOK_MS))).toEqual([ids[1]]);
  hear([subscribed('poor', { isSuppressed: true })]);
  expect(calledOffOf(pass(LOOK_MS))).toEqual([ids[0]]);
});

test('what cannot be called off any more is told to the master again only after a while', () => {
  full(guaranteed('poor', 5));
  hear(isTaken(takenOf(answer(questionOf(pass(LOOK_MS)).question))));
  hear([uses('poor', 5)]);
  expect(calledOffOf(pass(LOOK_MS))).toHaveLength(5);
  hear([uses('poor', 6)]);
  expect(calledOffOf(pass(LOOK_MS))).toEqual([]);
  hear([uses('poor', 5)]);
  expect(calledOffOf(pass(10_000))).toHaveLength(5);
});

test('an allocator that begins anew takes it that who is below its share has been so for long enough', () => {
  full();
  const [first] = tasks(1);
  if (first === undefined) throw new Error('there is a task');
  const beneficiary = { framework: ref('poor'), role };
  const coming = (reason: 'starved' | 'belowGuarantee') =>
    isTaken([{ task: first.task, agentId: agent('a1'), beneficiary, reason }]);
  hear(coming('starved'));
  expect(pass(LOOK_MS)).toEqual([]);
  hear([uses('poor', 5)]);
  expect(calledOffOf(pass(LOOK_MS))).toEqual(['t0']);
  hear([{ kind: 'revoked', task: first.task }, uses('poor', 0)]);
  hear(coming('belowGuarantee'));
  expect(calledOffOf(pass(LOOK_MS))).toEqual(['t0']);
});

test('nothing is asked or reckoned while nobody has more than it is guaranteed', () => {
  full(guaranteed('poor', 3), guaranteed('rich', 10));
  expect(pass(LOOK_MS)).toEqual([]);
  expect(reclaimer.nextWakeMs()).toBe(Number.POSITIVE_INFINITY);
  hear([uses('rich', 11)]);
  expect(questionOf(pass(LOOK_MS)).beneficiary.framework).toEqual(ref('poor'));
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
  full(guaranteed('poor', 3), anAgent(cpus(1)), refused);
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(3);
});

test('what is kept for another is not free for it', () => {
  const [last] = tasks(10).slice(-1);
  if (last === undefined) throw new Error('there is a task');
  const beneficiary = { framework: ref('other'), role };
  const needs = [{ shape: 's', count: 1, resources: cpus(2), constraints: [] }];
  full(
    guaranteed('poor', 3),
    anAgent(cpus(1)),
    { kind: 'framework', framework: ref('other'), roles: [{ role, isSuppressed: false, needs }] },
    guaranteed('other', 2),
    ...isTaken([{ task: last.task, agentId: agent('a1'), beneficiary, reason: 'belowGuarantee' }]),
  );
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(3);
});

describe('whose tasks are asked for', () => {
  const holdersOf = (effects: readonly ReclaimEffect[]) =>
    questionOf(effects).holders.map(({ framework, spare }) => [framework.frameworkId, spare]);

  test('where a role has less than it is guaranteed: those of whoever is outside it, with what roles above them keep', () => {
    full(
      ofRole('eng', { guarantee: { cpus: 4 } }),
      ofRole('ops', { guarantee: { cpus: 2 } }),
      subscribed('poor', { in: 'eng/ads', count: 100 }),
      ...[uses('rich', 4), uses('night', 3, 'ops/night'), uses('mate', 3, 'eng/web')],
    );
    expect(holdersOf(pass(LOOK_MS))).toEqual([
      ['rich', {}],
      ['night', { cpus: 1 }],
    ]);
  });

  test('where a role may have no more: those of whoever is within it, and what is free is of no use', () => {
    full(
      ofRole('eng', { limit: { cpus: 4 } }),
      subscribed('poor', { in: 'eng/ads', count: 100 }),
      ...[guaranteed('poor', 3), uses('rich', 6), uses('mate', 4, 'eng/web')],
    );
    const effects = pass(LOOK_MS);
    expect(holdersOf(effects)).toEqual([['mate', {}]]);
    expect(questionOf(effects).mayUseFree).toBe(false);
  });

  test('come by how much the holder is above its share, the most first', () => {
    full(guaranteed('poor', 3), uses('little', 1), uses('some', 4), uses('rich', 7));
    expect(holdersOf(pass(LOOK_MS)).map(([name]) => name)).toEqual(['rich', 'some', 'little']);
  });
});

test('of starved clients the one that has least of its share comes first', () => {
  full(subscribed('other', { count: 100 }), uses('other', 1), uses('rich', 9));
  pass(LOOK_MS);
  pass(STARVATION_MS + 1);
  nowMs = reclaimer.nextWakeMs();
  expect(questionOf(reclaimer.tick(nowMs)).beneficiary.framework).toEqual(ref('poor'));
  hear([uses('poor', 2), uses('rich', 7)]);
  nowMs += 10_000;
  expect(questionOf(pass(LOOK_MS)).beneficiary.framework).toEqual(ref('other'));
});

describe('for one that states no demand', () => {
  const both = (cpu: number, mem: number) => ({ scalars: { cpus: cpu, mem }, ports: [], sets: {} });
  const withLeast = (minAllocatable: Record<string, number>): Fact =>
    ({ ...settings(), minAllocatable }) as Fact;
  const hasAgent = (total: ReturnType<typeof both>): Fact => ({ ...anAgent(), total }) as Fact;
  const richHas = (scalars: Record<string, number>): Fact =>
    ({ kind: 'usage', framework: ref('rich'), role, scalars }) as Fact;
  const tasksOf = (count: number, resources: ReturnType<typeof both>) =>
    tasks(count).map((task) => ({ ...task, resources }));

  test('what its guarantee lacks is taken, and no other resource is dragged along', () => {
    hear([withLeast({ cpus: 10, mem: 32_000 }), hasAgent(both(8000, 16_384_000))]);
    hear([subscribed('rich'), richHas({ cpus: 8000, mem: 16_384_000 }), subscribed('poor')]);
    hear([guaranteed('poor', 4000)]);
    const { question, needs } = questionOf(pass(LOOK_MS));
    expect(needs).toEqual([{ resources: both(40, 32_000), constraints: [] }]);
    const eight = tasksOf(8, both(1000, 2_048_000));
    expect(takenOf(answer(question, eight))).toHaveLength(4);
  });

  test('what is taken on an agent is enough for an offer there', () => {
    hear([withLeast({ cpus: 10, mem: 32_000 }), hasAgent(both(8000, 64_000))]);
    hear([subscribed('rich'), richHas({ cpus: 8000, mem: 64_000 }), subscribed('poor')]);
    hear([guaranteed('poor', 1000)]);
    const bare = tasksOf(4, both(1000, 0)).map((task) => ({ ...task, launchedAtMs: 1 }));
    const [last] = tasksOf(5, both(1000, 32_000)).slice(-1);
    if (last === undefined) throw new Error('there is a task');
    const taken = takenOf(answer(questionOf(pass(LOOK_MS)).question, [...bare, last]));
    expect(taken.map(({ task }) => task.taskId)).toEqual(['t4']);
  });

  test('a guarantee of what the least offer does not name is claimed', () => {
    const gpus = { scalars: { cpus: 1, gpus: 1000 }, ports: [], sets: {} };
    const ofGpus = { kind: 'frameworkShare', framework: ref('poor'), weight: 1000, limit: {} };
    hear([
      settings(),
      { ...anAgent(), total: { ...gpus, scalars: { cpus: 10, gpus: 4000 } } } as Fact,
    ]);
    hear([subscribed('rich'), richHas({ cpus: 4, gpus: 4000 }), subscribed('poor')]);
    hear([{ ...ofGpus, guarantee: { gpus: 2000 } } as Fact, uses('poor', 6)]);
    const four = tasks(4).map((task) => ({ ...task, resources: gpus }));
    expect(takenOf(answer(questionOf(pass(LOOK_MS)).question, four))).toHaveLength(2);
  });

  test('where any amount is an offer, both claims are served all the same', () => {
    hear([withLeast({ cpus: 0 }), hasAgent(both(10_000, 320_000))]);
    hear([subscribed('rich'), richHas({ cpus: 10_000, mem: 320_000 }), subscribed('poor')]);
    const ten = tasksOf(10, both(1000, 32_000));
    pass(LOOK_MS);
    pass(STARVATION_MS + 1);
    nowMs = reclaimer.nextWakeMs();
    const starved = questionOf(reclaimer.tick(nowMs));
    expect(starved.needs).toEqual([{ resources: both(10, 32_000), constraints: [] }]);
    expect(takenOf(answer(starved.question, ten))).toHaveLength(5);
    hear(ten.map(({ task }): Fact => ({ kind: 'revoked', task })));
    hear([guaranteed('poor', 3000)]);
    nowMs += 20_000;
    const short = questionOf(reclaimer.tick(nowMs));
    expect(takenOf(answer(short.question, ten))[0]?.reason).toBe('belowGuarantee');
  });
});

describe('of a framework with a guarantee of its own', () => {
  const offered: Fact = {
    kind: 'outstanding',
    framework: ref('rich'),
    offers: 1,
    scalars: { cpus: 3 },
  };

  test('an offer in another role is nothing that it would keep', () => {
    full(guaranteed('poor', 3), guaranteed('rich', 8), uses('rich', 3, 'other'), offered);
    const { question, holders } = questionOf(pass(LOOK_MS));
    expect(holders).toContainEqual({ framework: ref('rich'), role, spare: { cpus: 2 } });
    expect(takenOf(answer(question))).toHaveLength(2);
  });

  test('no more goes from all its roles together, what is coming back already included', () => {
    const other = RoleName.parse('other');
    const [gone] = tasks(20).slice(-1);
    if (gone === undefined) throw new Error('there is a task');
    const beneficiary = { framework: ref('poor'), role };
    full(guaranteed('poor', 9), guaranteed('rich', 7), uses('rich', 5), uses('rich', 5, 'other'));
    hear(
      isTaken([{ task: gone.task, agentId: agent('a1'), beneficiary, reason: 'belowGuarantee' }]),
    );
    const named = tasks(10).map((task, index) => (index < 5 ? task : { ...task, role: other }));
    expect(takenOf(answer(questionOf(pass(LOOK_MS)).question, named))).toHaveLength(2);
  });
});
