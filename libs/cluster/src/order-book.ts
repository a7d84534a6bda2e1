// Owns the table of orders to agents: each is state from when it is sent until the agent has answered it, or until
// there is nothing left to say. What is ordered, and what an answer means, is in orders.ts and order-answers.ts.
import { type AgentId, taskKey } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import type { Order } from './inputs.ts';
import type { TaskRecord } from './records.ts';
import type { Turn } from './turn.ts';

/** Under an id that is there already, it takes the place of the order before. */
export function sendOrder(turn: Turn, order: Order): void {
  turn.state.orders.put(order.orderId, { order });
  turn.state.books.agent(order.agentId).orders.add(order.orderId);
  turn.effects.push({ kind: 'order', order });
}

export function dropOrder(state: ClusterState, orderId: string): void {
  const agentId: AgentId | undefined = state.orders.get(orderId)?.order.agentId;
  if (agentId !== undefined) state.books.agents.get(agentId)?.orders.delete(orderId);
  state.orders.delete(orderId);
}

/** Live tasks that this order is to launch. */
export function tasksOfOrder(state: ClusterState, order: Order): TaskRecord[] {
  return taskIdsOf(order)
    .map((key) => state.tasks.get(key))
    .filter((task) => task?.runOrder === order.orderId)
    .filter((task) => task !== undefined);
}

/** A task of the group it launches has ended: its answer counts when it comes, but it must not go out again. */
export function isSpent(state: ClusterState, order: Order): boolean {
  return (
    order.kind === 'runGroup' && tasksOfOrder(state, order).length < order.body.descriptions.length
  );
}

/** As it may go out, now or again; undefined when it must not. */
export function orderToSend(state: ClusterState, orderId: string): Order | undefined {
  const order = state.orders.get(orderId)?.order;
  return order === undefined || isSpent(state, order) ? undefined : order;
}

/** Orders that the agent has not answered, to be sent again. */
export function resendOrders(turn: Turn, orderIds: Iterable<string>): void {
  for (const orderId of orderIds) {
    const order = orderToSend(turn.state, orderId);
    if (order !== undefined) turn.effects.push({ kind: 'order', order });
  }
}

/** Contains the term that made it; the counter never starts anew, so no id comes twice. */
export function nextOrderId(state: ClusterState): string {
  const orderCounter = state.record.orderCounter + 1;
  state.change({ orderCounter });
  return `${state.record.epoch.revision}-${orderCounter}`;
}

function taskIdsOf(order: Order): string[] {
  if (order.kind === 'run') {
    return [taskKey({ ...order.body.framework, taskId: order.body.description.taskId })];
  }
  if (order.kind !== 'runGroup') return [];
  const { framework, descriptions } = order.body;
  return descriptions.map(({ taskId }) => taskKey({ ...framework, taskId }));
}
