// Owns frameworks: subscriptions and their sessions, and silence. Offers end here with the session that they were made
// to; tasks go on. How a framework ends is in framework-removal.ts.
import { nextFrameworkState } from '@parley/lifecycle/transitions';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ResyncResult, SubscribeRequest } from '@parley/protocol/frameworks';
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { openCard } from './cards.ts';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import {
  announceEvents,
  splitEvents,
  tellAgain,
  unacknowledgedEvents,
} from './framework-events.ts';
import type { Input } from './inputs.ts';
import { numberFloor, sessionFloor } from './kept-settings.ts';
import { MAX_FRAMEWORKS } from './limits.ts';
import { readDemand } from './needs.ts';
import { announceOffers, discardOffers, outstandingOffers, splitOffers } from './offer-book.ts';
import { strikeForReplaced } from './offer-expiry.ts';
import { checkRampUp } from './ramp-up.ts';
import type { FrameworkRecord } from './records.ts';
import { removedFailure } from './tombstones.ts';
import { report, reportViolation, type Turn } from './turn.ts';

/**
 * Opens a new session, whatever the one before was doing. Fails with `frameworkRemoved` or `overloaded`, and with
 * `malformed` when it suppresses, or needs something in, a role that it does not name, or states a need that no offer
 * would meet.
 */
export function subscribe(turn: Turn, framework: FrameworkRef, request: SubscribeRequest): Answer {
  const { state } = turn;
  const key = frameworkKey(framework);
  const known = state.frameworks.get(key);
  const next = nextFrameworkState(known?.state ?? 'unknown', 'subscribe');
  if (next === undefined || state.tombstones.has(key)) return removedFailure(key);
  if (known === undefined && state.frameworks.size >= MAX_FRAMEWORKS) {
    return fail('overloaded', `there are ${MAX_FRAMEWORKS} frameworks; tear some down first`);
  }
  const stated = readStated(request);
  if (!stated.ok) return stated;
  if (known !== undefined) {
    strikeForReplaced(state, known);
    discardOffers(turn, outstandingOffers(state, known), 'sessionReplaced');
  }
  const { name, failoverTimeoutMs, offerTimeoutMs, takesRevocable } = request;
  const record: FrameworkRecord = {
    ...history(turn, framework),
    ...stated.value,
    state: next,
    name,
    failoverTimeoutMs,
    ...(offerTimeoutMs !== undefined && { offerTimeoutMs }),
    ...(takesRevocable === true && { takesRevocable }),
  };
  state.books.frameworkChanged(known, record);
  state.frameworks.put(key, record);
  openCard(state, framework);
  state.marks.framework(framework);
  state.marks.tell({ kind: 'filtersCleared', framework });
  const { session, lastNumber } = record;
  report(turn, { type: 'frameworkSubscribed', framework, name, roles: request.roles, session });
  checkRampUp(turn, key);
  tellAgain(turn, record);
  const heartbeatIntervalMs = state.record.settings.frameworkHeartbeatIntervalMs;
  return succeed({ session, lastNumber, heartbeatIntervalMs });
}

/**
 * The framework's record when this session may make calls. Fails with `notSubscribed`, `sessionReplaced`
 * or `frameworkRemoved`.
 */
export function callingFramework(
  state: ClusterState,
  framework: FrameworkRef,
  session: number | undefined,
): Outcome<FrameworkRecord> {
  const key = frameworkKey(framework);
  const record = state.frameworks.get(key);
  if (state.tombstones.has(key) || record?.state === 'removed') return removedFailure(key);
  if (record === undefined || session === undefined || session > record.session) {
    return fail('notSubscribed', `${key} has no such session: subscribe first`);
  }
  if (isOfLostBooks(state, record)) {
    return fail('notSubscribed', `the books that knew ${key} are lost: subscribe again`);
  }
  if (session < record.session) {
    const message = `session ${record.session} of ${key} replaced session ${session}: stop this one`;
    return fail('sessionReplaced', message);
  }
  if (record.state !== 'subscribed') {
    return fail('notSubscribed', `${key} was silent for too long: subscribe again`);
  }
  return succeed(record);
}

/** Nobody has subscribed since the books were made anew: any session is one of before. */
const isOfLostBooks = (state: ClusterState, { state: lifecycle, session }: FrameworkRecord) =>
  lifecycle === 'disconnected' && session > 0 && session === sessionFloor(state);

/** What does not fit into the answer follows as numbered messages. */
export function resync(turn: Turn, record: FrameworkRecord): Answer {
  const offers = outstandingOffers(turn.state, record);
  const events = unacknowledgedEvents(turn.state, record);
  const [firstOffers] = splitOffers(turn.state, offers);
  const [firstEvents] = splitEvents(events);
  const result: ResyncResult = {
    lastNumber: record.lastNumber,
    offers: firstOffers?.offers ?? [],
    events: firstEvents ?? [],
  };
  const restOfOffers = offers.slice(result.offers.length);
  if (restOfOffers.length > 0) announceOffers(turn, record, restOfOffers);
  announceEvents(turn, record.framework, events.slice(result.events.length));
  return succeed(result);
}

/** The verdict on a session; about an older one it says nothing. */
export function frameworkFellSilent(
  turn: Turn,
  { framework, session }: Extract<Input, { kind: 'frameworkSilent' }>,
): void {
  const { state, context } = turn;
  const key = frameworkKey(framework);
  const before = state.frameworks.get(key);
  if (before === undefined || before.session !== session) return;
  const next = nextFrameworkState(before.state, 'silent');
  if (next === undefined) {
    if (before.state !== 'disconnected') reportViolation(turn, key, `silent while ${before.state}`);
    return;
  }
  const failoverAtMs = context.coreTimeMs + before.failoverTimeoutMs;
  const record: FrameworkRecord = { ...before, state: next, failoverAtMs };
  state.books.frameworkChanged(before, record);
  state.frameworks.put(key, record);
  state.deadlines.set(deadlineKey('framework', key), failoverAtMs);
  discardOffers(turn, outstandingOffers(state, record), 'frameworkDisconnected');
  state.marks.framework(framework);
  report(turn, { type: 'frameworkDisconnected', framework });
}

/** Roles and demand, as the request states them. */
function readStated({
  roles,
  suppressed,
  demand,
  takesRevocable,
}: SubscribeRequest): Outcome<Pick<FrameworkRecord, 'roles' | 'demand'>> {
  const foreign = suppressed.find((role) => !roles.includes(role));
  if (foreign !== undefined)
    return fail('malformed', `suppressed: ${foreign} is none of the roles`);
  const records = roles.map((role) => ({ role, isSuppressed: suppressed.includes(role) }));
  if (demand === undefined) return succeed({ roles: records });
  const needs = readDemand(demand, { roles, takesRevocable });
  return needs.ok ? succeed({ roles: records, demand: needs.value }) : needs;
}

/** What outlives a session. Messages that the one before never saw are nobody's to confirm any more. */
function history(
  { state, context }: Turn,
  framework: FrameworkRef,
): Omit<FrameworkRecord, 'state' | 'roles' | 'name' | 'failoverTimeoutMs'> {
  const known = state.frameworks.get(frameworkKey(framework));
  const rampUpMs = known?.rampUpMs;
  return {
    framework,
    session: (known?.session ?? sessionFloor(state)) + 1,
    lastNumber: known?.lastNumber ?? 0,
    confirmedNumber: known?.confirmedNumber ?? 0,
    expiryStrikes: known?.expiryStrikes ?? 0,
    lastEventId: known?.lastEventId ?? numberFloor(state),
    droppedEvents: known?.droppedEvents ?? 0,
    subscribedAtMs: known?.subscribedAtMs ?? context.coreTimeMs,
    ...(rampUpMs !== undefined && { rampUpMs }),
  };
}
