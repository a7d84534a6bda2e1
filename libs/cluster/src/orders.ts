// Owns what agents are ordered to do with tasks, and when an order goes out again. What an answer means is in
// order-answers.ts; orders about executors are in executor-book.ts, about volumes in volume-orders.ts.
import type { RunGroupOrder, RunOrder } from '@parley/protocol/agents';
import { type AgentId, taskKey } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import { confirmExecutor, executorOfTask } from './executor-book.ts';
import type { Order } from './inputs.ts';
import { dropOrder, nextOrderId, sendOrder, tasksOfOrder } from './order-book.ts';
import type { KillWish, TaskRecord } from './records.ts';
import { ruleHolds } from './rules.ts';
import type { Turn } from './turn.ts';

export function orderRun(
  turn: Turn,
  task: TaskRecord,
  what: Pick<RunOrder, 'description' | 'role' | 'volumeSizes'>,
): void {
  const { principal, frameworkId } = task.task;
  const orderId = nextOrderId(turn.state);
  const body = { framework: { principal, frameworkId }, ...what };
  turn.state.tasks.put(taskKey(task.task), { ...task, runOrder: orderId });
  sendOrder(turn, { kind: 'run', orderId, agentId: task.agentId, body });
}

/** One order for all of them: it is answered, confirmed and refused for all at once. */
export function orderRunGroup(
  turn: Turn,
  tasks: readonly TaskRecord[],
  { agentId, body }: { readonly agentId: AgentId; readonly body: RunGroupOrder },
): void {
  const orderId = nextOrderId(turn.state);
  for (const task of tasks) {
    turn.state.tasks.put(taskKey(task.task), { ...task, runOrder: orderId });
  }
  sendOrder(turn, { kind: 'runGroup', orderId, agentId, body });
}

/**
 * A repeated kill goes out again; while one is unanswered, with the shorter grace, as nobody knows which of them the
 * agent has seen. One that shortens takes the place of the one before under a new id: the answer to that would end it
 * unsent. Nobody can be told about an agent that is gone.
 */
export function orderKill(turn: Turn, task: TaskRecord, wish: KillWish): void {
  const { state } = turn;
  if (state.agents.get(task.agentId)?.state === 'gone') return;
  const before = task.killOrder === undefined ? undefined : task.kill;
  const graceMs = shorter(before?.graceMs, wish.graceMs);
  const isAfterLaunch = before?.isAfterLaunch ?? task.runOrder === undefined;
  const isShortened = before !== undefined && graceMs !== before.graceMs;
  if (isShortened && task.killOrder !== undefined) dropOrder(state, task.killOrder);
  const unanswered = isShortened ? undefined : task.killOrder;
  const orderId = unanswered ?? nextOrderId(state);
  const { reason, message } = wish;
  const timed = {
    reason,
    ...(graceMs !== undefined && { graceMs }),
    ...(message !== undefined && { message }),
  };
  state.tasks.put(taskKey(task.task), {
    ...task,
    killOrder: orderId,
    kill: { ...timed, isAfterLaunch },
  });
  const body = { task: task.task, ...timed };
  sendOrder(turn, { kind: 'kill', orderId, agentId: task.agentId, body });
}

/**
 * The agent said that it knows the task: by answering the order, or by naming it when it registered. A status
 * update confirms nothing: the agent's registration on its way may be older than the task, and would look as
 * if the agent had forgotten it. (An agent answers no order while it waits to be registered.) A group is known
 * as a whole: naming some of its tasks says nothing yet.
 */
export function confirmLaunch(turn: Turn, task: TaskRecord): void {
  const { state } = turn;
  const order = task.runOrder === undefined ? undefined : state.orders.get(task.runOrder)?.order;
  if (order === undefined) return;
  dropOrder(state, order.orderId);
  const executor = executorOfTask(state, task);
  if (executor !== undefined) confirmExecutor(turn, executor);
  for (const launched of tasksOfOrder(state, order)) {
    const { runOrder: _, ...confirmed } = launched;
    state.tasks.put(taskKey(launched.task), confirmed);
    if (confirmed.kill === undefined || confirmed.killOrder !== undefined) continue;
    orderKill(turn, confirmed, confirmed.kill);
  }
}

/**
 * The task has ended: nothing needs to be said to the agent about it any more. The order of its group must not be
 * repeated either: an agent that was told to forget the task, and then began anew, would start it a second time. Where
 * the task had run, the agent has all of its group, as it takes a group as a whole: the order is spent, and the others
 * wait for its answer alone. Otherwise nobody knows whether the agent has the others, and they are killed.
 */
export function dropOrdersOf(turn: Turn, task: TaskRecord): void {
  const { state } = turn;
  const { runOrder, killOrder, stopOrder, runningAtMs } = task;
  const order = runOrder === undefined ? undefined : state.orders.get(runOrder)?.order;
  if (order !== undefined) {
    const { runOrder: _, ...ended } = task;
    state.tasks.put(taskKey(task.task), ended);
    const others = tasksOfOrder(state, order);
    const hasBegun = runningAtMs !== undefined && ruleHolds(state, 'begunGroupsGoOn');
    if (others.length === 0 || !hasBegun) killRest(turn, order);
  }
  if (killOrder !== undefined) dropOrder(state, killOrder);
  if (stopOrder !== undefined) dropOrder(state, stopOrder);
}

/** Of a group whose order goes out no more, while nobody knows whether the agent has them. */
export function killRest(turn: Turn, order: Order): void {
  const { state } = turn;
  const rest = tasksOfOrder(state, order);
  dropOrder(state, order.orderId);
  for (const { runOrder: _, ...task } of rest) {
    state.tasks.put(taskKey(task.task), task);
    orderKill(turn, task, { reason: 'groupMemberEnded' });
  }
}

/** Its agent is gone: there is nobody to send them to. */
export function forgetOrdersOf(state: ClusterState, task: TaskRecord): TaskRecord {
  const { runOrder, killOrder, stopOrder, ...rest } = task;
  if (runOrder !== undefined) dropOrder(state, runOrder);
  if (stopOrder !== undefined) dropOrder(state, stopOrder);
  if (killOrder !== undefined) dropOrder(state, killOrder);
  state.tasks.put(taskKey(task.task), rest);
  return rest;
}

function shorter(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
