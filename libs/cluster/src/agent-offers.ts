// Owns taking back everything that is offered of an agent.
import type { AgentId } from '@parley/protocol/ids';
import type { RescindReason } from '@parley/protocol/offers';
import { offersOf, rescindOffers } from './offer-book.ts';
import type { Turn } from './turn.ts';

export function rescindAllOf(turn: Turn, agentId: AgentId, reason: RescindReason): void {
  const offers = turn.state.books.agents.get(agentId)?.offers ?? [];
  rescindOffers(turn, offersOf(turn.state, offers), reason);
}
