// Owns what there is to know of one role, out of the followed state and its history, and how it reads on a screen.
import type { ClusterState } from '@parley/cluster/cluster-state';
import {
  consumedBy,
  type FrameworkShares,
  frameworkSharesOf,
  type RoleSummary,
  roleOf,
} from '@parley/cluster/role-summary';
import { knownRoles } from '@parley/cluster/role-uses';
import { pathOf } from '@parley/cluster/roles';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import type { RoleName } from '@parley/protocol/ids';
import { formatResources } from '@parley/resources/format';
import { equals } from '@parley/resources/resources';
import { formatDuration, formatPercent } from './cluster-summary.ts';
import { CommandFailure, EXIT } from './command-failure.ts';
import type { Amounts } from './metrics/utilisation.ts';
import { formatTable } from './print.ts';
import { describeAmounts, describeChange, describeWeight } from './sharing-words.ts';
import { shownText } from './shown-text.ts';

export type RoleReport = Omit<RoleSummary, 'frameworks'> & {
  /** Allocated, offered, and reserved without being in use: what its limit is compared with. */
  readonly consumed: Amounts;
  /** Who set something of it last, and when by the wall clock; undefined: nothing is set. */
  readonly set: { readonly operator: string; readonly at: string } | undefined;
  /** The nearest first; their limits hold for it, too. */
  readonly above: readonly {
    readonly role: RoleName;
    readonly limit: Amounts;
    readonly consumed: Amounts;
  }[];
  readonly frameworks: readonly FrameworkShares[];
  /** Oldest first, as far back as the journal is kept. */
  readonly changes: readonly {
    readonly journalSequence: number;
    /** An operator; of reservations also a framework, `alice/web`. */
    readonly operator: string;
    /** Core milliseconds until now. */
    readonly agoMs: number;
    readonly change: string;
  }[];
};

/** Throws `notFound` for a role that nobody uses and for which nothing is set. */
export function reportRole(
  state: ClusterState,
  role: RoleName,
  events: readonly NumberedEvent[],
): RoleReport {
  if (!knownRoles(state).includes(role)) throw unknownRole(state, role);
  const summary = roleOf(state, role);
  const record = state.roleSettings.get(role);
  return {
    ...summary,
    consumed: consumedBy(summary),
    set: record && {
      operator: record.by,
      at: new Date(record.changedWallTimeMs).toISOString(),
    },
    above: pathOf(role)
      .slice(1)
      .map((one) => roleOf(state, one))
      .map((one) => ({ role: one.role, limit: one.limit, consumed: consumedBy(one) })),
    frameworks: summary.frameworks.map((key) => frameworkSharesOf(state, key)),
    changes: changesOf(state, role, events),
  };
}

function unknownRole(state: ClusterState, role: RoleName): CommandFailure {
  return new CommandFailure(EXIT.notFound, {
    what: `there is no role ${role}`,
    why: `no framework uses it, and nothing is set for it; there are: ${namesOf(knownRoles(state))}`,
    remedy: 'see "parley role list"',
  });
}

const MAX_NAMES = 20;

/** `eng, eng/ads, ops`; a long list is cut. */
export function namesOf(roles: readonly RoleName[]): string {
  if (roles.length === 0) return 'none';
  const shown = roles.slice(0, MAX_NAMES).join(', ');
  return roles.length > MAX_NAMES ? `${shown} and ${roles.length - MAX_NAMES} more` : shown;
}

function changesOf(
  state: ClusterState,
  role: RoleName,
  events: readonly NumberedEvent[],
): RoleReport['changes'] {
  return events.flatMap(({ sequence, coreTimeMs, event }) => {
    const told = changeIn(event, role);
    if (told === undefined) return [];
    const agoMs = Math.max(0, state.record.coreTimeMs - coreTimeMs);
    return [{ journalSequence: sequence, agoMs, ...told }];
  });
}

/** Undefined: the event changed nothing that is set for the role. */
function changeIn(
  event: NumberedEvent['event'],
  role: RoleName,
): { readonly operator: string; readonly change: string } | undefined {
  if (event.type === 'roleSharesChanged' && event.role === role) {
    return { operator: event.operator, change: describeChange(event.before, event.after) };
  }
  if (event.type !== 'reservationChanged' || event.role !== role) return undefined;
  const { agentId, reservationId, before, resources, by } = event;
  if (equals(before, resources)) return undefined;
  const amounts = [before, resources].map((one) => formatResources(one)).join(' -> ');
  const change = `reservation ${reservationId} on ${agentId}: ${amounts}`;
  return { operator: by.replace(/^operator:/, ''), change };
}

export function describeRole(report: RoleReport): string {
  const { dominantShare, set } = report;
  const resource = dominantShare.resource === undefined ? '' : ` (${dominantShare.resource})`;
  const lines: [string, string][] = [
    ['role', report.role],
    ['weight', describeWeight(report.weight)],
    ['guarantee', describeAmounts(report.guarantee, 'none')],
    ['limit', describeAmounts(report.limit, 'none')],
    ['allocated', describeAmounts(report.allocated, 'nothing')],
    ['offered', describeAmounts(report.offered, 'nothing')],
    ['reserved', `${describeAmounts(report.reserved, 'nothing')} without being in use`],
    ['together', `${describeAmounts(report.consumed, 'nothing')}: what the limit is about`],
    ['share', `${formatPercent(dominantShare.share)}${resource}`],
    ['least offer', describeAmounts(report.minAllocatable ?? {}, "the cluster's")],
    ['placement', report.placement ?? "the cluster's"],
    ['set', set === undefined ? 'nothing' : `last by ${set.operator} at ${set.at}`],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const parts = [
    lines.map(([name, value]) => `${name.padEnd(width)}  ${shownText(value)}\n`).join(''),
    aboveTable(report),
    frameworksTable(report),
    changesTable(report),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function aboveTable({ above }: RoleReport): string {
  const limited = above.filter(({ limit }) => Object.keys(limit).length > 0);
  if (limited.length === 0) return '';
  return formatTable(
    ['limit above', 'limit', 'has'],
    limited.map(({ role, limit, consumed }) => ({
      'limit above': role,
      limit: describeAmounts(limit),
      has: describeAmounts(consumed),
    })),
  );
}

function frameworksTable({ frameworks }: RoleReport): string {
  if (frameworks.length === 0) return 'no framework is in it or below it\n';
  return formatTable(
    ['framework', 'weight', 'guarantee', 'limit', 'has'],
    frameworks.map((one) => ({
      framework: one.framework,
      weight: describeWeight(one.weight),
      guarantee: describeAmounts(one.guarantee),
      limit: describeAmounts(one.limit),
      has: describeAmounts(one.held),
    })),
  );
}

function changesTable({ changes }: RoleReport): string {
  if (changes.length === 0) return '';
  return formatTable(
    ['changed', 'by', 'what'],
    changes.map(({ agoMs, operator, change }) => ({
      changed: `${formatDuration(agoMs)} ago`,
      by: operator,
      what: change,
    })),
  );
}
