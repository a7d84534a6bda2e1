// Owns making the picture that commands show from the followed state of a cluster. It only reads the state.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { FrameworkRecord } from '@parley/cluster/records';
import { frameworkKey } from '@parley/protocol/ids';
import type { TaskState } from '@parley/protocol/tasks';
import { dominantShare, shareAsNumber } from '@parley/resources/dominant-share';
import type { AgentSummary, ClusterSummary, FrameworkSummary } from './cluster-summary.ts';
import type { Amounts } from './metrics/utilisation.ts';

export type Followed = {
  readonly cluster: string;
  readonly state: ClusterState;
  readonly sequence: number;
};

export function summarise({ cluster, state, sequence }: Followed): ClusterSummary {
  const total = sumOf(agentsOf(state).map((agent) => (isCounted(agent) ? agent.total : {})));
  const allocated = sumOf(
    agentsOf(state).map((agent) => (isCounted(agent) ? agent.allocated : {})),
  );
  const { masterId, epoch } = state.record;
  return {
    cluster,
    leader:
      masterId === undefined
        ? undefined
        : { masterId, epoch: `${epoch.bucketCreatedMs}/${epoch.revision}` },
    journalSequence: sequence,
    agents: agentsOf(state),
    frameworks: frameworksOf(state, total),
    outstandingOffers: state.offers.size,
    total,
    allocated,
  };
}

/** An agent that is away counts neither with what it has nor with what runs on it. */
const isCounted = (agent: AgentSummary): boolean => agent.state === 'registered';

function agentsOf(state: ClusterState): AgentSummary[] {
  return [...state.agents.rows()].map((agent) => {
    const book = state.books.agents.get(agent.agentId);
    return {
      agentId: agent.agentId,
      hostname: agent.hostname,
      state: agent.state,
      total: agent.total.scalars,
      allocated: book?.allocated.scalars ?? {},
      offered: book?.offered.scalars ?? {},
      tasks: book?.tasks.size ?? 0,
    };
  });
}

function frameworksOf(state: ClusterState, total: Amounts): FrameworkSummary[] {
  const counts = countTasks(state);
  const held = heldBy(state);
  return [...state.frameworks.rows()].map((framework) => {
    const key = frameworkKey(framework.framework);
    const allocated = held.get(key) ?? {};
    const share = dominantShare({ ...allocated }, { ...total });
    return {
      ...framework.framework,
      name: framework.name,
      role: framework.role,
      state: framework.state,
      tasks: counts.get(key) ?? {},
      allocated,
      dominantShare: { share: shareAsNumber(share), resource: share.resource },
      demandedTasks: demandOf(framework),
    };
  });
}

const demandOf = (framework: FrameworkRecord): number =>
  framework.demand.reduce((sum, { count }) => sum + count, 0);

/** Live tasks, and those that ended lately, as far as the cluster remembers them. */
function countTasks(state: ClusterState): Map<string, Partial<Record<TaskState, number>>> {
  const counts = new Map<string, Partial<Record<TaskState, number>>>();
  for (const table of [state.tasks, state.ended]) {
    for (const { task, state: taskState } of table.rows()) {
      const key = frameworkKey(task);
      const of = counts.get(key) ?? {};
      of[taskState] = (of[taskState] ?? 0) + 1;
      counts.set(key, of);
    }
  }
  return counts;
}

function heldBy(state: ClusterState): Map<string, Amounts> {
  const held = new Map<string, Amounts[]>();
  for (const { task, resources } of state.tasks.rows()) {
    const key = frameworkKey(task);
    const list = held.get(key) ?? [];
    list.push(resources.scalars);
    held.set(key, list);
  }
  return new Map([...held].map(([key, list]) => [key, sumOf(list)]));
}

function sumOf(all: readonly Amounts[]): Amounts {
  const sum: Record<string, number> = {};
  for (const amounts of all) {
    for (const [name, amount] of Object.entries(amounts)) sum[name] = (sum[name] ?? 0) + amount;
  }
  return sum;
}
