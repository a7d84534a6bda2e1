// Owns what differs between two moments: agents, frameworks, tasks, and what is set about sharing. What both have alike is
// left out; of tasks the changes on the way are told too, since one may begin and end in between.
import { canonical } from '@parley/cluster/canonical-hash';
import { clusterShare } from '@parley/cluster/cluster-share';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { roleSharesOf, sharesOf } from '@parley/cluster/shares';
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import type { TaskState } from '@parley/protocol/tasks';
import { shareAsNumber } from '@parley/resources/dominant-share';

/** Plain data that is compared field by field. */
type Facts = Readonly<Record<string, unknown>>;
type FactsByKey = ReadonlyMap<string, Facts>;

/** What of a state is compared, taken before it moves on. */
export type Picture = {
  readonly leader: Facts;
  readonly agents: FactsByKey;
  readonly frameworks: FactsByKey;
  readonly shares: FactsByKey;
};

/** `before` or `after` undefined: it was not there, or is no more. Otherwise only the fields that differ. */
export type Change = {
  readonly key: string;
  readonly before: Facts | undefined;
  readonly after: Facts | undefined;
};

export type TaskChange = {
  readonly task: string;
  readonly agentId: string;
  readonly before: TaskState | undefined;
  /** In order; the last is what it was at the later moment. */
  readonly states: readonly TaskState[];
};

export type Difference = {
  readonly leader: Change | undefined;
  readonly agents: readonly Change[];
  readonly frameworks: readonly Change[];
  readonly tasks: readonly TaskChange[];
  readonly shares: readonly Change[];
};

export function pictureOf(state: ClusterState): Picture {
  const { masterId, epoch } = state.record;
  return {
    leader: { masterId, epoch: `${epoch.bucketCreatedMs}/${epoch.revision}` },
    agents: new Map(
      [...state.agents.rows()].map((agent) => [agent.agentId, agentFacts(state, agent)]),
    ),
    frameworks: new Map(
      [...state.frameworks.rows()].map((one) => [
        frameworkKey(one.framework),
        frameworkFacts(state, one),
      ]),
    ),
    shares: sharesFacts(state),
  };
}

type AgentRow = Parameters<ClusterState['agents']['put']>[1];
type FrameworkRow = Parameters<ClusterState['frameworks']['put']>[1];

function agentFacts(state: ClusterState, agent: AgentRow): Facts {
  const book = state.books.agents.get(agent.agentId);
  return {
    state: agent.state,
    hostname: agent.hostname,
    total: agent.total.scalars,
    allocated: book?.used.toScalars() ?? {},
    tasks: book?.tasks.size ?? 0,
    deactivated: agent.isDeactivated,
    draining: agent.draining?.reason,
    ...(agent.isEmptied === true && { drained: true }),
  };
}

function frameworkFacts(state: ClusterState, record: FrameworkRow): Facts {
  const book = state.books.frameworks.get(frameworkKey(record.framework));
  const allocated = book?.allocated.toScalars() ?? {};
  const share = clusterShare(state, allocated);
  return {
    name: record.name,
    state: record.state,
    session: record.session,
    roles: record.roles.map(({ role, isSuppressed }) =>
      isSuppressed ? `${role} (suppressed)` : role,
    ),
    liveTasks: book?.tasks.size ?? 0,
    offers: book?.offers.size ?? 0,
    allocated,
    share: shareAsNumber(share),
  };
}

function sharesFacts(state: ClusterState): FactsByKey {
  const shares = new Map<string, Facts>();
  for (const record of state.roleSettings.rows()) {
    shares.set(`role ${record.role}`, { ...roleSharesOf(record), by: record.by });
  }
  for (const record of state.frameworkSettings.rows()) {
    const key = `framework ${frameworkKey(record.framework)}`;
    shares.set(key, { ...sharesOf(record), by: record.by });
  }
  return shares;
}

/** Every change of state is an event, so nothing else needs to be looked at. */
export class TaskChanges {
  readonly #tasks = new Map<
    string,
    { agentId: string; before: TaskState | undefined; states: TaskState[] }
  >();

  apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'event' || effect.event.type !== 'taskStateChanged') continue;
      const { task, agentId, from, to } = effect.event;
      const known = this.#tasks.get(taskKey(task));
      if (known === undefined)
        this.#tasks.set(taskKey(task), { agentId, before: from, states: [to] });
      else known.states.push(to);
    }
  }

  list(): TaskChange[] {
    return [...this.#tasks].map(([task, change]) => ({ task, ...change }));
  }
}

export function differenceOf(
  before: Picture,
  after: Picture,
  tasks: readonly TaskChange[],
): Difference {
  const leader = changeOf('leader', before.leader, after.leader);
  return {
    leader,
    agents: changesOf(before.agents, after.agents),
    frameworks: changesOf(before.frameworks, after.frameworks),
    tasks,
    shares: changesOf(before.shares, after.shares),
  };
}

function changesOf(before: FactsByKey, after: FactsByKey): Change[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((key) => changeOf(key, before.get(key), after.get(key)) ?? []);
}

function changeOf(
  key: string,
  before: Facts | undefined,
  after: Facts | undefined,
): Change | undefined {
  if (before === undefined || after === undefined) return { key, before, after };
  const differing = Object.keys({ ...before, ...after }).filter(
    (name) => canonical({ value: before[name] }) !== canonical({ value: after[name] }),
  );
  if (differing.length === 0) return undefined;
  const only = (facts: Facts): Facts =>
    Object.fromEntries(differing.map((name) => [name, facts[name]]));
  return { key, before: only(before), after: only(after) };
}
