// Owns the picture of a cluster that commands show: agents, frameworks, tasks by state, what is allocated. Plain
// data, in thousandths of a unit as on the bus; making it from a followed state is in summarise.ts.

import type { RoleSummary } from '@parley/cluster/role-summary';
import type { TaskState } from '@parley/protocol/tasks';
import type { Amounts } from './metrics/utilisation.ts';

export type AgentSummary = {
  readonly agentId: string;
  readonly hostname: string;
  readonly state: string;
  /** Of its fault domain; undefined where it names none. */
  readonly region: string | undefined;
  readonly zone: string | undefined;
  /** An operator wants nothing offered of it. */
  readonly isDeactivated: boolean;
  /** Likewise, because it is to be emptied; undefined where it is not. */
  readonly drainReason: string | undefined;
  /** It was to be emptied, and nothing runs on it any more. */
  readonly isEmptied?: boolean;
  /** A maintenance window of it is near or under way. */
  readonly maintenance?: string | undefined;
  readonly total: Amounts;
  readonly allocated: Amounts;
  readonly offered: Amounts;
  /** Beside these: what it says may be offered as revocable, and what tasks have of it. */
  readonly revocable: { readonly total: Amounts; readonly allocated: Amounts };
  readonly tasks: number;
};

export type FrameworkSummary = {
  readonly principal: string;
  readonly frameworkId: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** Of those, the ones in which it wants no offers at present. */
  readonly suppressedRoles: readonly string[];
  readonly state: string;
  readonly outstandingOffers: number;
  readonly tasks: Readonly<Partial<Record<TaskState, number>>>;
  readonly allocated: Amounts;
  readonly dominantShare: { readonly share: number; readonly resource: string | undefined };
  /** Tasks that the framework said it could still use resources for. */
  readonly demandedTasks: number;
};

export type RebuiltSummary = {
  /** How the books were lost. */
  readonly kind: string;
  /** Milliseconds since 1970. */
  readonly wallTimeMs: number;
  /** Taken over from agents since. */
  readonly agents: number;
  readonly tasks: number;
  readonly executors: number;
  /** Agents that have not told yet what they have. */
  readonly awaitedAgents: number;
};

export type MaintenanceSummary = {
  readonly windowId: string;
  readonly state: string;
  readonly start: string;
  readonly durationMs: number;
  readonly noticeMs: number;
  readonly agents: readonly string[];
  /** Agents on which nothing runs any more. */
  readonly emptied: number;
  readonly reason: string;
  readonly by: string;
  /** Frameworks that were asked, by what they said. */
  readonly inverseOffers: {
    readonly accepted: number;
    readonly declined: number;
    readonly unanswered: number;
  };
};

export type ClusterSummary = {
  readonly cluster: string;
  readonly leader: { readonly masterId: string; readonly epoch: string } | undefined;
  readonly journalSequence: number;
  /** The last time that the books were lost and made anew; absent: never. */
  readonly rebuilt?: RebuiltSummary;
  readonly agents: readonly AgentSummary[];
  readonly frameworks: readonly FrameworkSummary[];
  readonly roles: readonly RoleSummary[];
  /** Windows that are not over. */
  readonly maintenance: readonly MaintenanceSummary[];
  readonly outstandingOffers: number;
  readonly total: Amounts;
  readonly allocated: Amounts;
};

/** In order of life; what is shown and in which order. */
const SHOWN_STATES: readonly TaskState[] = [
  'staging',
  'starting',
  'running',
  'killing',
  'unreachable',
  'finished',
  'failed',
  'killed',
  'error',
  'dropped',
  'gone',
];

export function describeTasks(tasks: FrameworkSummary['tasks']): string {
  const shown = SHOWN_STATES.filter((state) => (tasks[state] ?? 0) > 0);
  if (shown.length === 0) return 'no tasks';
  return shown.map((state) => `${state} ${tasks[state]}`).join(' ');
}

/** `registered`, `registered (deactivated)`, `registered (draining: a new kernel)`, `registered (drained)`. */
export function describeAgentState({
  state,
  isDeactivated,
  drainReason,
  isEmptied = false,
  maintenance,
}: Pick<
  AgentSummary,
  'state' | 'isDeactivated' | 'drainReason' | 'isEmptied' | 'maintenance'
>): string {
  if (drainReason !== undefined) {
    return `${state} (${isEmptied ? 'drained' : 'draining'}${drainReason === '' ? '' : `: ${drainReason}`})`;
  }
  if (maintenance !== undefined) {
    return `${state} (maintenance ${maintenance}${isEmptied ? ', drained' : ''})`;
  }
  return isDeactivated ? `${state} (deactivated)` : state;
}

/** `eng,ops (suppressed)`. */
export const describeRoles = ({
  roles,
  suppressedRoles,
}: Pick<FrameworkSummary, 'roles' | 'suppressedRoles'>): string =>
  roles.map((role) => (suppressedRoles.includes(role) ? `${role} (suppressed)` : role)).join(',');

/** CPUs with two decimals. */
export const formatCpus = (millis: number): string => (millis / 1000).toFixed(2);

/** Thousandths of a MiB, as MiB or GiB. */
export function formatMemory(milliMib: number): string {
  const mib = milliMib / 1000;
  return mib < 1024 ? `${Math.round(mib)} MiB` : `${(mib / 1024).toFixed(2)} GiB`;
}

/** Something that is there but too little to show is not shown as nothing. */
export const formatPercent = (fraction: number): string =>
  fraction > 0 && fraction < 0.005 ? '<1 %' : `${(fraction * 100).toFixed(0)} %`;

const UNITS = [
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const;

/** 830 ms, 4.2 s, 1.5 min, 1 h; what is past counts as now. */
export function formatDuration(milliseconds: number): string {
  const unit = UNITS.find(({ ms }) => milliseconds >= ms);
  if (unit === undefined) return `${Math.round(Math.max(0, milliseconds))} ms`;
  const amount = (milliseconds / unit.ms).toFixed(1).replace(/\.0$/, '');
  return `${amount} ${unit.name}`;
}

/** One framework in one line: tasks by state, what is allocated to it, its dominant share. */
export function frameworkLine(framework: FrameworkSummary, total: Amounts): string {
  const { allocated, dominantShare } = framework;
  const cpus = `${formatCpus(allocated['cpus'] ?? 0)}/${formatCpus(total['cpus'] ?? 0)} CPUs`;
  const memory = `${formatMemory(allocated['mem'] ?? 0)}/${formatMemory(total['mem'] ?? 0)}`;
  const resource = dominantShare.resource === undefined ? '' : ` (${dominantShare.resource})`;
  const share = `share ${formatPercent(dominantShare.share)}${resource}`;
  return `${framework.name.padEnd(10)} ${share.padEnd(18)} ${cpus}  ${memory}  ${describeTasks(framework.tasks)}`;
}
