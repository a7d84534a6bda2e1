// Owns frameworks: subscriptions and their sessions, silence, removal. Their offers end here with them; their
// tasks go on until a kill order has ended them, and only then their resources are free.
import { nextFrameworkState } from '@parley/lifecycle/transitions';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { DemandRequest, ResyncResult, SubscribeRequest } from '@parley/protocol/frameworks';
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { normalise } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import type { Input } from './inputs.ts';
import { MAX_FRAMEWORKS } from './limits.ts';
import { announceOffers, discardOffers, outstandingOffers, splitOffers } from './offer-book.ts';
import { orderKill } from './orders.ts';
import { checkRampUp } from './ramp-up.ts';
import type { FrameworkRecord, TombstoneRecord } from './records.ts';
import { report, reportViolation, type Turn } from './turn.ts';

/** Opens a new session, whatever the one before was doing. Fails with `frameworkRemoved` or `overloaded`. */
export function subscribe(turn: Turn, framework: FrameworkRef, request: SubscribeRequest): Answer {
  const { state, context } = turn;
  const key = frameworkKey(framework);
  const before = state.frameworks.get(key);
  const next = nextFrameworkState(before?.state ?? 'unknown', 'subscribe');
  if (next === undefined || state.tombstones.has(key)) return removedFailure(key);
  if (before === undefined && state.frameworks.size >= MAX_FRAMEWORKS) {
    return fail('overloaded', `there are ${MAX_FRAMEWORKS} frameworks; tear some down first`);
  }
  if (before !== undefined) {
    discardOffers(turn, outstandingOffers(state, before), 'sessionReplaced');
  }
  const { name, role, failoverTimeoutMs } = request;
  const record: FrameworkRecord = {
    framework,
    state: next,
    name,
    role,
    session: (before?.session ?? 0) + 1,
    lastNumber: before?.lastNumber ?? 0,
    demand: normaliseDemand(request),
    failoverTimeoutMs,
    subscribedAtMs: before?.subscribedAtMs ?? context.coreTimeMs,
    ...(before?.rampUpMs !== undefined && { rampUpMs: before.rampUpMs }),
  };
  put(state, record);
  state.marks.announce({ kind: 'framework', framework });
  state.marks.usage(framework);
  const { session, lastNumber } = record;
  report(turn, { type: 'frameworkSubscribed', framework, name, role, session });
  checkRampUp(turn, key);
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
  if (session < record.session) {
    const message = `session ${record.session} of ${key} replaced session ${session}: stop this one`;
    return fail('sessionReplaced', message);
  }
  if (record.state !== 'subscribed') {
    return fail('notSubscribed', `${key} was silent for too long: subscribe again`);
  }
  return succeed(record);
}

export function stateDemand(turn: Turn, record: FrameworkRecord, request: DemandRequest): Answer {
  const key = frameworkKey(record.framework);
  turn.state.frameworks.put(key, { ...record, demand: normaliseDemand(request) });
  checkRampUp(turn, key);
  return succeed({});
}

/** What does not fit into the answer follows as numbered messages. */
export function resync(turn: Turn, record: FrameworkRecord): Answer {
  const offers = outstandingOffers(turn.state, record);
  const [first] = splitOffers(turn.state, offers);
  const result: ResyncResult = { lastNumber: record.lastNumber, offers: first?.offers ?? [] };
  const rest = offers.slice(result.offers.length);
  if (rest.length > 0) announceOffers(turn, record, rest);
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
  put(state, { ...before, state: next, failoverAtMs });
  state.deadlines.set(deadlineKey('framework', key), failoverAtMs);
  discardOffers(turn, outstandingOffers(state, before), 'frameworkDisconnected');
  state.marks.announce({ kind: 'framework', framework });
  report(turn, { type: 'frameworkDisconnected', framework });
}

/** For good: its id is not used again. Its tasks are killed. */
export function removeFramework(
  turn: Turn,
  record: FrameworkRecord,
  reason: TombstoneRecord['reason'],
): void {
  const { state } = turn;
  const { framework } = record;
  const key = frameworkKey(framework);
  const next = nextFrameworkState(record.state, reason);
  if (next === undefined) {
    reportViolation(turn, key, `${reason} while ${record.state}`);
    return;
  }
  const { failoverAtMs: _, ...rest } = record;
  put(state, { ...rest, state: next });
  discardOffers(turn, outstandingOffers(state, record), 'frameworkRemoved');
  bury(turn, { framework, removedAtMs: turn.context.coreTimeMs, reason });
  state.marks.announce({ kind: 'framework', framework });
  state.marks.usage(framework);
  report(turn, { type: 'frameworkRemoved', framework, reason });
  for (const task of [...(state.books.frameworks.get(key)?.tasks ?? [])]) {
    const live = state.tasks.get(task);
    if (live !== undefined) orderKill(turn, live, { reason: 'frameworkRemoved' });
  }
  forgetIfOver(turn, key);
}

/** A removed framework is forgotten when its last task has ended; the tombstone stays. */
export function forgetIfOver(turn: Turn, key: string): void {
  const { state } = turn;
  const record = state.frameworks.get(key);
  if (record?.state !== 'removed') return;
  if ((state.books.frameworks.get(key)?.tasks.size ?? 0) > 0) return;
  state.frameworks.delete(key);
  state.books.frameworkChanged(record, undefined);
  state.books.dropFrameworkIfEmpty(key);
  const { framework, role } = record;
  state.marks.frameworks.delete(key);
  state.marks.announce({ kind: 'fact', fact: { kind: 'usage', framework, role, scalars: {} } });
}

export function tombstoneDeadline(state: ClusterState, key: string): number | undefined {
  const tombstone = state.tombstones.get(key);
  return tombstone && tombstone.removedAtMs + state.record.settings.tombstonesMs;
}

export function dropTombstone(state: ClusterState, key: string): void {
  state.tombstones.delete(key);
  const queue = state.tombstoneQueue;
  for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
    if (state.tombstones.has(head)) return;
    queue.shift();
  }
}

function bury(turn: Turn, tombstone: TombstoneRecord): void {
  const { state, context } = turn;
  const { tombstonesMs, maxTombstones } = state.record.settings;
  const key = frameworkKey(tombstone.framework);
  state.tombstones.put(key, tombstone);
  state.tombstoneQueue.push(key);
  state.deadlines.set(deadlineKey('tombstone', key), context.coreTimeMs + tombstonesMs);
  while (state.tombstones.size > maxTombstones) {
    dropTombstone(state, state.tombstoneQueue.peek() ?? key);
  }
}

function put(state: ClusterState, record: FrameworkRecord): void {
  const key = frameworkKey(record.framework);
  state.books.frameworkChanged(state.frameworks.get(key), record);
  state.frameworks.put(key, record);
}

function normaliseDemand({ demand }: DemandRequest): FrameworkRecord['demand'] {
  return demand.map(({ count, resources }) => ({ count, resources: normalise(resources) }));
}

function removedFailure(key: string): ReturnType<typeof fail> {
  return fail('frameworkRemoved', `framework ${key} was removed; use a new id`);
}
