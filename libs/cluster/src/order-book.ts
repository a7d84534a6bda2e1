// Owns the table of orders to agents: each is state from when it is sent until the agent has answered it, or until
// there is nothing left to say. What is ordered, and what an answer means, is in orders.ts and order-answers.ts.
import type { AgentId } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import type { Order } from './inputs.ts';
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

/** Orders that the agent has not answered, to be sent again. */
export function resendOrders(turn: Turn, orderIds: Iterable<string>): void {
  for (const orderId of orderIds) {
    const order = turn.state.orders.get(orderId)?.order;
    if (order !== undefined) turn.effects.push({ kind: 'order', order });
  }
}

/** Contains the term that made it; the counter never starts anew, so no id comes twice. */
export function nextOrderId(state: ClusterState): string {
  const orderCounter = state.record.orderCounter + 1;
  state.change({ orderCounter });
  return `${state.record.epoch.revision}-${orderCounter}`;
}
