import type { Fact } from '@parley/protocol/allocation';
import { FrameworkRef, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import type { RevocableTask } from '@parley/protocol/revocations';
import { beforeEach, expect, test } from 'vitest';
import { LOOK_MS, type ReclaimEffect, Reclaimer } from './reclaimer.ts';
import { agent, aTask, cpus } from './scripted-claims.ts';

const STARVATION_MS = 5000;
const role = RoleName.parse('r');
const ref = (id: string): FrameworkRef =>
  FrameworkRef.parse({ principal: 'team', frameworkId: id });

const settings = (reclaims = true): Fact => ({
  kind: 'settings',
  outstandingCapPermille: 500,
  reclaims,
  starvationMs: STARVATION_MS,
  minAllocatable: { cpus: 1 },
  placement: 'random',
});
const anAgent = (free = NO_RESOURCES): Fact => ({
  kind: 'agent',
  agentId: agent('a1'),
  hostname: 'h',
  total: cpus(10),
  free,
  reservations: [],
  attributes: {},
});
const subscribed = (id: string, more: { isSuppressed?: boolean; count?: number } = {}): Fact => ({
  kind: 'framework',
  framework: ref(id),
  roles: [
    {
      role,
      isSuppressed: more.isSuppressed ?? false,
      ...(more.count !== undefined && {
        needs: [{ shape: 's', count: more.count, resources: cpus(1), constraints: [] }],
      }),
    },
  ],
});
const uses = (id: string, amount: number): Fact => ({
  kind: 'usage',
  framework: ref(id),
  role,
  scalars: amount === 0 ? {} : { cpus: amount },
});
const guaranteed = (id: string, amount: number): Fact => ({
  kind: 'frameworkShare',
  framework: ref(id),
  weight: 1000,
  guarantee: { cpus: amount },
  limit: {},
});
const tasks = (count: number): RevocableTask[] =>
  Array.from({ length: count }, (_, index) => aTask('rich', `t${index}`, { role }));

let reclaimer: Reclaimer;
let nowMs: number;
beforeEach(() => {
  reclaimer = new Reclaimer();
  nowMs = 0;
});

/** A full agent that `rich` holds, and `poor`, which wants more. */
const full = (...more: readonly Fact[]): void => {
  reclaimer.hear([settings(), anAgent(), subscribed('rich'), uses('rich', 10)], nowMs);
  reclaimer.hear([subscribed('poor', { count: 100 }), ...more], nowMs);
};
const pass = (ms: number): ReclaimEffect[] => {
  nowMs += ms;
  return reclaimer.tick(nowMs);
};
const questionOf = (effects: readonly ReclaimEffect[]) => {
  const [effect] = effects;
  if (effect?.kind !== 'askCandidates') throw new Error('nothing was asked');
  return effect.question;
};
const answer = (question: number, named = tasks(10)): ReclaimEffect[] =>
  reclaimer.candidates({ question, sequence: 1, tasks: named }, nowMs);
const takenOf = (effects: readonly ReclaimEffect[]) =>
  effects.flatMap((effect) => (effect.kind === 'revoke' ? effect.revocations : []));

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
  reclaimer.hear([uses('rich', 5), uses('poor', 5)], nowMs);
  pass(LOOK_MS);
  reclaimer.hear([uses('rich', 10), uses('poor', 0)], nowMs);
  pass(LOOK_MS);
  expect(pass(STARVATION_MS)).toEqual([]);
});

test('nothing is asked where taking back is off, nobody wants anything, or nobody else holds anything', () => {
  full(guaranteed('poor', 3));
  reclaimer.hear([settings(false)], nowMs);
  expect(pass(LOOK_MS)).toEqual([]);
  reclaimer.hear([settings(), subscribed('poor', { isSuppressed: true })], nowMs);
  expect(pass(LOOK_MS)).toEqual([]);
  reclaimer.hear([subscribed('poor', { count: 1 }), uses('rich', 0)], nowMs);
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
  reclaimer.hear([refused(1)], nowMs);
  expect(pass(LOOK_MS)).toEqual([]);
  reclaimer.hear([{ kind: 'filtersCleared', framework: ref('poor') }, refused(0)], nowMs);
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(3);
});

test('what was proposed counts as coming back until the master has decided, and then as it says', () => {
  full(guaranteed('poor', 3));
  const taken = takenOf(answer(questionOf(pass(LOOK_MS)).question));
  expect(pass(LOOK_MS)).toEqual([]);
  const [first, ...others] = taken;
  if (first === undefined) throw new Error('nothing was taken');
  const { task, agentId, beneficiary } = first;
  const revoking: Fact = { kind: 'revoking', task, role, agentId, resources: cpus(1), beneficiary };
  const refused = others.map(({ task: other }): Fact => ({ kind: 'revoked', task: other }));
  reclaimer.hear([revoking, ...refused], nowMs);
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

test('nothing is taken while the need fits into what is free, and that is looked at again later', () => {
  full(guaranteed('poor', 3), anAgent(cpus(1)));
  expect(answer(questionOf(pass(LOOK_MS)).question)).toEqual([]);
  reclaimer.hear([anAgent()], nowMs);
  reclaimer.hear([uses('poor', 2), uses('other', 3), guaranteed('poor', 3)], nowMs);
  expect(pass(LOOK_MS)).toEqual([]);
  nowMs = reclaimer.nextWakeMs();
  expect(nowMs).toBeLessThanOrEqual(11_000);
  expect(takenOf(answer(questionOf(reclaimer.tick(nowMs)).question))).toHaveLength(1);
});

test('the guarantee of a role is shared by weight among those in it', () => {
  const ofRole: Fact = { kind: 'role', role, weight: 1000, guarantee: { cpus: 6 }, limit: {} };
  full(ofRole);
  // Of six each has three, so the other may be left with no less than three.
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(3);
});

test('a task that the master would not take back is not named again for a while', () => {
  full(guaranteed('poor', 3));
  const taken = takenOf(answer(questionOf(pass(LOOK_MS)).question));
  const refused = taken.map(({ task }): Fact => ({ kind: 'revoked', task }));
  reclaimer.hear(refused, nowMs);
  const { question } = questionOf(pass(LOOK_MS));
  const names = takenOf(answer(question, tasks(4))).map(({ task }) => task.taskId);
  expect(names).toHaveLength(1);
  expect(taken.map(({ task }) => task.taskId)).not.toContain(names[0]);
  nowMs = 12_000;
  // It has been starved by then, too.
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question, tasks(4)))).toHaveLength(4);
});

test('nothing is taken for somebody whose role may have no more', () => {
  const limited = (cpusAtMost: number): Fact => ({
    kind: 'role',
    role: RoleName.parse('eng'),
    weight: 1000,
    guarantee: {},
    limit: { cpus: cpusAtMost },
  });
  const inEng = (id: string): Fact => {
    const fact = subscribed(id, { count: 100 });
    if (fact.kind !== 'framework') throw new Error('it is a framework');
    const roles = fact.roles.map((one) => ({ ...one, role: RoleName.parse('eng/ads') }));
    return { ...fact, roles };
  };
  full(guaranteed('poor', 3), inEng('poor'), limited(0));
  expect(answer(questionOf(pass(LOOK_MS)).question)).toEqual([]);
  reclaimer.hear([limited(2)], nowMs);
  nowMs = 12_000;
  expect(takenOf(answer(questionOf(pass(LOOK_MS)).question))).toHaveLength(2);
});

test('nobody is asked about who holds no more than it is guaranteed', () => {
  full(guaranteed('poor', 3), uses('safe', 2), guaranteed('safe', 2));
  expect(questionOf(pass(LOOK_MS)).holders).toEqual([{ framework: ref('rich'), role }]);
});
