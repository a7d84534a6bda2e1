// Owns /slave(N)/state: an agent with what runs on it, as Mesos's agents tell it themselves. Ours have no server: it is told
// out of the books, and the sandboxes it names are those of tasks (operator/sandbox-paths.ts).
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { AgentRecord } from '@parley/cluster/records';
import { frameworkKey } from '@parley/protocol/ids';
import { sandboxDirectory } from '../operator/sandbox-paths.ts';
import { addressOf, agentNumber, agentSummary } from './agent-model.ts';
import { agentFlags } from './agent-numbers.ts';
import { type Work, workOn } from './agent-work.ts';
import { mesosFrameworkId } from './mesos-ids.ts';
import { sumsOf } from './mesos-resources.ts';
import type { Model } from './model.ts';
import { taskPage } from './task-model.ts';

/** By the number between the brackets; `own` is `slave(1)` too, at the gateway of one agent. */
export function agentOfNumber(
  state: ClusterState,
  number: string,
  own: string | undefined,
): AgentRecord | undefined {
  if (own !== undefined && number === '1') return state.agents.get(own);
  for (const agent of state.agents.rows()) {
    if (String(agentNumber(agent.agentId)) === number) return agent;
  }
  return undefined;
}

export function agentStatePage(model: Model, agent: AgentRecord) {
  const { state, place } = model;
  const byFramework = Map.groupBy(workOn(state, agent), ({ framework }) =>
    mesosFrameworkId(framework),
  );
  return {
    ...agentSummary(model, agent),
    master_hostname: place.ip,
    master_pid: `master@${addressOf(place)}`,
    flags: agentFlags(agent),
    frameworks: [...byFramework].map(([id, own]) => ({
      id,
      name: nameOf(state, own[0]),
      executors: own.map((work) => executorOf(state, agent, work)),
      completed_executors: [],
    })),
    completed_frameworks: [],
  };
}

const nameOf = (state: ClusterState, work: Work | undefined): string =>
  (work && state.frameworks.get(frameworkKey(work.framework))?.name) ?? '';

function executorOf(state: ClusterState, { agentId }: AgentRecord, work: Work) {
  const { executorId, name, containerId, parts, tasks } = work;
  const [first] = tasks;
  return {
    id: executorId,
    name,
    source: executorId,
    container: containerId,
    directory: first === undefined ? '' : sandboxDirectory(agentId, first.task),
    resources: sumsOf(parts),
    tasks: tasks.map((task) => ({
      ...taskPage(state, task),
      directory: sandboxDirectory(agentId, task.task),
    })),
    completed_tasks: [],
    queued_tasks: [],
  };
}
