// Owns `parley status`: one picture of the cluster from snapshot and journal, its metrics included.

import { agentTable } from '../agent-table.ts';
import {
  type ClusterSummary,
  describeRoles,
  describeTasks,
  formatCpus,
  formatMemory,
  formatPercent,
} from '../cluster-summary.ts';
import type { Surroundings } from '../config.ts';
import { withOperator } from '../operator-link.ts';
import { formatTable, printJson } from '../print.ts';
import { readMetrics, type StatusMetrics } from '../status-metrics.ts';
import { summarise } from '../summarise.ts';
import { currentContext } from './context.ts';
import { ROLE_COLUMNS, roleRow } from './sharing-lists.ts';

export async function statusCommand(
  surroundings: Surroundings,
  named: string | undefined,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const { summary, metrics } = await withOperator(context, async (link) => {
    const history = await link.loadWithHistory();
    return { summary: summarise(history), metrics: readMetrics(history) };
  });
  if (json) printJson({ ...summary, metrics });
  else process.stdout.write(describeStatus(summary, metrics));
}

function describeStatus(summary: ClusterSummary, metrics: StatusMetrics): string {
  const { leader, total, allocated } = summary;
  const parts = [
    `cluster ${summary.cluster}: ${leader === undefined ? 'no leader yet' : `led by ${leader.masterId}, epoch ${leader.epoch}`}, journal at ${summary.journalSequence}`,
    `allocated ${formatCpus(allocated['cpus'] ?? 0)} of ${formatCpus(total['cpus'] ?? 0)} CPUs, ` +
      `${formatMemory(allocated['mem'] ?? 0)} of ${formatMemory(total['mem'] ?? 0)}; ${summary.outstandingOffers} offers outstanding`,
    '',
    agentTable(summary.agents),
    frameworksTable(summary),
    rolesTable(summary),
    metricsTable(metrics),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
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
