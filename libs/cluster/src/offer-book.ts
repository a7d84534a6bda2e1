// Owns offers from making to end, always together with the books, and the messages that announce them.
// Who may have which offer is decided in proposals.ts; what is done with it in accept.ts.
import type { OfferEvent } from '@parley/lifecycle/offer-machine';
import { nextOfferState } from '@parley/lifecycle/transitions';
import { frameworkKey, type OfferId } from '@parley/protocol/ids';
import type { Offer, RescindReason } from '@parley/protocol/offers';
import { assert } from '@parley/protocol/unreachable';
import type { ClusterState } from './cluster-state.ts';
import type { ClusterEvent } from './events.ts';
import { OFFERS_MESSAGE_BYTES } from './limits.ts';
import type { FrameworkRecord, OfferRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

/** The books get it as `allocated`; it is outstanding once it stands in a message. */
export function makeOffer(turn: Turn, offer: Omit<OfferRecord, 'state'>): OfferRecord {
  const { state } = turn;
  const record: OfferRecord = { ...offer, state: 'allocated' };
  state.offers.put(record.offerId, record);
  state.books.offerMade(record);
  markHolder(turn, record);
  const { offerId, framework, role, agentId, resources } = record;
  report(turn, { type: 'offerMade', offerId, framework, role, agentId, resources });
  return record;
}

/** One numbered message, or several where one would be too large. */
export function announceOffers(
  turn: Turn,
  framework: FrameworkRecord,
  offers: readonly OfferRecord[],
): void {
  for (const chunk of splitOffers(turn.state, offers)) {
    for (const offer of chunk.records) becomeOutstanding(turn.state, offer);
    const number = nextNumber(turn.state, framework);
    turn.effects.push({
      kind: 'offers',
      framework: framework.framework,
      message: { number, offers: chunk.offers },
    });
  }
}

/** Frees what was offered. The event says how it ended. */
export function endOffer(
  turn: Turn,
  offer: OfferRecord,
  event: OfferEvent,
  reported: ClusterEvent,
): void {
  assert(nextOfferState(offer.state, event) !== undefined, `an offer ${offer.state} can ${event}`);
  turn.state.offers.delete(offer.offerId);
  turn.state.books.offerEnded(offer);
  markHolder(turn, offer);
  report(turn, reported);
}

type UntoldReason =
  | 'sessionReplaced'
  | 'frameworkDisconnected'
  | 'frameworkRemoved'
  | 'invalidAccept';

/** Takes offers back without a message: there is nobody to tell, or the answer tells it. */
export function discardOffers(
  turn: Turn,
  offers: readonly OfferRecord[],
  reason: UntoldReason,
): void {
  for (const offer of offers) rescind(turn, offer, reason);
}

/** Takes back all offers of an agent and tells each framework once. */
export function rescindOffersOfAgent(
  turn: Turn,
  offers: readonly OfferRecord[],
  reason: RescindReason,
): void {
  const byFramework = new Map<string, OfferId[]>();
  for (const offer of offers) {
    rescind(turn, offer, reason);
    const key = frameworkKey(offer.framework);
    byFramework.set(key, [...(byFramework.get(key) ?? []), offer.offerId]);
  }
  for (const [key, offerIds] of byFramework) {
    const framework = turn.state.frameworks.get(key);
    if (framework?.state !== 'subscribed') continue;
    const number = nextNumber(turn.state, framework);
    const message = { number, offerIds, reason };
    turn.effects.push({ kind: 'rescind', framework: framework.framework, message });
  }
}

export function offersOf(state: ClusterState, ids: Iterable<OfferId>): OfferRecord[] {
  return [...ids].map((id) => state.offers.get(id)).filter((offer) => offer !== undefined);
}

export function outstandingOffers(state: ClusterState, framework: FrameworkRecord): OfferRecord[] {
  return offersOf(
    state,
    state.books.frameworks.get(frameworkKey(framework.framework))?.offers ?? [],
  );
}

type Chunk = { readonly records: OfferRecord[]; readonly offers: Offer[] };

/** In order, each within the size of a message as far as it can be estimated; a huge offer stands alone. */
export function splitOffers(state: ClusterState, records: readonly OfferRecord[]): Chunk[] {
  const chunks: Chunk[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const record of records) {
    const offer = wireOffer(state, record);
    const size = estimateBytes(offer);
    if (bytes + size > OFFERS_MESSAGE_BYTES) {
      chunks.push({ records: [], offers: [] });
      bytes = 0;
    }
    bytes += size;
    chunks.at(-1)?.records.push(record);
    chunks.at(-1)?.offers.push(offer);
  }
  return chunks;
}

function wireOffer(state: ClusterState, offer: OfferRecord): Offer {
  const agent = state.agents.get(offer.agentId);
  const { offerId, agentId, role, resources } = offer;
  return {
    offerId,
    agentId,
    hostname: agent?.hostname ?? '',
    role,
    resources,
    attributes: agent?.attributes ?? {},
  };
}

/** Not below the MessagePack size of anything that an offer may hold: text counts up to three bytes a character. */
function estimateBytes(offer: Offer): number {
  let bytes = 256 + 3 * (offer.hostname.length + offer.role.length);
  bytes += 48 * Object.keys(offer.resources.scalars).length + 8 * offer.resources.ports.length;
  for (const [name, value] of Object.entries(offer.attributes)) {
    bytes += 8 + 3 * (name.length + value.length);
  }
  for (const items of Object.values(offer.resources.sets)) {
    bytes += 48;
    for (const item of items) bytes += 4 + 3 * item.length;
  }
  return bytes;
}

function becomeOutstanding(state: ClusterState, offer: OfferRecord): void {
  if (offer.state === 'outstanding') return;
  const next = nextOfferState(offer.state, 'announce');
  assert(next !== undefined, `an offer ${offer.state} can be announced`);
  state.offers.put(offer.offerId, { ...offer, state: next });
}

/** The framework's next message number; journalled state, so that a new leader goes on from it. */
function nextNumber(state: ClusterState, { framework }: FrameworkRecord): number {
  const record = state.frameworks.get(frameworkKey(framework));
  assert(record !== undefined, 'messages go to frameworks that are known');
  const lastNumber = record.lastNumber + 1;
  state.frameworks.put(frameworkKey(framework), { ...record, lastNumber });
  return lastNumber;
}

function rescind(turn: Turn, offer: OfferRecord, reason: RescindReason | UntoldReason): void {
  const { offerId, framework, agentId } = offer;
  endOffer(turn, offer, 'rescind', { type: 'offerRescinded', offerId, framework, agentId, reason });
}

function markHolder(turn: Turn, offer: OfferRecord): void {
  turn.state.marks.agentFree(offer.agentId);
  turn.state.marks.usage(offer.framework);
}
