// Owns orders to agents: state until the agent has answered them.
import { taskKey } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import { executorRecordKey } from './books.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Input, Order } from './inputs.ts';
import { effectiveState, orderUpdate } from './leader-updates.ts';
import { dropOrder, nextOrderId, sendOrder } from './order-book.ts';
import type { ExecutorRecord, KillWish, TaskRecord } from './records.ts';
import { reportViolation, type Turn } from './turn.ts';
import { destroyVolumeAnswered } from './volume-orders.ts';

type OrderAnswered = Extract<Input, { kind: 'orderAnswered' }>;

/** Answers that say nothing about the order itself: it stays, and the shell sends it again. */
const NO_VERDICT: ReadonlySet<string> = new Set(['staleEpoch', 'overloaded', 'unavailable']);

export function orderRun(turn: Turn, task: TaskRecord, description: TaskDescription): void {
  const { principal, frameworkId } = task.task;
  const order: Order = {
    kind: 'run',
    orderId: nextOrderId(turn.state),
    agentId: task.agentId,
    body: { framework: { principal, frameworkId }, role: task.role, description },
  };
  turn.state.tasks.put(taskKey(task.task), { ...task, runOrder: order.orderId });
  sendOrder(turn, order);
}

/** A repeated kill goes out again; while one is unanswered, under the same id. */
export function orderKill(turn: Turn, task: TaskRecord, wish: KillWish): void {
  const { state } = turn;
  const { graceMs, reason } = wish;
  const isRepeated = task.killOrder !== undefined && task.kill !== undefined;
  const isAfterLaunch = isRepeated
    ? task.kill?.isAfterLaunch === true
    : task.runOrder === undefined;
  const orderId = task.killOrder ?? nextOrderId(state);
  const body = { task: task.task, ...(graceMs !== undefined && { graceMs }), reason };
  state.tasks.put(taskKey(task.task), {
    ...task,
    killOrder: orderId,
    kill: { ...wish, isAfterLaunch },
  });
  sendOrder(turn, { kind: 'kill', orderId, agentId: task.agentId, body });
}

/** Once: an executor that is shutting down already has its order. */
export function orderShutdown(turn: Turn, record: ExecutorRecord, graceMs?: number): void {
  const { state } = turn;
  if (record.isShuttingDown) return;
  const orderId = nextOrderId(state);
  const { executor, agentId } = record;
  const changed = { ...record, isShuttingDown: true, shutdownOrder: orderId };
  state.executors.put(executorRecordKey(agentId, executor), changed);
  const body = { executor, ...(graceMs !== undefined && { graceMs }) };
  sendOrder(turn, { kind: 'shutdownExecutor', orderId, agentId, body });
}

export function stepOrderAnswered(turn: Turn, input: OrderAnswered): void {
  const order = turn.state.orders.get(input.orderId)?.order;
  if (order === undefined) return;
  if (order.agentId !== input.agentId) {
    reportViolation(turn, input.agentId, `answered order ${input.orderId} of ${order.agentId}`);
    return;
  }
  if (input.failure !== undefined && NO_VERDICT.has(input.failure.code)) return;
  if (order.kind === 'destroyVolume') {
    destroyVolumeAnswered(turn, order, input.failure);
    return;
  }
  if (order.kind === 'runGroup' || order.kind === 'shutdownExecutor') {
    dropOrder(turn.state, order.orderId);
    return;
  }
  const ref =
    order.kind === 'run' ? { ...order.body.framework, ...pickId(order) } : order.body.task;
  const task = turn.state.tasks.get(taskKey(ref));
  if (task === undefined) dropOrder(turn.state, order.orderId);
  else if (order.kind === 'run') runAnswered(turn, task, input);
  else killAnswered(turn, task, input);
}

/**
 * The agent said that it knows the task: by answering the order, or by naming it when it registered. A status
 * update confirms nothing: the agent's registration on its way may be older than the task, and would look as
 * if the agent had forgotten it. (An agent answers no order while it waits to be registered.)
 */
export function confirmLaunch(turn: Turn, task: TaskRecord): TaskRecord {
  if (task.runOrder === undefined) return task;
  dropOrder(turn.state, task.runOrder);
  const { runOrder: _, ...confirmed } = task;
  turn.state.tasks.put(taskKey(task.task), confirmed);
  if (confirmed.kill === undefined || confirmed.killOrder !== undefined) return confirmed;
  orderKill(turn, confirmed, confirmed.kill);
  return turn.state.tasks.get(taskKey(task.task)) ?? confirmed;
}

/** The task has ended: nothing needs to be said to the agent any more. */
export function dropOrdersOf(state: ClusterState, task: TaskRecord): void {
  if (task.runOrder !== undefined) dropOrder(state, task.runOrder);
  if (task.killOrder !== undefined) dropOrder(state, task.killOrder);
}

function runAnswered(turn: Turn, task: TaskRecord, { failure }: OrderAnswered): void {
  if (failure === undefined) {
    confirmLaunch(turn, task);
    return;
  }
  if (task.runOrder !== undefined) dropOrder(turn.state, task.runOrder);
  const { runOrder: _, ...refused } = task;
  turn.state.tasks.put(taskKey(task.task), refused);
  const message = `the agent refused the task: ${failure.code}: ${failure.message}`;
  orderUpdate(turn, refused, { state: 'dropped', reason: 'agentRefused', message });
}

/**
 * A kill may overtake its launch on the bus, and the agent then knows no such task: it is sent again once the
 * launch is confirmed. An agent that does not know a task whose launch it had confirmed before has forgotten it.
 */
function killAnswered(turn: Turn, task: TaskRecord, { failure }: OrderAnswered): void {
  if (failure !== undefined && failure.code !== 'unknownTask') return;
  if (task.killOrder !== undefined) dropOrder(turn.state, task.killOrder);
  const { killOrder: _, ...answered } = task;
  turn.state.tasks.put(taskKey(task.task), answered);
  if (failure === undefined || task.runOrder !== undefined || task.kill === undefined) return;
  if (!task.kill.isAfterLaunch) {
    orderKill(turn, answered, task.kill);
  } else if (effectiveState(answered) !== 'gone') {
    const message = 'the agent does not know the task any more';
    orderUpdate(turn, answered, { state: 'gone', reason: 'agentForgot', message });
  }
}

const pickId = (order: Extract<Order, { kind: 'run' }>) => ({
  taskId: order.body.description.taskId,
});
