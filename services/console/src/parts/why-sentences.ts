// Owns how an explanation reads: of each need how many agents were looked at and what stands against them. Pure.
import type { Constraint } from '@parley/protocol/constraints';
import type {
  AgentReason,
  ExplainedClient,
  ExplainedNeed,
  Explanation,
} from '@parley/protocol/explanations';
import { counted, showAmount, showAmounts, showPercent } from '../format/amounts.ts';
import { showDuration } from '../format/times.ts';

export type Why = {
  readonly explanation?: Explanation;
  readonly state?: string;
  readonly agentId?: string;
  readonly leftOutAgents: Readonly<Record<string, number>>;
};

export function sentencesOf({ explanation, state, agentId, leftOutAgents }: Why): string[] {
  if (explanation === undefined)
    return [
      `It waits for no offer: it is ${state ?? 'known'}${agentId === undefined ? '' : ` on ${agentId}`}.`,
    ];
  const leftOut = Object.entries(leftOutAgents).map(([why, count]) => `${count} ${why}`);
  return [
    ...explanation.clients.flatMap(ofClient),
    `${counted(explanation.agents, 'agent')} may be offered, ${counted(explanation.openAgents, 'has', 'have')} something left${leftOut.length === 0 ? '' : `; not looked at: ${leftOut.join(', ')}`}.`,
  ];
}

const STATES: Readonly<Record<ExplainedClient['state'], string>> = {
  waits: 'is offered what suits it when it is its turn',
  needsNothing: 'says that it needs nothing',
  suppressed: 'has asked for no offers for now',
  notSubscribed: 'is not subscribed',
  offerCap: 'has as much in unanswered offers as it may have',
  quotaLimit: 'is stopped by a quota limit',
  headroom: 'has to leave what is free to guarantees of others',
};

/** Why it is offered nothing though it wants something, in a few words; undefined: it wants nothing, or is not there. */
export function starvedBy({ explanation }: Why): string | undefined {
  const starving = explanation?.clients.filter(
    ({ state }) => !['needsNothing', 'suppressed', 'notSubscribed'].includes(state),
  );
  const [first] = starving ?? [];
  if (first === undefined) return undefined;
  if (first.state !== 'waits') return `it ${STATES[first.state]}`;
  const [need] = first.needs;
  if (need !== undefined && need.suitable === 0) return need.reasons.map(ofReason).join(', ');
  return first.refusals.agents > 0 && need === undefined
    ? `it has declined ${counted(first.refusals.agents, 'agent')}`
    : 'nothing that it may have is free';
}

function ofClient(client: ExplainedClient): string[] {
  const { role, state, share, refusals, needs } = client;
  const turn =
    share.place === undefined ? '' : `; ${share.place} of ${share.of} to be offered next`;
  const dominant =
    share.resource === undefined
      ? 'holds nothing'
      : `holds ${showPercent(share.used, share.total)} of ${share.resource}`;
  return [
    `In role ${role} it ${STATES[state]}; it ${dominant}${turn}.`,
    ...(refusals.agents > 0
      ? [
          `It has declined ${counted(refusals.agents, 'agent')}${refusals.nextEndsInMs === undefined ? '' : `; the first of these filters ends in ${showDuration(refusals.nextEndsInMs)}`}.`,
        ]
      : []),
    ...needs.map(ofNeed),
  ];
}

function ofNeed(need: ExplainedNeed): string {
  const { resources, open, agents, suitable, reasons, nearest } = need;
  const wanted =
    open === undefined
      ? 'Each task needs'
      : counted(open, 'task waits that needs', 'tasks wait that need');
  const parts = [counted(suitable, 'suits', 'suit'), ...reasons.map(ofReason)];
  const near =
    nearest === undefined
      ? ''
      : `; nearest is ${nearest.agentId}: ${showAmount(nearest.resource, nearest.has)} of ${showAmount(nearest.resource, nearest.needed)} ${nearest.resource}`;
  return `${wanted} ${showAmounts(resources.scalars)}. Of ${counted(agents, 'agent')} ${parts.join(', ')}${near}.`;
}

function ofReason(reason: AgentReason): string {
  const { count } = reason;
  switch (reason.kind) {
    case 'constraint':
      return `${counted(count, 'does', 'do')} not meet ${sayOf(reason.constraint)}`;
    case 'tooSmall':
      return `${counted(count, 'is', 'are')} too small in ${reason.resource} (best ${showAmount(reason.resource, reason.best)} of ${showAmount(reason.resource, reason.needed)})`;
    case 'lacks':
      return `${counted(count, 'lacks', 'lack')} ${reason.resource} (best ${showAmount(reason.resource, reason.best)} of ${showAmount(reason.resource, reason.needed)})`;
    case 'limit':
      return `${count} stopped by the ${reason.resource} limit (${showAmount(reason.resource, reason.best)} left)`;
    case 'headroom':
      return `${count} held back for guarantees of others (${reason.resource})`;
    case 'refused':
      return `${count} declined by it, the first until ${showDuration(reason.endsInMs)} from now`;
    case 'ports':
      return `${counted(count, 'lacks', 'lack')} free ports`;
    case 'nothingFree':
      return `${counted(count, 'has', 'have')} nothing free`;
    case 'kept':
      return `${count} kept for whom tasks are taken back`;
    case 'offerCap':
      return `${count} too much beside its unanswered offers`;
    case 'standsBack':
      return `${count} where it stands back after leaving them unused`;
  }
}

function sayOf(constraint: Constraint): string {
  const { name } = constraint;
  switch (constraint.operator) {
    case 'exists':
      return `"has ${name}"`;
    case 'notExists':
      return `"has no ${name}"`;
    case 'in':
      return `"${name} is ${constraint.values.join(' or ')}"`;
    case 'notIn':
      return `"${name} is not ${constraint.values.join(' or ')}"`;
    case 'atLeast':
      return `"${name} at least ${constraint.value}"`;
    case 'atMost':
      return `"${name} at most ${constraint.value}"`;
  }
}
