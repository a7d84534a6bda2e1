// Owns the order to an agent to ask a task to stop, or to tell it that it need not: one a task at a time, the newest.
// What follows on it is in revocations.ts.
import { taskKey } from '@parley/protocol/ids';
import type { AskToStopOrder } from '@parley/protocol/revocations';
import type { ClusterState } from './cluster-state.ts';
import type { Order } from './inputs.ts';
import { dropOrder, nextOrderId, sendOrder } from './order-book.ts';
import type { TaskRecord } from './records.ts';
import type { Turn } from './turn.ts';

/** Takes the place of one that the agent has not answered: under a new id, as the answer to that one would end it unsent. */
export function orderStop(turn: Turn, task: TaskRecord, wish: Omit<AskToStopOrder, 'task'>): void {
  const { state } = turn;
  if (task.stopOrder !== undefined) dropOrder(state, task.stopOrder);
  const orderId = nextOrderId(state);
  state.tasks.put(taskKey(task.task), { ...task, stopOrder: orderId });
  const body = { task: task.task, ...wish };
  sendOrder(turn, { kind: 'askToStop', orderId, agentId: task.agentId, body });
}

/** A kill says more. */
export function dropStopOrder(state: ClusterState, task: TaskRecord): TaskRecord {
  const { stopOrder, ...rest } = task;
  if (stopOrder === undefined) return task;
  dropOrder(state, stopOrder);
  state.tasks.put(taskKey(task.task), rest);
  return rest;
}

/** Whatever the agent said: what the task says comes by itself, and where nothing comes it is killed in time. */
export function stopOrderAnswered(
  state: ClusterState,
  { orderId, body }: Extract<Order, { kind: 'askToStop' }>,
): void {
  const task = state.tasks.get(taskKey(body.task));
  if (task?.stopOrder === orderId) dropStopOrder(state, task);
  else dropOrder(state, orderId);
}
