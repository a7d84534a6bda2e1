// Owns what of the past a principal may see: what its own frameworks asked for and were given, and of others nothing. What
// is not named here stays hidden, so that a new kind of event tells nobody anything before somebody has thought about it.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { AgentId, PrincipalName } from '@parley/protocol/ids';
import type { ReplayLine } from '@parley/protocol/replay';

/** Only frameworks make these calls, and a line of one is about its caller. */
const OWN_CALLS: ReadonlySet<string> = new Set([
  'subscribe',
  'resync',
  'demand',
  'accept',
  'decline',
  'killTask',
  'teardown',
  'updateFramework',
  'suppress',
  'revive',
  'reconcile',
  'shutdownExecutor',
  'answerInverseOffer',
  'acknowledgeEvents',
]);

const OWN_INPUTS: ReadonlySet<string> = new Set([
  ...OWN_CALLS,
  'updates',
  'frameworkSilent',
  'frameworkConfirmed',
  'orderAnswered',
]);

/** About one framework, and holding nothing that others did or have. */
const OWN_EVENTS: ReadonlySet<string> = new Set([
  'executorLaunched',
  'executorExited',
  'inverseOfferAnswered',
  'frameworkSubscribed',
  'frameworkUpdated',
  'frameworkDisconnected',
  'frameworkRemoved',
  'frameworkRampedUp',
  'offerMade',
  'offerAccepted',
  'offerDeclined',
  'offerRescinded',
  'taskStateChanged',
  'revocationAsked',
  'revocationAnswered',
  'revocationKilled',
  'revocationEnforced',
  'revocationOver',
]);

/** About its own tasks or frameworks, but saying more: for whom, by which operator. They are told in other words. */
const REWORDED: Readonly<Record<string, (line: ReplayLine) => string>> = {
  revocationBegun: ({ tasks }) => `task ${namesOf(tasks)} is to give back what it has`,
  revocationCalledOff: ({ tasks }) => `task ${namesOf(tasks)} may stay after all`,
  frameworkSharesChanged: ({ frameworks }) =>
    `an operator changed the shares of framework ${frameworks.map(({ frameworkId }) => frameworkId).join(', ')}`,
};

/** Told of agents that have something of the principal's. Frameworks are told of these themselves. */
const AGENT_EVENTS: Readonly<Record<string, string>> = {
  agentUnreachable: 'is unreachable: nothing was heard of it for too long',
  agentRegistered: 'is back',
  agentGone: 'was declared gone for good by an operator',
};

/** Undefined: it is none of the principal's business. `state`: after the line's entry. */
export function visibleTo(
  principal: PrincipalName,
  line: ReplayLine,
  state: ClusterState,
): ReplayLine | undefined {
  if (line.part === 'event') return visibleEvent(principal, line, state);
  if (!isOwn(principal, line)) return undefined;
  if (line.part === 'order') return line;
  if (!OWN_INPUTS.has(line.kind)) return undefined;
  if (line.part === 'input') return line;
  // Why a step threw may quote what it was about, and that may be anybody's.
  return { ...line, text: `left out by every master, because of a defect: ${line.kind}` };
}

function visibleEvent(
  principal: PrincipalName,
  line: ReplayLine,
  state: ClusterState,
): ReplayLine | undefined {
  // Everybody hears of it on the bus, too.
  if (line.kind === 'termStarted') return line;
  const words = AGENT_EVENTS[line.kind];
  const [agentId] = line.agents;
  if (words !== undefined && agentId !== undefined) {
    if (!hasSomethingOn(state, principal, agentId)) return undefined;
    const text = `agent ${agentId} ${words}`;
    return { ...line, text, detail: { type: line.kind, agentId } };
  }
  if (!isOwn(principal, line)) return undefined;
  if (OWN_EVENTS.has(line.kind)) return line;
  const reword = REWORDED[line.kind];
  if (reword === undefined) return undefined;
  return { ...line, text: reword(line), detail: { type: line.kind, tasks: line.tasks } };
}

/** It is about this principal's frameworks, and about nobody else's. */
function isOwn(principal: PrincipalName, { frameworks, tasks }: ReplayLine): boolean {
  const named = [...frameworks, ...tasks];
  return named.length > 0 && named.every((one) => one.principal === principal);
}

function hasSomethingOn(state: ClusterState, principal: PrincipalName, agentId: AgentId): boolean {
  const book = state.books.agents.get(agentId);
  if (book === undefined) return false;
  for (const key of book.tasks) if (key.startsWith(`${principal}/`)) return true;
  // Keys of executors begin with their agent.
  for (const key of book.executors) if (key.startsWith(`${agentId}/${principal}/`)) return true;
  return false;
}

const namesOf = (tasks: ReplayLine['tasks']): string =>
  tasks.map(({ taskId }) => taskId).join(', ');
