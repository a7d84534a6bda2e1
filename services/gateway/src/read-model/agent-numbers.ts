// Owns an agent's settings and gauges under the names of the flags and metrics of Mesos's agent that mean the same.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { AgentRecord } from '@parley/cluster/records';
import { MILLI } from '@parley/protocol/resources';
import { isRegistered } from './agent-model.ts';
import { isDefault, workOn } from './agent-work.ts';
import { mesosFrameworkId } from './mesos-ids.ts';
import { sumsOf } from './mesos-resources.ts';
import type { Metrics } from './metrics-page.ts';
import type { Model } from './model.ts';
import { partsUsedOn, wholeOfAgent } from './parts.ts';

const RESOURCES = ['cpus', 'gpus', 'mem', 'disk'] as const;
const STATES = ['staging', 'starting', 'running', 'killing'] as const;

export function agentFlags(agent: AgentRecord): Record<string, string> {
  const { hostname, attributes, domain } = agent;
  const shown = Object.entries(attributes).map(([name, value]) => `${name}:${value}`);
  const resources = Object.entries(sumsOf(wholeOfAgent(agent))).map(
    ([name, amount]) => `${name}:${amount}`,
  );
  return {
    hostname,
    resources: resources.join(';'),
    ...(shown.length > 0 && { attributes: shown.join(';') }),
    ...(domain !== undefined && {
      domain: JSON.stringify({
        fault_domain: { region: { name: domain.region }, zone: { name: domain.zone } },
      }),
    }),
  };
}

export function agentMetrics({ state }: Model, agent: AgentRecord): Metrics {
  const work = workOn(state, agent);
  const frameworks = new Set(work.map(({ framework }) => mesosFrameworkId(framework)));
  return {
    'slave/registered': isRegistered(agent) ? 1 : 0,
    ...resourcesOf(state, agent),
    'slave/frameworks_active': frameworks.size,
    'slave/executors_running': work.filter(({ executor }) => executor !== undefined).length,
    'containerizer/mesos/container_count': work.reduce(
      (count, each) => count + 1 + (isDefault(each) ? each.tasks.length : 0),
      0,
    ),
    ...tasksOf(work.flatMap(({ tasks }) => tasks)),
  };
}

function resourcesOf(state: ClusterState, agent: AgentRecord): Metrics {
  const used = partsUsedOn(state, agent.agentId);
  const metrics: Metrics = {};
  for (const name of RESOURCES) {
    const total = agent.total.scalars[name] ?? 0;
    const held = used
      .filter(({ isRevocable }) => isRevocable !== true)
      .reduce((sum, { resources }) => sum + (resources.scalars[name] ?? 0), 0);
    metrics[`slave/${name}_total`] = total / MILLI;
    metrics[`slave/${name}_used`] = held / MILLI;
    metrics[`slave/${name}_percent`] = total === 0 ? 0 : held / total;
  }
  return metrics;
}

function tasksOf(tasks: readonly { readonly state: string }[]): Metrics {
  const counts = STATES.map((name) => [
    `slave/tasks_${name}`,
    tasks.filter(({ state }) => state === name).length,
  ]);
  return Object.fromEntries(counts);
}
