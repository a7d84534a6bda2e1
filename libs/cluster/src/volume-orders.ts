// Owns what agents are ordered about volumes: how large those of a task are, and to delete the data of one, an order that
// stands until the agent has said that the data is gone.
import type { DestroyVolumeOrder } from '@parley/protocol/agents';
import type { Failure } from '@parley/protocol/errors';
import type { AgentId } from '@parley/protocol/ids';
import type { OfferedVolume } from '@parley/protocol/offers';
import type { ClusterState } from './cluster-state.ts';
import type { Order } from './inputs.ts';
import type { Holding } from './offer-pool.ts';
import { dropOrder, nextOrderId, sendOrder } from './order-book.ts';
import { ruleHolds } from './rules.ts';
import { reportViolation, type Turn } from './turn.ts';

export function orderDestroyVolume(turn: Turn, agentId: AgentId, body: DestroyVolumeOrder): void {
  sendOrder(turn, { kind: 'destroyVolume', orderId: nextOrderId(turn.state), agentId, body });
}

/** The field of an order to run what holds these: how large the volumes in it are. None without volumes. */
export function volumeSizesIn(
  state: ClusterState,
  agentId: AgentId,
  holdings: readonly Holding[],
): { readonly volumeSizes?: OfferedVolume[] } {
  if (!ruleHolds(state, 'volumeSizesAreTold')) return {};
  const volumeSizes = holdings
    .flatMap(({ reserved }) => reserved)
    .filter(({ volumes }) => volumes.length > 0)
    .flatMap((part) => [...state.books.reservations.mibOf(agentId, part)])
    .map(([volumeId, mib]) => ({ volumeId, mib }));
  return volumeSizes.length === 0 ? {} : { volumeSizes };
}

/** The agent has not yet said that the data of this volume is deleted: no new one gets its name. */
export function isBeingDestroyed(
  state: ClusterState,
  agentId: AgentId,
  { role, volumeId }: DestroyVolumeOrder,
): boolean {
  for (const orderId of state.books.agents.get(agentId)?.orders ?? []) {
    const order = state.orders.get(orderId)?.order;
    if (order?.kind !== 'destroyVolume') continue;
    if (order.body.role === role && order.body.volumeId === volumeId) return true;
  }
  return false;
}

/**
 * One that is not there counts as destroyed. Data that the agent could not delete is reported, and the order stands: a
 * new volume of that name would show it. It goes out again when the agent registers and when a leader begins.
 */
export function destroyVolumeAnswered(
  turn: Turn,
  order: Extract<Order, { kind: 'destroyVolume' }>,
  failure: Failure | undefined,
): void {
  if (failure === undefined) {
    dropOrder(turn.state, order.orderId);
    return;
  }
  const { agentId, body } = order;
  reportViolation(turn, agentId, `could not delete volume ${body.volumeId}: ${failure.message}`);
}
