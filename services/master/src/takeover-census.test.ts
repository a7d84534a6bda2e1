import type { Effect } from '@parley/cluster/effects';
import { AgentId, FrameworkId, PrincipalName, TaskId } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { expect, test } from 'vitest';
import { TakeoverCensus } from './takeover-census.ts';

const refOf = (id: string) => ({
  principal: PrincipalName.parse('alice'),
  frameworkId: FrameworkId.parse(id),
});
const agents = ['a1', 'a2'].map((id) => ({ agentId: AgentId.parse(id) }));
const taskOf = (taskId: string) => ({ ...refOf('f1'), taskId });

function registered(
  agentId: string,
  unknown: { tasks?: number; executors?: number; counter?: number } = {},
): Effect {
  const { tasks = 0, executors = 0, counter = 1 } = unknown;
  const value = {
    heartbeatIntervalMs: 5000,
    unknownTasks: Array.from({ length: tasks }, (_, index) => taskOf(`t${index}`)),
    unknownExecutors: Array.from({ length: executors }, (_, index) => ({
      ...refOf('f1'),
      executorId: `e${index}`,
    })),
  };
  return {
    kind: 'answer',
    caller: { kind: 'agent', agentId: AgentId.parse(agentId) },
    request: { session: 's', counter, lowest: 1 },
    answer: { ok: true, value },
  };
}

test('it tells when all were heard, how long that took, and each difference as it is found', () => {
  const census = new TakeoverCensus({ hasEndedOn: () => false });
  census.begin(agents, [{ ref: refOf('f1') }], 1000);
  expect(census.takeLines()).toEqual([]);
  census.carriedOut([registered('a1', { tasks: 2 })], 1100);
  expect(census.takeLines()).toEqual([
    {
      level: 'info',
      message: 'what agents told was not in the books: repaired',
      fields: { unknownTasks: 2, unknownExecutors: 0, forgottenTasks: 0 },
    },
  ]);
  // Again, of the same agent: it was heard before.
  census.carriedOut([registered('a1'), registered('a2')], 1300);
  census.frameworkHeard(refOf('f1'), 1500);
  census.frameworkHeard(refOf('f2'), 1600);
  expect(census.takeLines()).toEqual([
    {
      level: 'info',
      message: 'every agent was heard in this term',
      fields: { count: 2, meanMs: 200, lastMs: 300 },
    },
    {
      level: 'info',
      message: 'every framework was heard in this term',
      fields: { count: 1, meanMs: 500, lastMs: 500 },
    },
  ]);
  expect(census.takeLines()).toEqual([]);
  expect(census.now).toMatchObject({
    agents: 2,
    agentsHeard: 2,
    frameworks: 1,
    frameworksHeard: 1,
  });
});

test('tasks that their agent does not know any more are counted, and executors that the books do not know', () => {
  const census = new TakeoverCensus({ hasEndedOn: () => false });
  census.begin(agents, [], 0);
  const update = { reason: 'agentForgot' } as Extract<Effect, { kind: 'writeUpdate' }>['update'];
  const other = { ...update, reason: 'agentReturned' } as typeof update;
  census.carriedOut(
    [
      { kind: 'writeUpdate', update },
      { kind: 'writeUpdate', update: other },
      registered('a1', { executors: 1 }),
    ],
    10,
  );
  expect(census.now).toMatchObject({ forgottenTasks: 1, unknownExecutors: 1, unknownTasks: 0 });
});

test('what is refused is no report', () => {
  const census = new TakeoverCensus({ hasEndedOn: () => false });
  census.begin(agents, [], 0);
  const refused = registered('a1') as Extract<Effect, { kind: 'answer' }>;
  const failure = { code: 'overloaded', message: '' } as const;
  census.carriedOut([{ ...refused, answer: { ok: false, failure } }], 10);
  expect(census.now.agentsHeard).toBe(0);
});

test('a report that is answered twice, since its first answer was lost, is one difference', () => {
  const census = new TakeoverCensus({ hasEndedOn: () => false });
  census.begin(agents, [], 0);
  census.carriedOut([registered('a1', { tasks: 1 }), registered('a1', { tasks: 1 })], 10);
  expect(census.now.unknownTasks).toBe(1);
  census.carriedOut([registered('a1', { tasks: 1, counter: 2 })], 10);
  expect(census.now.unknownTasks).toBe(2);
});

test('a task in another state, and an agent that holds other amounts, count once and are told at once', () => {
  const census = new TakeoverCensus({ hasEndedOn: () => false });
  census.begin(agents, [], 0);
  const [{ agentId }] = agents as [{ agentId: AgentId }];
  const task = { ...refOf('f1'), taskId: TaskId.parse('t1') };
  const held = { told: NO_RESOURCES, known: NO_RESOURCES };
  const event = { type: 'agentDiffers', agentId, tasks: [task] } as const;
  census.carriedOut([{ kind: 'event', event }], 10);
  expect(census.takeLines()).toMatchObject([{ level: 'error', fields: { agentId, tasks: 1 } }]);
  census.carriedOut([{ kind: 'event', event }], 20);
  expect(census.takeLines()).toEqual([]);
  census.carriedOut([{ kind: 'event', event: { ...event, held } }], 30);
  expect(census.takeLines()).toMatchObject([{ level: 'error', fields: { tasks: 0, ...held } }]);
  expect(census.now).toMatchObject({ differingTasks: 1, differingAgents: 1 });
});
