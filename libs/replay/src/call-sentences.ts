// Owns how each call reads: who asked for what, and what was answered.
import type { Call, Caller, Input } from '@parley/cluster/inputs';
import type { FrameworkRef, TaskRef } from '@parley/protocol/ids';
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { AcceptResult, type Operation } from '@parley/protocol/offers';
import type { OperatorSharingRequest } from '@parley/protocol/operators';
import { formatResources } from '@parley/resources/format';
import {
  counted,
  frameworkOf,
  graceWords,
  inWords,
  listed,
  type Sentence,
  seconds,
} from './sentence.ts';

type CallInput = Extract<Input, { kind: 'call' }>;
type Verb = Call['verb'];
type BodyOf<V extends Verb> = Extract<Call, { verb: V }>['body'];
type Asked = Omit<Sentence, 'frameworks'> & { readonly frameworks?: readonly FrameworkRef[] };

export function describeCall({ caller, call }: CallInput, answer: Answer | undefined): Sentence {
  // The table has the teller of each verb.
  const teller = TELLERS[call.verb] as (body: Call['body'], caller: Caller) => Asked;
  const asked = teller(call.body, caller);
  const { text, agents = [], frameworks = [], ...rest } = asked;
  return {
    text: `${callerWords(caller)} ${text}${answered(call.verb, answer)}`,
    agents: caller.kind === 'agent' ? [caller.agentId, ...agents] : agents,
    frameworks: caller.kind === 'framework' ? [frameworkOf(caller)] : frameworks,
    ...rest,
  };
}

function callerWords(caller: Caller): string {
  switch (caller.kind) {
    case 'framework':
      return `framework ${frameworkKey(caller)}`;
    case 'agent':
      return `agent ${caller.agentId}`;
    case 'operator':
      return `operator ${caller.operator}`;
  }
}

const TELLERS: { readonly [V in Verb]: (body: BodyOf<V>, caller: Caller) => Asked } = {
  subscribe: ({ name, roles }) => ({ text: `subscribes as ${name} in ${roles.join(', ')}` }),
  resync: () => ({ text: 'asks for all that is outstanding' }),
  demand: ({ demand }) => ({ text: demandWords(demand) }),
  accept: ({ offerIds, operations }, caller) => {
    const tasks = operations.flatMap((operation) => launchedBy(operation, caller));
    return {
      text: `accepts ${offersWords(offerIds)}${operationWords(operations, tasks)}`,
      tasks,
      offers: offerIds,
    };
  },
  decline: ({ offerIds, filter, reason }) => ({
    text: `declines ${offersWords(offerIds)} for ${seconds(filter.refuseMs)}${reason === undefined ? '' : `: ${inWords(reason)}`}`,
    offers: offerIds,
  }),
  killTask: ({ taskId, graceMs }, caller) => ({
    text: `asks to kill task ${taskId}${graceWords(graceMs)}`,
    tasks: caller.kind === 'framework' ? [{ ...frameworkOf(caller), taskId }] : [],
  }),
  teardown: () => ({ text: 'asks to be removed, with all its tasks' }),
  updateFramework: (body) => ({ text: `changes its ${keysOf(body)}` }),
  suppress: ({ roles }) => ({ text: `wants no more offers${inRoles(roles)}` }),
  revive: ({ roles }) => ({ text: `wants offers again${inRoles(roles)}` }),
  reconcile: ({ tasks }, caller) => ({
    text:
      tasks.length === 0
        ? 'asks for the states of all its tasks'
        : `asks for the states of ${listed(tasks.map(({ taskId }) => taskId))}`,
    tasks:
      caller.kind === 'framework'
        ? tasks.map(({ taskId }) => ({ ...frameworkOf(caller), taskId }))
        : [],
  }),
  shutdownExecutor: ({ agentId, executorId, graceMs }) => ({
    text: `asks to shut down executor ${executorId} on agent ${agentId}${graceWords(graceMs)}`,
    agents: [agentId],
  }),
  answerInverseOffer: ({ windowId, answer }) => ({
    text: `${answer}s the inverse offer for maintenance window ${windowId}`,
  }),
  acknowledgeEvents: ({ upTo }) => ({ text: `has handled its events up to ${upTo}` }),
  register: ({ hostname, total, tasks, executors }) => ({
    text: `registers from ${hostname} with ${formatResources(total)}; it names ${counted(tasks.length, 'task')} and ${counted(executors.length, 'executor')}`,
    tasks: tasks.map(({ task }) => task),
    frameworks: executors.map(frameworkOf),
  }),
  tellTasks: ({ tasks, executors, isLast }) => ({
    text: `tells of ${counted(tasks.length, 'task')} and ${counted(executors.length, 'executor')} that it has${isLast ? ', and that these are all' : ''}`,
    tasks: tasks.map(({ task }) => task),
    frameworks: executors.map(({ executor }) => frameworkOf(executor)),
  }),
  executorExited: ({ executor, end, tasks }) => ({
    text: `reports that executor ${executor.executorId} of ${frameworkKey(executor)} is no more (${inWords(end)})`,
    frameworks: [frameworkOf(executor)],
    tasks: tasks.map((taskId) => ({ ...frameworkOf(executor), taskId })),
  }),
  stopAnswered: ({ task, answer }) => ({
    text: `passes on what task ${taskKey(task)} answers: ${answer.kind === 'stopping' ? 'it is stopping' : `it needs ${seconds(answer.needMs)} more`}`,
    ...ofTask(task),
  }),
  operatorKill: ({ task, graceMs }) => ({
    text: `asks to kill task ${taskKey(task)}${graceWords(graceMs)}`,
    ...ofTask(task),
  }),
  operatorTeardown: ({ framework }) => ({
    text: `asks to remove framework ${frameworkKey(framework)}, with all its tasks`,
    frameworks: [framework],
  }),
  operatorAgent: ({ agentId, change, reason, emptying }) => ({
    text: `wants agent ${agentId} ${AGENT_CHANGES[change]}${emptyingWords(emptying)}${reason === undefined ? '' : `: ${reason}`}`,
    agents: [agentId],
  }),
  operatorOperate: ({ agentId, role, operation }) => ({
    text: `asks on agent ${agentId} for role ${role}: ${inWords(operation.kind)}`,
    agents: [agentId],
  }),
  operatorMaintenance: (body) => ({
    text:
      body.change === 'schedule'
        ? `schedules maintenance window ${body.window.windowId}`
        : `wants maintenance window ${body.windowId} ${WINDOW_CHANGES[body.change]}`,
    agents: body.change === 'schedule' ? body.window.agents : [],
  }),
  operatorSharing: ({ changes }) => ({
    text: `sets how it is shared: ${listed(changes.map(changeWords))}`,
    frameworks: changes.flatMap((change) =>
      change.kind === 'framework' ? [change.framework] : [],
    ),
  }),
};

const WINDOW_CHANGES = { cancel: 'cancelled', start: 'begun', stop: 'ended' } as const;
const AGENT_CHANGES = {
  deactivate: 'offered to nobody',
  drain: 'emptied',
  reactivate: 'offered again',
  gone: 'given up for good',
} as const;

const ofTask = (task: TaskRef) => ({ tasks: [task], frameworks: [frameworkOf(task)] });
const inRoles = (roles: readonly string[]): string =>
  roles.length === 0 ? '' : ` in ${roles.join(', ')}`;
const emptyingWords = (emptying: BodyOf<'operatorAgent'>['emptying']): string =>
  emptying === undefined
    ? ''
    : `, its tasks stopped${graceWords(emptying.graceMs)}${emptying.marksGone ? ', and then given up for good' : ''}`;
const offersWords = (offerIds: readonly string[]): string =>
  `offer${offerIds.length === 1 ? '' : 's'} ${listed(offerIds)}`;
const keysOf = (body: object): string => Object.keys(body).map(inWords).join(', ');

function changeWords(change: OperatorSharingRequest['changes'][number]): string {
  const { kind: _kind, ...rest } = change;
  const { whose, set } =
    'role' in rest
      ? { whose: `role ${rest.role}`, set: { ...rest, role: undefined } }
      : {
          whose: `framework ${frameworkKey(rest.framework)}`,
          set: { ...rest, framework: undefined },
        };
  const keys = Object.entries(set).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  return `${keys.map(inWords).join(', ')} of ${whose}`;
}

function demandWords(demand: BodyOf<'demand'>['demand']): string {
  if (demand === undefined) return 'states no demand any more';
  if (demand.length === 0) return 'says that it needs nothing';
  const needs = demand.map(
    ({ count, resources }) => `${counted(count, 'task')} of ${formatResources(resources)}`,
  );
  return `says what it could launch: ${listed(needs)}`;
}

function launchedBy(operation: Operation, caller: Caller): TaskRef[] {
  const launches = operation.kind === 'launch' || operation.kind === 'launchGroup';
  if (!launches || caller.kind !== 'framework') return [];
  return operation.tasks.map(({ taskId }) => ({ ...frameworkOf(caller), taskId }));
}

function operationWords(operations: readonly Operation[], tasks: readonly TaskRef[]): string {
  const others = operations.flatMap(({ kind }) =>
    kind === 'launch' || kind === 'launchGroup' ? [] : [inWords(kind)],
  );
  const wanted = [
    ...(tasks.length === 0 ? [] : [`to launch ${listed(tasks.map(({ taskId }) => taskId))}`]),
    ...(others.length === 0 ? [] : [`to ${listed(others)}`]),
  ];
  return wanted.length === 0 ? ' and uses nothing of it' : ` ${wanted.join(' and ')}`;
}

function answered(verb: Verb, answer: Answer | undefined): string {
  if (answer === undefined) return '';
  if (!answer.ok) return `: refused, ${answer.failure.message} (${answer.failure.code})`;
  return verb === 'accept' ? acceptAnswered(answer.value) : '';
}

function acceptAnswered(value: unknown): string {
  const result = AcceptResult.safeParse(value);
  if (!result.success) return '';
  const { rejected, refusedOperations, staleOffers } = result.data;
  const parts = [
    ...rejected.map(({ taskId, failure }) => `${taskId} is rejected (${failure.message})`),
    ...refusedOperations.map(({ failure }) => `an operation is refused (${failure.message})`),
    ...(staleOffers.length === 0 ? [] : [`${offersWords(staleOffers)} not outstanding any more`]),
  ];
  return parts.length === 0 ? '' : `: ${listed(parts)}`;
}
