// Owns what agents are ordered to do with tasks, and when an order goes out again. What an answer means is in
// order-answers.ts; orders about executors are in executor-book.ts, about volumes in volume-orders.ts.
import type { RunGroupOrder, RunOrder } from '@parley/protocol/agents';
import { type AgentId, taskKey } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import { confirmExecutor, executorOfTask } from './executor-book.ts';
import type { Order } from './inputs.ts';
import { dropOrder, nextOrderId, sendOrder } from './order-book.ts';
import type { KillWish, TaskRecord } from './records.ts';
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

/** Live tasks that this order is to launch. */
export function tasksOfOrder(state: ClusterState, order: Order): TaskRecord[] {
  return taskIdsOf(order)
    .map((key) => state.tasks.get(key))
    .filter((task) => task?.runOrder === order.orderId)
    .filter((task) => task !== undefined);
}

/**
 * The task has ended: nothing needs to be said to the agent about it any more. The order of its group must not be
 * repeated either: an agent that was told to forget the task, and then began anew, would start it a second time. As
 * nobody knows whether the agent has the others, they are killed.
 */
export function dropOrdersOf(turn: Turn, task: TaskRecord): void {
  const { state } = turn;
  const { runOrder, killOrder, stopOrder } = task;
  const order = runOrder === undefined ? undefined : state.orders.get(runOrder)?.order;
  if (order !== undefined) {
    const key = taskKey(task.task);
    const others = tasksOfOrder(state, order).filter((one) => taskKey(one.task) !== key);
    dropOrder(state, order.orderId);
    for (const { runOrder: _, ...other } of others) {
      state.tasks.put(taskKey(other.task), other);
      orderKill(turn, other, { reason: 'groupMemberEnded' });
    }
  }
  if (killOrder !== undefined) dropOrder(state, killOrder);
  if (stopOrder !== undefined) dropOrder(state, stopOrder);
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

function taskIdsOf(order: Order): string[] {
  if (order.kind === 'run') {
    return [taskKey({ ...order.body.framework, taskId: order.body.description.taskId })];
  }
  if (order.kind !== 'runGroup') return [];
  const { framework, descriptions } = order.body;
  return descriptions.map(({ taskId }) => taskKey({ ...framework, taskId }));
}

function shorter(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
