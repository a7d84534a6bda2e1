// Owns the view of a state: what the followed books hold at one moment. Only the gateway and tests read it, not the page.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { AgentRecord, ReservedPart } from '@parley/cluster/records';
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { executorRowKey } from './apply.ts';
import { countTask, hold, offer } from './holdings.ts';
import { setRole } from './role-rows.ts';
import {
  type AgentRow,
  type Amounts,
  emptyView,
  type Moment,
  plus,
  type TaskRow,
  type View,
} from './view.ts';

/** `moment`: of the last event that the state has seen. */
export function viewOf(state: ClusterState, moment: Moment): View {
  const view = emptyView();
  view.moment = moment;
  view.leader = state.record.masterId;
  putAgents(view, state);
  putFrameworks(view, state);
  putTasks(view, state);
  putOffers(view, state);
  for (const { role, weight, guarantee, limit } of state.roleSettings.rows())
    setRole(view, { role, weight, guarantee, limit });
  for (const agent of view.agents.values()) {
    if (agent.state !== 'registered') continue;
    view.total = plus(view.total, agent.total);
  }
  return view;
}

function putAgents(view: View, state: ClusterState): void {
  for (const record of state.agents.rows()) {
    if (record.state !== 'registered' && record.state !== 'unreachable') continue;
    const { agentId, hostname, total } = record;
    view.agents.set(agentId, {
      ...{ agentId, hostname, state: record.state, condition: conditionOf(record) },
      ...{ total: total.scalars, allocated: {}, offered: {}, tasks: 0 },
    });
  }
}

function conditionOf({ draining, isDeactivated }: AgentRecord): AgentRow['condition'] {
  if (draining !== undefined) return 'draining';
  return isDeactivated ? 'deactivated' : 'active';
}

function putFrameworks(view: View, state: ClusterState): void {
  for (const record of state.frameworks.rows()) {
    const { framework, name, roles, rampUpMs, subscribedAtMs } = record;
    if (record.state !== 'subscribed' && record.state !== 'disconnected') continue;
    view.frameworks.set(frameworkKey(framework), {
      ...{ ...framework, name, roles: roles.map(({ role }) => role), state: record.state },
      ...{ allocated: {}, offers: 0, tasks: {}, submittedAtMs: subscribedAtMs },
      ...(rampUpMs !== undefined && { rampUpMs }),
    });
  }
}

function putTasks(view: View, state: ClusterState): void {
  for (const record of state.tasks.rows()) {
    const { task, name, agentId, launchedAtMs, reason, message } = record;
    const row: TaskRow = {
      ...{ ...task, name, agentId, state: record.state, launchedAtMs },
      resources: amountsOf(record),
      ...(reason !== undefined && { reason }),
      ...(message !== undefined && { message }),
    };
    view.tasks.set(taskKey(task), row);
    hold(view, row, 1);
    countTask(view, row, undefined);
  }
  for (const { executor, agentId, resources } of state.executors.rows()) {
    const row = { ...executor, agentId, resources: resources.scalars };
    view.executors.set(executorRowKey(row), row);
    hold(view, row, 1);
  }
}

function putOffers(view: View, state: ClusterState): void {
  for (const record of state.offers.rows()) {
    const { offerId, framework, role, agentId, madeAtMs } = record;
    const row = { offerId, ...framework, role, agentId, resources: amountsOf(record), madeAtMs };
    view.offers.set(offerId, row);
    offer(view, row, 1);
  }
}

type Parts = {
  readonly resources: Resources;
  readonly reserved: readonly ReservedPart[];
};

/** Not reserved, and of each reservation; what may be taken back at any time is not in it. */
const amountsOf = ({ resources, reserved }: Parts): Amounts =>
  reserved.reduce<Amounts>((sum, part) => plus(sum, part.resources.scalars), resources.scalars);
