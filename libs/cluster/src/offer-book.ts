// Owns offers from making to end, always together with the books, and the messages that announce them.
// Who may have which offer is decided in proposals.ts; what is done with it in accept.ts.
import type { OfferEvent } from '@parley/lifecycle/offer-machine';
import { nextOfferState } from '@parley/lifecycle/transitions';
import { type FrameworkRef, frameworkKey, type OfferId } from '@parley/protocol/ids';
import type { Offer, OfferedReservation, RescindReason } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { sum } from '@parley/resources/resources';
import { countOffered, countRescinded } from './cards.ts';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import type { ClusterEvent } from './events.ts';
import { executorsOf } from './executor-book.ts';
import { OFFERS_MESSAGE_BYTES } from './limits.ts';
import type { FrameworkRecord, OfferRecord, ReservedPart } from './records.ts';
import { reservationKey } from './reservation-books.ts';
import { report, type Turn } from './turn.ts';

/** The books get it as `allocated`; it is outstanding once it stands in a message. */
export function makeOffer(
  turn: Turn,
  offer: Omit<OfferRecord, 'state' | 'madeAtMs' | 'number'>,
): OfferRecord {
  const { state, context } = turn;
  const madeAtMs = context.coreTimeMs;
  const record: OfferRecord = { ...offer, state: 'allocated', madeAtMs, number: 0 };
  state.offers.put(record.offerId, record);
  state.books.offerMade(record);
  state.deadlines.set(deadlineKey('offer', record.offerId), record.expiresAtMs);
  countOffered(state, record.framework);
  markHolder(turn, record);
  const { offerId, framework, role, agentId } = record;
  const resources = resourcesOf(record);
  report(turn, { type: 'offerMade', offerId, framework, role, agentId, resources });
  return record;
}

/** One numbered message, or several where one would be too large. */
export function announceOffers(
  turn: Turn,
  { framework }: FrameworkRecord,
  offers: readonly OfferRecord[],
): void {
  for (const chunk of splitOffers(turn.state, offers)) {
    const number = nextNumber(turn.state, framework);
    for (const offer of chunk.records) becomeOutstanding(turn.state, offer, number);
    turn.effects.push({ kind: 'offers', framework, message: { number, offers: chunk.offers } });
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

/** Takes offers back, of one agent or of several, and tells each framework once. */
export function rescindOffers(
  turn: Turn,
  offers: readonly OfferRecord[],
  reason: RescindReason,
): void {
  const byFramework = new Map<string, OfferId[]>();
  for (const offer of offers) {
    rescind(turn, offer, reason);
    const key = frameworkKey(offer.framework);
    const ids = byFramework.get(key);
    if (ids === undefined) byFramework.set(key, [offer.offerId]);
    else ids.push(offer.offerId);
  }
  for (const [key, offerIds] of byFramework) {
    const record = turn.state.frameworks.get(key);
    if (record?.state !== 'subscribed') continue;
    const { framework } = record;
    const number = nextNumber(turn.state, framework);
    turn.effects.push({ kind: 'rescind', framework, message: { number, offerIds, reason } });
  }
}

export function offersOf(state: ClusterState, ids: Iterable<OfferId>): OfferRecord[] {
  return [...ids].map((id) => state.offers.get(id)).filter((offer) => offer !== undefined);
}

export function outstandingOffers(
  state: ClusterState,
  { framework }: Pick<FrameworkRecord, 'framework'>,
): OfferRecord[] {
  return offersOf(state, state.books.frameworks.get(frameworkKey(framework))?.offers ?? []);
}

/** Not reserved and reserved together; the disk of volumes is not in it, nor what is revocable. */
export function resourcesOf({
  resources,
  reserved,
}: Pick<OfferRecord, 'resources' | 'reserved'>): Resources {
  if (reserved.length === 0) return resources;
  return sum([resources, ...reserved.map((part) => part.resources)]);
}

/** The framework's next message number; journalled state, so that a new leader goes on from it. */
export function nextNumber(state: ClusterState, framework: FrameworkRef): number {
  const key = frameworkKey(framework);
  const record = state.frameworks.get(key);
  assert(record !== undefined, 'messages go to frameworks that are known');
  const lastNumber = record.lastNumber + 1;
  state.frameworks.put(key, { ...record, lastNumber });
  return lastNumber;
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
  const { offerId, framework, agentId, role, resources, revocable } = offer;
  return {
    offerId,
    agentId,
    hostname: agent?.hostname ?? '',
    role,
    resources,
    ...(revocable !== undefined && { revocable }),
    reservations: offer.reserved.map((part) => wireReservation(state, offer, part)),
    ...(agent?.domain !== undefined && { domain: agent.domain }),
    attributes: agent?.attributes ?? {},
    executors: executorsOf(state, framework, agentId),
  };
}

function wireReservation(
  state: ClusterState,
  { agentId }: OfferRecord,
  part: ReservedPart,
): OfferedReservation {
  const { reservationId, role, resources } = part;
  const labels = state.reservations.get(reservationKey(agentId, part))?.labels ?? {};
  const mib = state.books.reservations.mibOf(agentId, part);
  const volumes = [...mib].map(([volumeId, size]) => ({ volumeId, mib: size }));
  return { reservationId, role, labels, resources, volumes };
}

/** Not below the MessagePack size of anything that an offer may hold: text counts up to three bytes a character. */
function estimateBytes(offer: Offer): number {
  let bytes = 256 + 3 * (offer.hostname.length + offer.role.length);
  bytes += resourcesBytes(offer.resources) + 68 * offer.executors.length;
  if (offer.revocable !== undefined) bytes += 16 + resourcesBytes(offer.revocable);
  bytes += textBytes(offer.attributes) + textBytes(offer.domain ?? {});
  for (const { role, labels, resources, volumes } of offer.reservations) {
    bytes += 256 + 3 * role.length + resourcesBytes(resources) + textBytes(labels);
    bytes += 96 * volumes.length;
  }
  return bytes;
}

function resourcesBytes({ scalars, ports, sets }: Resources): number {
  let bytes = 48 * Object.keys(scalars).length + 8 * ports.length;
  for (const items of Object.values(sets)) {
    bytes += 48;
    for (const item of items) bytes += 4 + 3 * item.length;
  }
  return bytes;
}

function textBytes(texts: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(texts)) bytes += 8 + 3 * (name.length + value.length);
  return bytes;
}

/** Told anew, by a new leader, it is outstanding already; what counts is the newest message. */
function becomeOutstanding(state: ClusterState, offer: OfferRecord, number: number): void {
  const next =
    offer.state === 'outstanding' ? offer.state : nextOfferState(offer.state, 'announce');
  assert(next !== undefined, `an offer ${offer.state} can be announced`);
  state.offers.put(offer.offerId, { ...offer, state: next, number });
}

function rescind(turn: Turn, offer: OfferRecord, reason: RescindReason | UntoldReason): void {
  const { offerId, framework, agentId } = offer;
  const isExpired = reason === 'offerTimeout';
  if (!isExpired) countRescinded(turn.state, framework);
  const reported = { type: 'offerRescinded', offerId, framework, agentId, reason } as const;
  endOffer(turn, offer, isExpired ? 'expire' : 'rescind', reported);
}

function markHolder(turn: Turn, { agentId, framework, role, promised }: OfferRecord): void {
  const { marks } = turn.state;
  marks.agentFree(agentId);
  marks.usage(framework, role);
  marks.offers(framework);
  if (promised.length > 0) marks.framework(framework);
}
