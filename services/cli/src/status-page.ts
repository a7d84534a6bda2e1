// Owns how a cluster's status reads on a screen, now or at a moment of the past.
import { agentTable } from './agent-table.ts';
import {
  type ClusterSummary,
  describeRoles,
  describeTasks,
  formatCpus,
  formatMemory,
  formatPercent,
} from './cluster-summary.ts';
import { ROLE_COLUMNS, roleRow } from './commands/sharing-lists.ts';
import { maintenanceTable } from './maintenance-report.ts';
import { formatTable } from './print.ts';
import type { StatusMetrics } from './status-metrics.ts';

export function describeStatus(summary: ClusterSummary, metrics: StatusMetrics): string {
  const { leader, total, allocated } = summary;
  const parts = [
    `cluster ${summary.cluster}: ${leader === undefined ? 'no leader yet' : `led by ${leader.masterId}, epoch ${leader.epoch}`}, journal at ${summary.journalSequence}`,
    `allocated ${formatCpus(allocated['cpus'] ?? 0)} of ${formatCpus(total['cpus'] ?? 0)} CPUs, ` +
      `${formatMemory(allocated['mem'] ?? 0)} of ${formatMemory(total['mem'] ?? 0)}; ${summary.outstandingOffers} offers outstanding`,
    ...rebuiltLine(summary),
    '',
    agentTable(summary.agents),
    frameworksTable(summary),
    rolesTable(summary),
    maintenanceTable(summary.maintenance),
    metricsTable(metrics),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

function rebuiltLine({ rebuilt }: ClusterSummary): string[] {
  if (rebuilt === undefined) return [];
  const { kind, wallTimeMs, tasks, executors, agents, awaitedAgents } = rebuilt;
  const at = new Date(wallTimeMs).toISOString();
  return [
    `the books were lost (${kind}) and made anew at ${at}: ${tasks} tasks and ${executors} executors of ` +
      `${agents} agents taken over; ${awaitedAgents} agents have not told yet what they have`,
  ];
}

function frameworksTable({ frameworks }: ClusterSummary): string {
  if (frameworks.length === 0) return 'no framework is subscribed\n';
  return formatTable(
    ['framework', 'name', 'roles', 'state', 'share', 'tasks'],
    frameworks.map((framework) => ({
      framework: `${framework.principal}/${framework.frameworkId}`,
      name: framework.name,
      roles: describeRoles(framework),
      state: framework.state,
      share: formatPercent(framework.dominantShare.share),
      tasks: describeTasks(framework.tasks),
    })),
  );
}

function rolesTable({ roles }: ClusterSummary): string {
  if (roles.length === 0) return '';
  return formatTable([...ROLE_COLUMNS], roles.map(roleRow));
}

function metricsTable({ jobs, utilisation }: StatusMetrics): string {
  const lines = utilisation.map(
    ({ resource, allocated }) =>
      `utilisation of ${resource}: allocated ${formatPercent(allocated)}`,
  );
  if (jobs.length === 0) return lines.join('\n');
  const rows = jobs.slice(-20).map((job) => ({
    job: `${job.framework.principal}/${job.framework.frameworkId}`,
    'ramp-up': seconds(job.rampUpMs),
    completion: seconds(job.completionMs),
    'ended tasks': job.endedTasks,
  }));
  return `${formatTable(['job', 'ramp-up', 'completion', 'ended tasks'], rows)}\n${lines.join('\n')}`;
}

const seconds = (milliseconds: number | undefined): string =>
  milliseconds === undefined ? '-' : `${(milliseconds / 1000).toFixed(1)} s`;
