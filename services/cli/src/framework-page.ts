// Owns how `parley framework inspect` reads on a screen. It decides nothing: all of it is in the report.
import { formatResources } from '@parley/resources/format';
import {
  describeRoles,
  describeTasks,
  formatCpus,
  formatDuration,
  formatMemory,
  formatPercent,
} from './cluster-summary.ts';
import type {
  FrameworkReport,
  HeldOffer,
  Needed,
  ReportCard,
  Standing,
} from './framework-report.ts';
import { formatTable } from './print.ts';
import { describeRevocableUse } from './revocable-words.ts';
import { describeShares } from './sharing-words.ts';
import { shownText } from './shown-text.ts';

export function describeFramework(report: FrameworkReport): string {
  const { standing, card } = report;
  const parts = [
    facts([['framework', report.framework], ['state', report.state], ...identity(standing)]),
    ...(standing === undefined ? [] : [demandTable(standing), offersTable(standing.offers)]),
    card === undefined ? 'nothing was counted of it\n' : describeCard(card),
    ...report.warnings.map((warning) => `warning: ${shownText(warning)}\n`),
  ];
  return parts.join('\n');
}

type Fact = readonly [string, string];

function facts(list: readonly Fact[]): string {
  const width = Math.max(...list.map(([name]) => name.length));
  return list.map(([name, value]) => `${name.padEnd(width)}  ${shownText(value)}\n`).join('');
}

function identity(standing: Standing | undefined): Fact[] {
  if (standing === undefined) return [];
  const { allocated, dominantShare, removedInMs } = standing;
  const resource = dominantShare.resource === undefined ? '' : ` (${dominantShare.resource})`;
  return [
    ['name', standing.name],
    ['roles', describeRoles(standing)],
    ['set for it', describeShares(standing.shares)],
    ['session', String(standing.session)],
    [
      'failover timeout',
      `${formatDuration(standing.failoverTimeoutMs)}${removedInMs === undefined ? '' : `; it is removed in ${formatDuration(removedInMs)}`}`,
    ],
    ['offer timeout', formatDuration(standing.offerTimeoutMs)],
    ['tasks', describeTasks(standing.tasks)],
    ['executors', String(standing.executors)],
    [
      'allocated',
      `${formatCpus(allocated['cpus'] ?? 0)} CPUs, ${formatMemory(allocated['mem'] ?? 0)}; share ${formatPercent(dominantShare.share)}${resource}`,
    ],
    [
      'events',
      `${standing.unacknowledgedEvents} not acknowledged, ${standing.droppedEvents} dropped`,
    ],
  ];
}

function demandTable({ demand }: Standing): string {
  if (demand === undefined) return 'it states no demand: it is offered what there is\n';
  if (demand.length === 0) return 'its demand is empty: it is offered nothing\n';
  return formatTable(['demand', 'role', 'of', 'where'], demand.map(needRow));
}

const needRow = ({ role, count, resources, constraints, revocable }: Needed) => ({
  demand: count === 1 ? '1 task' : `${count} tasks`,
  role,
  of: formatResources(resources) + describeRevocableUse(revocable),
  where: constraints.length === 0 ? 'anywhere' : JSON.stringify(constraints),
});

function offersTable(offers: readonly HeldOffer[]): string {
  if (offers.length === 0) return 'no offer is outstanding\n';
  const rows = offers.map((offer) => ({
    offer: offer.offerId,
    agent: offer.agentId,
    role: offer.role,
    held: formatDuration(offer.heldMs),
    expires: `in ${formatDuration(offer.expiresInMs)}`,
    resources: [
      formatResources(offer.resources),
      ...(offer.revocable ? [`revocable: ${formatResources(offer.revocable)}`] : []),
      ...offer.reservations.map(
        ({ reservationId, resources }) => `${reservationId}: ${formatResources(resources)}`,
      ),
    ].join('; '),
  }));
  return formatTable(['offer', 'agent', 'role', 'held', 'expires', 'resources'], rows);
}

function describeCard(card: ReportCard): string {
  const reasons = card.declineReasons.map(({ reason, count }) => `${reason} ${count}`).join(', ');
  const ended = Object.entries(card.ended).map(([state, count]) => `${state} ${count}`);
  const { medianTaskMs, clusterLaunchMs } = card;
  return `report card\n${facts([
    [
      '  offers',
      `${card.offered} made: ${card.accepted} accepted, ${card.declined} declined, ${card.expired} expired (${card.ignored} of them ignored), ${card.rescinded} rescinded`,
    ],
    ['  accept ratio', percentOr(card.acceptRatio)],
    ['  share of declined', percentOr(card.declinedShare)],
    ['  reasons', reasons === '' ? 'none were given' : reasons],
    [
      '  mean holding time',
      card.meanHoldingMs === undefined
        ? 'no offer was answered yet'
        : formatDuration(card.meanHoldingMs),
    ],
    [
      '  tasks',
      `${card.launched} launched; ended: ${ended.length === 0 ? 'none' : ended.join(', ')}`,
    ],
    [
      '  median task',
      medianTaskMs === undefined ? 'none has ended yet' : `below ${formatDuration(medianTaskMs)}`,
    ],
    [
      '  launch here',
      clusterLaunchMs === undefined
        ? 'not measured yet'
        : `below ${formatDuration(clusterLaunchMs)} (median of all frameworks)`,
    ],
  ])}`;
}

const percentOr = (fraction: number | undefined): string =>
  fraction === undefined ? 'no offer was answered yet' : formatPercent(fraction);
