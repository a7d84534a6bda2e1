// Owns what an event does to a view: the one fold that the gateway, the page and the time machine share. It changes the view in
// place; rows are replaced, never changed, so whoever compares by identity sees which are new. Pure; runs in a browser.
import type { ClusterEvent } from '@parley/cluster/events';
import type { FrameworkRef, TaskRef } from '@parley/protocol/ids';
import { isTerminalState } from '@parley/protocol/terminal-states';
import {
  answered,
  type FrameworkDeeds,
  NO_DEEDS,
  type Outcome,
  wasOffered,
} from './framework-deeds.ts';
import { countTask, hold, offer } from './holdings.ts';
import { changeRole } from './role-rows.ts';
import {
  type AgentRow,
  type ExecutorRow,
  type FrameworkRow,
  MAX_ENDED_FRAMEWORKS,
  type Moment,
  plus,
  putBounded,
  type TaskRow,
  type View,
} from './view.ts';

/** As ids.ts writes them, without its schemas: this runs in a browser. */
const frameworkKey = ({ principal, frameworkId }: FrameworkRef): string =>
  `${principal}/${frameworkId}`;
const taskKey = (task: TaskRef): string => `${frameworkKey(task)}/${task.taskId}`;

type EventOf<Type extends ClusterEvent['type']> = Extract<ClusterEvent, { type: Type }>;
type Fold = { [Type in ClusterEvent['type']]?: (view: View, event: EventOf<Type>) => void };

/** What is not here changes nothing that a view holds. */
const FOLD: Fold = {
  termStarted: (view, { masterId }) => {
    view.leader = masterId;
  },
  agentRegistered: agentRegistered,
  agentUnreachable: (view, { agentId }) => changeAgent(view, agentId, { state: 'unreachable' }),
  agentGone: (view, { agentId }) => removeAgent(view, agentId),
  agentDeactivated: (view, { agentId }) => changeAgent(view, agentId, { condition: 'deactivated' }),
  agentDraining: (view, { agentId }) => changeAgent(view, agentId, { condition: 'draining' }),
  agentReactivated: (view, { agentId }) => changeAgent(view, agentId, { condition: 'active' }),
  executorLaunched: (view, { executor, agentId, resources }) => {
    const row = { ...executor, agentId, resources: resources.scalars };
    view.executors.set(executorRowKey(row), row);
    hold(view, row, 1);
  },
  executorExited: (view, { executor, agentId }) => {
    const key = executorRowKey({ ...executor, agentId });
    const row = view.executors.get(key);
    if (row === undefined) return;
    view.executors.delete(key);
    hold(view, row, -1);
  },
  frameworkSubscribed: (view, { framework, name, roles }) =>
    putFramework(view, framework, { name, roles, state: 'subscribed' }),
  frameworkUpdated: (view, { framework, name, roles }) =>
    putFramework(view, framework, { name, roles }),
  frameworkDisconnected: (view, { framework }) =>
    putFramework(view, framework, { state: 'disconnected' }),
  frameworkRemoved: (view, { framework }) => removeFramework(view, framework),
  frameworkRampedUp: (view, { framework, rampUpMs }) => putFramework(view, framework, { rampUpMs }),
  offerMade: (view, { offerId, framework, role, agentId, resources }) => {
    const madeAtMs = view.moment.coreTimeMs;
    const row = { offerId, ...framework, role, agentId, resources: resources.scalars, madeAtMs };
    view.offers.set(offerId, row);
    offer(view, row, 1);
    note(view, row, (deeds) => wasOffered(deeds, madeAtMs));
  },
  offerAccepted: (view, { offerId }) => endOffer(view, offerId, 'accepted'),
  offerDeclined: (view, { offerId, reason }) => endOffer(view, offerId, 'declined', reason),
  offerRescinded: (view, { offerId, reason }) => endOffer(view, offerId, 'rescinded', reason),
  roleSharesChanged: (view, { role, after }) => changeRole(view, role, after),
  taskStateChanged,
};

/** Events of one cluster in their order, each once; one that the view has seen already is left out. */
export function apply(view: View, moment: Moment, event: ClusterEvent): void {
  if (!isLater(moment, view.moment)) return;
  view.moment = moment;
  // The entry of a type takes events of that type.
  const fold = FOLD[event.type] as ((view: View, event: ClusterEvent) => void) | undefined;
  fold?.(view, event);
}

const isLater = (one: Moment, other: Moment): boolean =>
  one.sequence > other.sequence || (one.sequence === other.sequence && one.index > other.index);

export const executorRowKey = ({
  principal,
  frameworkId,
  executorId,
  agentId,
}: Omit<ExecutorRow, 'resources'>): string =>
  `${agentId}/${principal}/${frameworkId}/${executorId}`;

function endOffer(view: View, offerId: string, kind: Outcome, reason?: string): void {
  const row = view.offers.get(offerId);
  if (row === undefined) return;
  view.offers.delete(offerId);
  offer(view, row, -1);
  note(view, row, (deeds) => answered(deeds, kind, reason));
  const outcome = reason === undefined ? kind : `${kind}: ${reason}`;
  const ended = { ...row, outcome, endedAtMs: view.moment.coreTimeMs };
  putBounded(view.endedOffers, offerId, ended);
}

/** In what its framework did. */
function note(
  view: View,
  { principal, frameworkId }: Pick<TaskRow, 'principal' | 'frameworkId'>,
  change: (deeds: FrameworkDeeds) => FrameworkDeeds,
): void {
  const key = `${principal}/${frameworkId}`;
  const row = view.frameworks.get(key);
  if (row !== undefined) view.frameworks.set(key, { ...row, deeds: change(row.deeds ?? NO_DEEDS) });
}

/** The sums count registered agents: one that changes takes what it has along. */
function count(view: View, agent: AgentRow | undefined, sign: 1 | -1): void {
  if (agent?.state !== 'registered') return;
  view.total = plus(view.total, agent.total, sign);
  view.allocated = plus(view.allocated, agent.allocated, sign);
  view.offered = plus(view.offered, agent.offered, sign);
}

function replaceAgent(view: View, agentId: string, next: AgentRow | undefined): void {
  count(view, view.agents.get(agentId), -1);
  count(view, next, 1);
  if (next === undefined) view.agents.delete(agentId);
  else view.agents.set(agentId, next);
}

function agentRegistered(view: View, event: EventOf<'agentRegistered'>): void {
  const { agentId, hostname, total } = event;
  const known = view.agents.get(agentId);
  const before = known ?? {
    condition: 'active' as const,
    allocated: {},
    offered: {},
    tasks: 0,
  };
  replaceAgent(view, agentId, {
    ...before,
    ...{ agentId, hostname, state: 'registered', total: total.scalars },
  });
}

function changeAgent(view: View, agentId: string, change: Partial<AgentRow>): void {
  const agent = view.agents.get(agentId);
  if (agent !== undefined) replaceAgent(view, agentId, { ...agent, ...change });
}

const removeAgent = (view: View, agentId: string): void => replaceAgent(view, agentId, undefined);

function putFramework(view: View, framework: FrameworkRef, change: Partial<FrameworkRow>): void {
  const key = frameworkKey(framework);
  const { principal, frameworkId } = framework;
  const known = view.frameworks.get(key) ?? {
    ...{ principal, frameworkId, name: '', roles: [], state: 'subscribed' as const },
    ...{ allocated: {}, offers: 0, tasks: {}, submittedAtMs: view.moment.coreTimeMs },
  };
  view.frameworks.set(key, { ...known, ...change });
  view.endedFrameworks.delete(key);
}

function removeFramework(view: View, framework: FrameworkRef): void {
  const key = frameworkKey(framework);
  const row = view.frameworks.get(key);
  if (row === undefined) return;
  view.frameworks.delete(key);
  const { submittedAtMs, deeds } = row;
  const lastMs = deeds?.lastUpdateAtMs;
  putBounded(
    view.endedFrameworks,
    key,
    {
      ...{ ...row, state: 'removed' as const },
      ...(submittedAtMs !== undefined &&
        lastMs !== undefined && { completionMs: lastMs - submittedAtMs }),
    },
    MAX_ENDED_FRAMEWORKS,
  );
}

function taskStateChanged(view: View, event: EventOf<'taskStateChanged'>): void {
  const { task, name, agentId, from, to, reason, message } = event;
  const key = taskKey(task);
  const before = view.tasks.get(key);
  const nowMs = view.moment.coreTimeMs;
  const { principal, frameworkId, taskId } = task;
  const row: TaskRow = {
    ...{ principal, frameworkId, taskId, name, agentId },
    ...{ state: to, resources: event.resources.scalars, changedAtMs: nowMs },
    ...(from === undefined ? { launchedAtMs: nowMs } : pickLaunch(before)),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
  if (before !== undefined) hold(view, before, -1);
  if (isTerminalState(to)) {
    view.tasks.delete(key);
    putBounded(view.endedTasks, key, row);
  } else {
    view.tasks.set(key, row);
    hold(view, row, 1);
  }
  countTask(view, row, before);
  note(view, row, (deeds) => ({ ...deeds, lastUpdateAtMs: nowMs }));
}

const pickLaunch = (row: TaskRow | undefined): { launchedAtMs?: number } =>
  row?.launchedAtMs === undefined ? {} : { launchedAtMs: row.launchedAtMs };
