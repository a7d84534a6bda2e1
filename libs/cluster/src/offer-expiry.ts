// Owns what time does to offers: an unanswered one is rescinded, and a framework that saw it and let it expire gets
// fewer at a time until it answers again. Mesos docs, "Configuration", --offer_timeout; there it costs nothing.
import { frameworkKey, type OfferId } from '@parley/protocol/ids';
import { countExpired } from './cards.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Input } from './inputs.ts';
import { offersOf, outstandingOffers, rescindOffers } from './offer-book.ts';
import type { FrameworkRecord, OfferRecord } from './records.ts';
import { ruleHolds } from './rules.ts';
import type { Turn } from './turn.ts';

/** Offers at a time after the first expired one; each further one halves it, down to one. */
const OFFERS_AFTER_FIRST_STRIKE = 32;
/** More would only make it longer to get back to where there is no limit. */
const MAX_EXPIRY_STRIKES = 1 + Math.log2(OFFERS_AFTER_FIRST_STRIKE);

/** Undefined: as many as there are. */
export function maxOffersOf({
  expiryStrikes,
}: Pick<FrameworkRecord, 'expiryStrikes'>): number | undefined {
  if (expiryStrikes === 0) return undefined;
  return Math.max(1, Math.floor(OFFERS_AFTER_FIRST_STRIKE / 2 ** (expiryStrikes - 1)));
}

/** Core time until which a new offer to this framework may be answered. */
export function expiryOf(turn: Turn, framework: FrameworkRecord): number {
  const timeoutMs = framework.offerTimeoutMs ?? turn.state.record.settings.offerTimeoutMs;
  return turn.context.coreTimeMs + timeoutMs;
}

export function offerDeadline(state: ClusterState, key: string): number | undefined {
  return state.offers.get(key)?.expiresAtMs;
}

/** Offers that are due together are rescinded together. */
export function expireOffers(turn: Turn, ids: readonly OfferId[]): void {
  const { state } = turn;
  const offers = offersOf(state, ids);
  for (const offer of offers) {
    const { framework, agentId } = offer;
    const isIgnored = hasSeen(state.frameworks.get(frameworkKey(framework)), offer);
    countExpired(state, framework, isIgnored);
    if (isIgnored) strike(state, offer, 1);
    state.marks.tell({ kind: 'leftUnused', framework, agentId });
  }
  rescindOffers(turn, offers, 'offerTimeout');
}

/** It answered an offer, with whatever: one strike less. */
export function forgiveStrike(state: ClusterState, offer: OfferRecord): void {
  strike(state, offer, -1);
}

/**
 * A session ends with offers that it saw and left unanswered: one strike however many they are, since a scheduler that
 * failed could not answer them. Else subscribing again and again would be a way to hold offers for nothing.
 */
export function strikeForReplaced(state: ClusterState, known: FrameworkRecord): void {
  if (!ruleHolds(state, 'replacedSessionsAreStruck')) return;
  const ignored = outstandingOffers(state, known).find((offer) => hasSeen(known, offer));
  if (ignored !== undefined) strike(state, ignored, 1);
}

/** What a framework of that session says that it has seen; numbers that it was never sent do not count. */
export function confirmMessages(
  { state }: Turn,
  { framework, session, number }: Extract<Input, { kind: 'frameworkConfirmed' }>,
): void {
  const key = frameworkKey(framework);
  const record = state.frameworks.get(key);
  if (record?.session !== session || record.state !== 'subscribed') return;
  const confirmedNumber = Math.min(number, record.lastNumber);
  if (confirmedNumber <= record.confirmedNumber) return;
  state.frameworks.put(key, { ...record, confirmedNumber });
}

function hasSeen(framework: FrameworkRecord | undefined, offer: OfferRecord): boolean {
  return framework !== undefined && offer.number <= framework.confirmedNumber;
}

function strike(state: ClusterState, { framework }: OfferRecord, by: 1 | -1): void {
  const key = frameworkKey(framework);
  const record = state.frameworks.get(key);
  if (record === undefined) return;
  const expiryStrikes = Math.min(MAX_EXPIRY_STRIKES, Math.max(0, record.expiryStrikes + by));
  if (expiryStrikes === record.expiryStrikes) return;
  state.frameworks.put(key, { ...record, expiryStrikes });
  state.marks.framework(framework);
}
