// Owns making the picture that commands show from the followed state of a cluster. It only reads the state.
import { clusterShare } from '@parley/cluster/cluster-share';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { FrameworkRecord, ReservedPart } from '@parley/cluster/records';
import { rolesOf } from '@parley/cluster/role-summary';
import type { Followed } from '@parley/operator-sdk/operator-link';
import { type AgentId, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { TaskState } from '@parley/protocol/tasks';
import { shareAsNumber } from '@parley/resources/dominant-share';
import type {
  AgentSummary,
  ClusterSummary,
  FrameworkSummary,
  RebuiltSummary,
} from './cluster-summary.ts';
import { maintenanceOf } from './maintenance-report.ts';
import type { Amounts } from './metrics/utilisation.ts';

export function summarise({ cluster, state, sequence }: Followed): ClusterSummary {
  const agents = agentsOf(state);
  // An agent that is away counts neither with what it has nor with what runs on it.
  const counted = agents.filter((agent) => agent.state === 'registered');
  const total = sumOf(counted.map((agent) => agent.total));
  const allocated = sumOf(counted.map((agent) => agent.allocated));
  const { masterId, epoch } = state.record;
  const rebuilt = rebuiltOf(state);
  return {
    cluster,
    leader:
      masterId === undefined
        ? undefined
        : { masterId, epoch: `${epoch.bucketCreatedMs}/${epoch.revision}` },
    journalSequence: sequence,
    ...(rebuilt && { rebuilt }),
    agents,
    frameworks: frameworksOf(state, total),
    roles: rolesOf(state),
    maintenance: maintenanceOf(state),
    outstandingOffers: state.offers.size,
    total,
    allocated,
  };
}

function rebuiltOf(state: ClusterState): RebuiltSummary | undefined {
  const { rebuilt } = state.record;
  if (rebuilt === undefined) return undefined;
  const { kind, wallTimeMs, agents, tasks, executors } = rebuilt;
  const awaited = [...state.agents.rows()].filter(({ isRecovering }) => isRecovering === true);
  return { kind, wallTimeMs, agents, tasks, executors, awaitedAgents: awaited.length };
}

function agentsOf(state: ClusterState): AgentSummary[] {
  const allocated = sumsBy(allocations(state), ({ agentId }) => agentId);
  const offered = sumsBy(state.offers.rows(), ({ agentId }) => agentId);
  return [...state.agents.rows()].map((agent) => ({
    agentId: agent.agentId,
    hostname: agent.hostname,
    state: agent.state,
    region: agent.domain?.region,
    zone: agent.domain?.zone,
    isDeactivated: agent.isDeactivated,
    drainReason: agent.draining?.reason,
    isEmptied: agent.isEmptied === true,
    maintenance: agent.maintenance?.windowId,
    total: agent.total.scalars,
    allocated: allocated.get(agent.agentId) ?? {},
    offered: offered.get(agent.agentId) ?? {},
    revocable: {
      total: agent.revocable?.scalars ?? {},
      allocated: state.books.agents.get(agent.agentId)?.revocable.allocated.toScalars() ?? {},
    },
    tasks: state.books.agents.get(agent.agentId)?.tasks.size ?? 0,
  }));
}

function frameworksOf(state: ClusterState, total: Amounts): FrameworkSummary[] {
  const counts = countTasks(state);
  const held = sumsBy(allocations(state), ({ framework }) => frameworkKey(framework));
  return [...state.frameworks.rows()].map((framework) => {
    const key = frameworkKey(framework.framework);
    const allocated = held.get(key) ?? {};
    const share = clusterShare(state, allocated, total);
    const suppressed = framework.roles.filter(({ isSuppressed }) => isSuppressed);
    return {
      ...framework.framework,
      name: framework.name,
      roles: framework.roles.map(({ role }) => role),
      suppressedRoles: suppressed.map(({ role }) => role),
      state: framework.state,
      outstandingOffers: state.books.frameworks.get(key)?.offers.size ?? 0,
      tasks: counts.get(key) ?? {},
      allocated,
      dominantShare: { share: shareAsNumber(share), resource: share.resource },
      demandedTasks: demandOf(framework),
    };
  });
}

const demandOf = (framework: FrameworkRecord): number =>
  (framework.demand ?? []).reduce((sum, { count }) => sum + count, 0);

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

type Holding = {
  readonly agentId: AgentId;
  readonly resources: Resources;
  readonly reserved: readonly ReservedPart[];
};
type Allocation = Holding & { readonly framework: FrameworkRef };

/** What tasks and executors hold, of what is reserved as well as of what is not. */
function* allocations(state: ClusterState): Generator<Allocation> {
  for (const { task, agentId, resources, reserved } of state.tasks.rows())
    yield { framework: task, agentId, resources, reserved };
  for (const { executor, agentId, resources } of state.executors.rows())
    yield { framework: executor, agentId, resources, reserved: [] };
}

/** Adds up, over what has the same key. */
function sumsBy<One extends Pick<Holding, 'resources' | 'reserved'>>(
  all: Iterable<One>,
  keyOf: (one: One) => string,
): Map<string, Amounts> {
  const parts = new Map<string, Amounts[]>();
  for (const one of all) {
    const list = parts.get(keyOf(one)) ?? [];
    list.push(...amountsOf(one));
    parts.set(keyOf(one), list);
  }
  return new Map([...parts].map(([key, list]) => [key, sumOf(list)]));
}

/** In parts: not reserved, and of each reservation. */
export const amountsOf = ({
  resources,
  reserved,
}: Pick<Holding, 'resources' | 'reserved'>): Amounts[] => [
  resources.scalars,
  ...reserved.map((part) => part.resources.scalars),
];

export function sumOf(all: readonly Amounts[]): Amounts {
  const sum: Record<string, number> = {};
  for (const amounts of all) {
    for (const [name, amount] of Object.entries(amounts)) sum[name] = (sum[name] ?? 0) + amount;
  }
  return sum;
}
