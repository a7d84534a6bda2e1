// Owns how `parley explain` reads on a screen: sentences, the most important first. It decides nothing.
import type { Constraint } from '@parley/protocol/constraints';
import type {
  AgentReason,
  ClientState,
  ExplainedClient,
  ExplainedNeed,
  NearestMiss,
  QuotaStanding,
  ShareStanding,
} from '@parley/protocol/explanations';
import { frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { formatAmount, formatMemory, formatResources } from '@parley/resources/format';
import { formatDuration, formatPercent } from './cluster-summary.ts';
import type { Explained, LeftOutAgents } from './left-out-agents.ts';
import { formatTable } from './print.ts';
import { describeRevocableUse } from './revocable-words.ts';
import { shownText } from './shown-text.ts';
import type { ShownTask } from './task-table.ts';

const IN_MIB: ReadonlySet<string> = new Set(['mem', 'disk']);

export const STATES: Readonly<Record<ClientState, string>> = {
  waits: 'waits for its turn',
  needsNothing: 'has said that it needs nothing',
  suppressed: 'takes no offers: it has suppressed them',
  notSubscribed: 'takes no offers: it is not subscribed',
  offerCap: 'has as much in unanswered offers as it may have',
  quotaLimit: 'is held up by a limit',
  headroom: 'is held up by guarantees of others',
};

/** Whatever the agents. */
const TAKES_NONE: ReadonlySet<ClientState> = new Set([
  'needsNothing',
  'suppressed',
  'notSubscribed',
]);

export function describeFrameworkWait(explained: Explained): string {
  const { clients, leftOutAgents } = explained;
  if (clients.length === 0) return `the allocator knows of no role of it\n${nextRun(explained)}`;
  const pages = clients.map((client) => describeClient(client, leftOutAgents));
  return `${pages.join('\n')}\n${nextRun(explained)}`;
}

export function describeRoleStanding(explained: Explained): string {
  const { role, clients, clientsLeftOut, leftOutAgents } = explained;
  const lines: string[] = [];
  if (role !== undefined) {
    lines.push(`role ${role.role}: ${describeShare(role.share)}`);
    lines.push(...role.quotas.map((quota) => `  ${describeQuota(quota)}`));
  }
  const rows = clients.map((client) => ({
    framework: frameworkKey(client.framework),
    role: client.role,
    state: stateInWords(client),
    share: describeShare(client.share),
    offers: client.offers.outstanding,
  }));
  const table = formatTable(['framework', 'role', 'state', 'share', 'offers'], rows);
  const more = clientsLeftOut > 0 ? [`and ${clientsLeftOut} more frameworks`] : [];
  const needs = clients.filter(isLookedAt).map((client) => {
    const { framework, role: own } = client;
    const head = `framework ${frameworkKey(framework)} in role ${own}`;
    return ['', head, ...describeNeeds(client, leftOutAgents)].join('\n');
  });
  return `${[...lines, table.trimEnd(), ...more, ...needs].join('\n')}\n\n${nextRun(explained)}`;
}

export function describeTask(
  ref: TaskRef,
  found: { readonly task: ShownTask | undefined; readonly explanation: Explained | undefined },
): string {
  const { task, explanation } = found;
  if (task !== undefined) {
    const why = [task.reason, task.message].filter((text) => text !== '').join(': ');
    return `task ${task.task} waits for no offer: it is ${task.state} on ${task.agent}${why === '' ? '' : ` (${shownText(why)})`}\n`;
  }
  const lead = `task ${taskKey(ref)} is not launched: that is up to its framework, once it has an offer\n\n`;
  return explanation === undefined ? lead : lead + describeFrameworkWait(explanation);
}

function describeClient(client: ExplainedClient, leftOut: LeftOutAgents): string {
  const { framework, role, share, offers, refusals } = client;
  const lines = [
    `framework ${frameworkKey(framework)} in role ${role} ${stateInWords(client)}`,
    `  ${describeShare(share)}`,
    `  ${describeOffers(offers)}`,
    ...client.quotas.map((quota) => `  ${describeQuota(quota)}`),
  ];
  if (refusals.agents > 0) {
    const ends = refusals.nextEndsInMs === undefined ? '' : firstEnds(refusals.nextEndsInMs);
    lines.push(`  it has declined ${count(refusals.agents, 'agent')}${ends}`);
  }
  return `${[...lines, ...describeNeeds(client, leftOut)].join('\n')}\n`;
}

/** One that waits does so for its turn only where an agent is there for it. */
function stateInWords({ state, needs }: ExplainedClient): string {
  const isHopeful =
    needs.length === 0 ||
    needs.some(
      ({ suitable, reasons }) => suitable > 0 || reasons.some(({ kind }) => kind === 'standsBack'),
    );
  return state === 'waits' && !isHopeful ? 'waits for an agent that suits it' : STATES[state];
}

const isLookedAt = ({ needs, state }: ExplainedClient): boolean =>
  needs.length > 0 && !TAKES_NONE.has(state);

function describeNeeds({ needs, needsLeftOut }: ExplainedClient, leftOut: LeftOutAgents): string[] {
  const lines = needs.flatMap((need) => describeNeed(need, leftOut));
  if (needsLeftOut === 0) return lines;
  return [...lines, `  and ${count(needsLeftOut, 'need')} more, which were not looked at`];
}

function describeShare({ used, total, resource, weight, place, of }: ShareStanding): string {
  const dominant = resource === undefined ? '' : ` (${resource})`;
  const weighted = weight === 1000 ? '' : `, weight ${formatAmount(weight)}`;
  const turn =
    place === undefined ? `${of} take offers, it does not` : `${ordinal(place)} in turn of ${of}`;
  return `share ${formatPercent(used / total)}${dominant}${weighted}; ${turn}`;
}

function describeOffers({ outstanding, proposed, most }: ExplainedClient['offers']): string {
  const underWay = proposed > 0 ? `, ${proposed} under way` : '';
  const limit = most === undefined ? '' : `; at most ${most} at a time, since it let some expire`;
  return `${count(outstanding, 'unanswered offer')}${underWay}${limit}`;
}

function describeQuota({ of, resource, consumed, guarantee, limit }: QuotaStanding): string {
  const bounds = [
    ...(guarantee === undefined ? [] : [`${amount(resource, guarantee)} guaranteed`]),
    ...(limit === undefined ? [] : [`at most ${amount(resource, limit)}`]),
  ];
  return `quota of ${holder(of)}: ${amount(resource, consumed)} of ${resource} consumed, ${bounds.join(', ')}`;
}

/** "8 agents: 5 lack mem, best has 1.2 of 2 GiB; 2 fail zone=a; 1 draining". */
function describeNeed(need: ExplainedNeed, leftOut: LeftOutAgents): string[] {
  const { resources, constraints, revocable, open, suitable, reasons, nearest } = need;
  const where =
    constraints.length === 0 ? '' : ` where ${constraints.map(condition).join(' and ')}`;
  const what =
    open === undefined
      ? `it states no demand; the least that is offered: ${formatResources(resources)}`
      : `${count(open, 'task')} of ${formatResources(resources)}${where}${describeRevocableUse(revocable)}`;
  const others = Object.entries(leftOut);
  const agents = others.reduce((sum, [, number]) => sum + number, need.agents);
  const parts = [
    ...(suitable > 0 ? [`${suitable} would do`] : []),
    ...reasons.map(describeReason),
    ...others.map(([why, number]) => `${number} ${why}`),
  ];
  const lines = [`  ${what}`, `    ${count(agents, 'agent')}: ${parts.join('; ') || 'none'}`];
  if (nearest !== undefined) {
    const { agentId, hostname, resource, has, needed } = nearest;
    const amounts = outOf(resource, has, needed);
    lines.push(`    nearest: ${agentId} (${hostname}) has ${amounts} ${nameOf(nearest)}`);
  }
  return lines.map(shownText);
}

export function describeReason(reason: AgentReason): string {
  const { count: agents } = reason;
  const [fail, lack, are, have] =
    agents === 1 ? ['fails', 'lacks', 'is', 'has'] : ['fail', 'lack', 'are', 'have'];
  switch (reason.kind) {
    case 'constraint':
      return `${agents} ${fail} ${condition(reason.constraint)}`;
    case 'lacks':
      return `${agents} ${lack} ${nameOf(reason)}, best has ${outOf(reason.resource, reason.best, reason.needed)}`;
    case 'tooSmall':
      return `${agents} ${are} too small, most ${reason.resource} of any is ${outOf(reason.resource, reason.best, reason.needed)}`;
    case 'ports':
      return `${agents} ${have} those ports in use`;
    case 'nothingFree':
      return `${agents} ${have} nothing free`;
    case 'kept':
      return `${agents} ${are} kept for those for whom tasks there are taken back`;
    case 'limit':
      return `${agents} ${are} beyond the limit of ${holder(reason.of)}, which leaves ${roomOf(reason)}`;
    case 'headroom':
      return `${agents} ${are} held back for guarantees of others, which leave ${roomOf(reason)}`;
    case 'offerCap':
      return `${agents} ${are} too much beside its unanswered offers`;
    case 'standsBack':
      return `${agents} it left unused: it comes after all others there, until more than half of that is in use or nobody else takes anything`;
    case 'refused':
      return `${agents} ${are} declined${firstEnds(reason.endsInMs)}`;
    default:
      return unreachable(reason);
  }
}

const holder = (of: QuotaStanding['of']): string =>
  'role' in of ? `role ${of.role}` : `framework ${frameworkKey(of.framework)}`;

/** "1 of 3 cpus". */
const roomOf = ({ resource, best, needed }: Shortage): string =>
  `${outOf(resource, best, needed)} ${resource}`;

type Shortage = { readonly resource: string; readonly best: number; readonly needed: number };

const nameOf = ({
  resource,
  isRevocable,
}: Pick<NearestMiss, 'resource' | 'isRevocable'>): string =>
  isRevocable ? `revocable ${resource}` : resource;

function condition(constraint: Constraint): string {
  const { name } = constraint;
  switch (constraint.operator) {
    case 'exists':
      return `${name} exists`;
    case 'notExists':
      return `no ${name}`;
    case 'in':
      return list(name, '=', 'in', constraint.values);
    case 'notIn':
      return list(name, '!=', 'not in', constraint.values);
    case 'atLeast':
      return `${name}>=${constraint.value}`;
    case 'atMost':
      return `${name}<=${constraint.value}`;
    default:
      return unreachable(constraint);
  }
}

function list(name: string, sign: string, word: string, values: readonly string[]): string {
  return values.length === 1
    ? `${name}${sign}${values[0]}`
    : `${name} ${word} {${values.join(', ')}}`;
}

function nextRun({ nextRunInMs, openAgents, agents, overcommittedAgents }: Explained): string {
  const over =
    overcommittedAgents === 0
      ? ''
      : `, ${overcommittedAgents} ${overcommittedAgents === 1 ? 'has' : 'have'} less than what is held on it`;
  const free = `${openAgents} of ${count(agents, 'agent')} ${openAgents === 1 ? 'has' : 'have'} anything free${over}`;
  const next =
    nextRunInMs === undefined
      ? 'the allocator decides again when anything changes'
      : `the allocator decides again within ${formatDuration(nextRunInMs)}, and when anything changes`;
  return `${free}; ${next}\n`;
}

const firstEnds = (endsInMs: number): string =>
  `, the first refusal ends in ${formatDuration(endsInMs)}`;

const amount = (resource: string, value: number): string =>
  IN_MIB.has(resource) ? formatMemory(value) : formatAmount(value);

const GIB = 1_024_000;

/** "1.2 of 2 GiB", "0.5 of 2". */
function outOf(resource: string, has: number, needed: number): string {
  if (!IN_MIB.has(resource)) return `${formatAmount(has)} of ${formatAmount(needed)}`;
  if (needed < GIB) return `${formatAmount(has)} of ${formatMemory(needed)}`;
  const gib = (value: number): string =>
    String(Number((Math.floor((value / GIB) * 100) / 100).toFixed(2)));
  return `${gib(has)} of ${gib(needed)} GiB`;
}

const count = (number: number, noun: string): string =>
  `${number} ${noun}${number === 1 ? '' : 's'}`;

function ordinal(place: number): string {
  const lastTwo = place % 100;
  const suffix =
    lastTwo >= 11 && lastTwo <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][place % 10] ?? 'th');
  return `${place}${suffix}`;
}
