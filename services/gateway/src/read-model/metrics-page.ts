// Owns /metrics/snapshot: what of Mesos's metrics can be told of a cluster that is led elsewhere, under Mesos's names.
// Counters of ended tasks and of offers are those of the frameworks' report cards, so each gateway tells the same.
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { CardRecord } from '@parley/cluster/records';
import { frameworkKey } from '@parley/protocol/ids';
import { MILLI } from '@parley/protocol/resources';
import { isActive as isOffered, isRegistered } from './agent-model.ts';
import { mesosFrameworkId } from './mesos-ids.ts';
import type { Model } from './model.ts';

export type Metrics = Record<string, number>;

/** Mesos tells of these whether there are any or not. */
const RESOURCES = ['cpus', 'gpus', 'mem', 'disk'] as const;
const LIVE_STATES = ['staging', 'starting', 'running', 'killing', 'unreachable'] as const;
const TERMINAL_STATES = ['finished', 'failed', 'killed', 'error', 'dropped', 'gone'] as const;

export function metricsOf(model: Model, nowWallMs: number): Metrics {
  return {
    'master/elected': 1,
    'master/uptime_secs': (nowWallMs - model.startedMs) / 1000,
    ...resourcesOf(model.state),
    ...agentsOf(model.state),
    ...frameworksOf(model.state),
    ...tasksOf(model.state),
    ...rolesOf(model.state),
    ...hostOf(),
  };
}

function resourcesOf({ books, agents }: ClusterState): Metrics {
  const metrics: Metrics = {};
  for (const name of RESOURCES) {
    put(metrics, name, books.total.get(name), books.allocated.get(name));
  }
  const taken = { total: new Map<string, number>(), used: new Map<string, number>() };
  for (const agent of agents.rows()) {
    if (!isRegistered(agent) || agent.revocable === undefined) continue;
    const used = books.agents.get(agent.agentId)?.revocable.allocated.toScalars() ?? {};
    for (const name of RESOURCES) {
      addTo(taken.total, name, agent.revocable.scalars[name] ?? 0);
      addTo(taken.used, name, used[name] ?? 0);
    }
  }
  for (const name of RESOURCES) {
    const total = taken.total.get(name) ?? 0;
    put(metrics, `${name}_revocable`, total, taken.used.get(name) ?? 0);
  }
  for (const name of RESOURCES) {
    const prefix = `allocator/mesos/resources/${name}`;
    metrics[`${prefix}/total`] = books.total.get(name) / MILLI;
  }
  return metrics;
}

function put(metrics: Metrics, name: string, total: number, used: number): void {
  metrics[`master/${name}_total`] = total / MILLI;
  metrics[`master/${name}_used`] = used / MILLI;
  metrics[`master/${name}_percent`] = total === 0 ? 0 : used / total;
}

const addTo = (sums: Map<string, number>, name: string, amount: number): void => {
  sums.set(name, (sums.get(name) ?? 0) + amount);
};

function agentsOf({ agents }: ClusterState): Metrics {
  const all = [...agents.rows()];
  const registered = all.filter(isRegistered);
  const active = registered.filter(isOffered).length;
  const unreachable = all.filter(({ state }) => state === 'unreachable').length;
  return {
    'master/slaves_active': active,
    'master/slaves_inactive': registered.length - active,
    'master/slaves_connected': registered.length,
    'master/slaves_disconnected': 0,
    'master/slaves_unreachable': unreachable,
  };
}

function frameworksOf(state: ClusterState): Metrics {
  const all = [...state.frameworks.rows()];
  const connected = all.filter((framework) => framework.state === 'subscribed').length;
  const away = all.filter((framework) => framework.state === 'disconnected').length;
  const metrics: Metrics = {
    'master/frameworks_active': connected,
    'master/frameworks_connected': connected,
    'master/frameworks_inactive': away,
    'master/frameworks_disconnected': away,
    'master/outstanding_offers': state.offers.size,
  };
  for (const { framework, name } of all) {
    const card = state.cards.get(frameworkKey(framework));
    if (card === undefined) continue;
    // The name may hold anything; Mesos encodes it likewise.
    const prefix = `master/frameworks/${encodeURIComponent(name)}.${mesosFrameworkId(framework)}`;
    Object.assign(metrics, cardOf(prefix, card));
  }
  return metrics;
}

function cardOf(prefix: string, card: CardRecord): Metrics {
  const metrics: Metrics = {
    [`${prefix}/offers/sent`]: card.offered,
    [`${prefix}/offers/accepted`]: card.accepted,
    [`${prefix}/offers/declined`]: card.declined,
    [`${prefix}/offers/rescinded`]: card.rescinded,
  };
  for (const state of TERMINAL_STATES) {
    metrics[`${prefix}/tasks/terminal/task_${state}`] = card.ended[state] ?? 0;
  }
  return metrics;
}

/** Of frameworks that are gone too, as long as their ids are not used again. */
function tasksOf({ tasks, cards }: ClusterState): Metrics {
  const live = new Map<string, number>();
  for (const { state } of tasks.rows()) addTo(live, state, 1);
  const ended = new Map<string, number>();
  for (const card of cards.rows()) {
    for (const [state, count] of Object.entries(card.ended)) addTo(ended, state, count);
  }
  const metrics: Metrics = { 'master/tasks_lost': 0 };
  for (const state of LIVE_STATES) metrics[`master/tasks_${state}`] = live.get(state) ?? 0;
  for (const state of TERMINAL_STATES) metrics[`master/tasks_${state}`] = ended.get(state) ?? 0;
  return metrics;
}

function rolesOf({ roleSettings, books }: ClusterState): Metrics {
  const metrics: Metrics = {};
  for (const { role, guarantee, limit } of roleSettings.rows()) {
    const book = books.roles.get(role);
    for (const name of new Set([...Object.keys(guarantee), ...Object.keys(limit)])) {
      const prefix = `allocator/mesos/quota/roles/${role}/resources/${name}`;
      const held = (book?.offered.get(name) ?? 0) + (book?.allocated.get(name) ?? 0);
      metrics[`${prefix}/offered_or_allocated`] = held / MILLI;
      metrics[`${prefix}/guarantee`] = (guarantee[name] ?? 0) / MILLI;
      if (limit[name] !== undefined) metrics[`${prefix}/limit`] = limit[name] / MILLI;
    }
  }
  return metrics;
}

/** Of the gateway's host, as Mesos tells of its master's. */
function hostOf(): Metrics {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  return {
    'system/cpus_total': cpus().length,
    'system/load_1min': one,
    'system/load_5min': five,
    'system/load_15min': fifteen,
    'system/mem_free_bytes': freemem(),
    'system/mem_total_bytes': totalmem(),
  };
}
