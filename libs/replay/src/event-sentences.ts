// Owns how each event reads, agents, frameworks, offers and tasks; those of revocations are in revocation-sentences.ts.
import type { ClusterEvent } from '@parley/cluster/events';
import { AgentId, FrameworkRef, frameworkKey, TaskRef, taskKey } from '@parley/protocol/ids';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { formatResources } from '@parley/resources/format';
import { describeRevocation, type RevocationEvent } from './revocation-sentences.ts';
import {
  counted,
  frameworkOf,
  frameworkWords,
  graceWords,
  inWords,
  type Sentence,
  seconds,
} from './sentence.ts';

type EventOf<Type extends ClusterEvent['type']> = Extract<ClusterEvent, { type: Type }>;
type Teller<Type extends ClusterEvent['type']> = (event: EventOf<Type>) => Sentence;
type Told = Exclude<ClusterEvent['type'], RevocationEvent['type'] | 'taskStateChanged'>;

const REMOVAL_WORDS = {
  teardown: 'it was torn down',
  teardownByOperator: 'an operator tore it down',
  failoverTimeout: 'it did not come back within its failover timeout',
} as const;

const WINDOW_STATES = {
  planned: 'is scheduled',
  announced: 'is near: nothing more is offered of them',
  underWay: 'has begun: they are emptied',
  ended: 'is over: they are offered again',
  cancelled: 'is cancelled',
} as const;

const ofAgent = (agentId: AgentId, text: string): Sentence => ({
  text: `agent ${agentId} ${text}`,
  agents: [agentId],
});
const ofFramework = (framework: FrameworkRef, text: string): Sentence => ({
  text: `${frameworkWords(framework)} ${text}`,
  frameworks: [framework],
});
const changedKeys = (before: object, after: object): string =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].map(inWords).join(', ');

const TELLERS: { readonly [Type in Told]: Teller<Type> } = {
  termStarted: ({ masterId, epoch }) => ({
    text: `${masterId} leads from here on (epoch ${epoch.bucketCreatedMs}/${epoch.revision})`,
  }),
  rulesRaised: ({ before, after }) => ({
    text: `every master knows rules version ${after}: it holds from here on, after version ${before}`,
  }),
  agentRegistered: ({ agentId, hostname, total, returned }) =>
    ofAgent(
      agentId,
      `on ${hostname} ${returned ? 'is back' : 'registered'} with ${formatResources(total)}`,
    ),
  agentDiffers: ({ agentId, tasks, held }) => ({
    text: `agent ${agentId} says otherwise than the books: ${[
      ...(tasks.length > 0 ? [`of the states of ${tasks.map(taskKey).join(', ')}`] : []),
      ...(held === undefined
        ? []
        : [
            `that its tasks hold ${formatResources(held.told)}, and not ${formatResources(held.known)}`,
          ]),
    ].join('; ')}`,
    agents: [agentId],
    tasks,
  }),
  agentUnreachable: ({ agentId }) =>
    ofAgent(agentId, 'is unreachable: nothing was heard of it for too long'),
  agentGone: ({ agentId }) => ofAgent(agentId, 'was declared gone for good by an operator'),
  agentDeactivated: ({ agentId }) =>
    ofAgent(agentId, 'was deactivated by an operator: nothing more is offered of it'),
  agentDraining: ({ agentId, reason, isEmptied, graceMs }) => {
    const asked = isEmptied === true ? `, its tasks are asked to stop${graceWords(graceMs)}` : '';
    return ofAgent(agentId, `is to be emptied${asked}${reason === '' ? '' : `: ${reason}`}`);
  },
  agentDrained: ({ agentId }) => ofAgent(agentId, 'is drained: nothing runs on it any more'),
  maintenanceChanged: ({ windowId, to, agents, reason, by, startWallTimeMs, durationMs }) => ({
    text: `maintenance window ${windowId} of ${counted(agents.length, 'agent')} (${new Date(startWallTimeMs).toISOString()}, ${seconds(durationMs)}${reason === '' ? '' : `: ${reason}`}) ${WINDOW_STATES[to]}${by === undefined ? '' : ` by operator ${by}`}`,
    agents,
  }),
  inverseOfferAnswered: ({ windowId, framework, answer, reason }) =>
    ofFramework(
      framework,
      `${answer === 'accept' ? 'frees' : 'does not free'} the agents of maintenance window ${windowId} by itself${reason === undefined ? '' : `: ${reason}`}`,
    ),
  agentOversubscribed: ({ agentId, revocable }) =>
    ofAgent(agentId, `says that ${formatResources(revocable)} may be lent as revocable`),
  agentReactivated: ({ agentId }) => ofAgent(agentId, 'is offered again'),
  executorLaunched: ({ executor, agentId, resources }) => ({
    text: `executor ${executor.executorId} of ${frameworkKey(executor)} is launched on agent ${agentId} with ${formatResources(resources)} of its own`,
    agents: [agentId],
    frameworks: [frameworkOf(executor)],
  }),
  executorExited: ({ executor, agentId, end }) => ({
    text: `executor ${executor.executorId} of ${frameworkKey(executor)} on agent ${agentId} is no more (${inWords(end)})`,
    agents: [agentId],
    frameworks: [frameworkOf(executor)],
  }),
  roleSharesChanged: ({ operator, role, before, after }) => ({
    text: `operator ${operator} changed the ${changedKeys(before, after)} of role ${role}`,
  }),
  frameworkSharesChanged: ({ operator, framework, before, after }) => ({
    text: `operator ${operator} changed the ${changedKeys(before, after)} of ${frameworkWords(framework)}`,
    frameworks: [framework],
  }),
  reservationChanged: ({ agentId, role, reservationId, before, resources, by }) =>
    ofAgent(
      agentId,
      `keeps ${formatResources(resources)} for role ${role} as reservation ${reservationId}, before ${formatResources(before)}: asked by ${by}`,
    ),
  frameworkSubscribed: ({ framework, name, roles, session }) =>
    ofFramework(framework, `(${name}) subscribed in ${roles.join(', ')}: session ${session}`),
  frameworkUpdated: ({ framework, name, roles }) =>
    ofFramework(framework, `is now called ${name}, in ${roles.join(', ')}`),
  frameworkDisconnected: ({ framework }) =>
    ofFramework(framework, 'is disconnected: nothing was heard of it for too long'),
  frameworkRemoved: ({ framework, reason }) =>
    ofFramework(framework, `is removed: ${REMOVAL_WORDS[reason]}`),
  frameworkRampedUp: ({ framework, rampUpMs }) =>
    ofFramework(framework, `has reached its share ${seconds(rampUpMs)} after it subscribed`),
  offerMade: ({ offerId, framework, role, agentId, resources }) => ({
    text: `agent ${agentId} is offered to ${frameworkWords(framework)} in role ${role}: ${formatResources(resources)} (offer ${offerId})`,
    agents: [agentId],
    frameworks: [framework],
    offers: [offerId],
  }),
  offerAccepted: ({ offerId, framework, agentId, launched }) => ({
    text: `offer ${offerId} of agent ${agentId} is accepted by ${frameworkWords(framework)}, with ${counted(launched, 'task')} launched there`,
    agents: [agentId],
    frameworks: [framework],
    offers: [offerId],
  }),
  offerDeclined: ({ offerId, framework, agentId, refuseMs, reason, text }) => ({
    text: `offer ${offerId} of agent ${agentId} is declined by ${frameworkWords(framework)} for ${seconds(refuseMs)}${reason === undefined ? '' : `: ${inWords(reason)}`}${text === undefined ? '' : ` (${text})`}`,
    agents: [agentId],
    frameworks: [framework],
    offers: [offerId],
  }),
  offerRescinded: ({ offerId, framework, agentId, reason }) => ({
    text: `offer ${offerId} of agent ${agentId} is taken back from ${frameworkWords(framework)}: ${inWords(reason)}`,
    agents: [agentId],
    frameworks: [framework],
    offers: [offerId],
  }),
  proposalRefused: ({ framework, agentId, why }) => ({
    text: `the allocator's proposal to offer agent ${agentId} to ${frameworkWords(framework)} is refused: ${why}`,
    agents: [agentId],
    frameworks: [framework],
  }),
  protocolViolation: ({ about, what }) => ({
    text: `against the protocol: ${about} ${what}`,
    ...namedBy(about),
  }),
};

/** `update`: what the state came with, where it stands in the same entry. */
export function describeEvent(event: ClusterEvent, update?: StatusUpdate): Sentence {
  if (event.type === 'taskStateChanged') return describeTaskState(event, update);
  if (isOfRevocation(event)) return describeRevocation(event);
  // The table has the teller of each type.
  return (TELLERS[event.type] as (event: ClusterEvent) => Sentence)(event);
}

const isOfRevocation = (event: ClusterEvent): event is RevocationEvent =>
  event.type.startsWith('revocation');

function describeTaskState(
  { task, agentId, from, to, reason, message }: EventOf<'taskStateChanged'>,
  update: StatusUpdate | undefined,
): Sentence {
  const was = from === undefined ? '' : `, was ${from}`;
  const why = [
    ...(reason === undefined ? [] : [inWords(reason)]),
    ...(update?.exitCode === undefined ? [] : [`exit code ${update.exitCode}`]),
    ...(update?.signal === undefined ? [] : [`signal ${update.signal}`]),
    ...(message === undefined || message === '' ? [] : [message]),
  ];
  const because = why.length === 0 ? '' : `: ${why.join('; ')}`;
  return {
    text: `task ${taskKey(task)} is ${to} on agent ${agentId}${was}${said(update, agentId)}${because}`,
    agents: [agentId],
    frameworks: [frameworkOf(task)],
    tasks: [task],
  };
}

function said(update: StatusUpdate | undefined, agentId: AgentId): string {
  if (update === undefined) return '';
  return update.source === 'agent' ? `, says agent ${agentId}` : ', says the leader';
}

/** A violation names a task, a framework or an agent by its key. */
function namedBy(about: string): Omit<Sentence, 'text'> {
  const [principal, frameworkId, taskId, ...rest] = about.split('/');
  const task = TaskRef.safeParse({ principal, frameworkId, taskId });
  if (task.success && rest.length === 0) {
    return { tasks: [task.data], frameworks: [frameworkOf(task.data)] };
  }
  const framework = FrameworkRef.safeParse({ principal, frameworkId });
  if (framework.success && taskId === undefined) return { frameworks: [framework.data] };
  const agent = AgentId.safeParse(about);
  return agent.success ? { agents: [agent.data] } : {};
}
