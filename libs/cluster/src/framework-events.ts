// Owns what must reach a framework though it is away: events are state until it acknowledges them, numbered without
// gaps, and told again whenever it or a leader begins anew. Offers have messages of their own (offer-book.ts).
import { fail, succeed } from '@parley/protocol/errors';
import type { AcknowledgeEventsRequest, FrameworkEvent } from '@parley/protocol/frameworks';
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { ClusterState } from './cluster-state.ts';
import { EVENTS_MESSAGE_BYTES } from './limits.ts';
import { nextNumber } from './offer-book.ts';
import type { FrameworkRecord } from './records.ts';
import type { Turn } from './turn.ts';

type WithoutId<Event> = Event extends FrameworkEvent ? Omit<Event, 'eventId'> : never;
export type NewEvent = WithoutId<FrameworkEvent>;

/** A framework that was removed, or that nobody knows, is told nothing. */
export function tellFramework(
  turn: Turn,
  { principal, frameworkId }: FrameworkRef,
  told: NewEvent,
): void {
  const { state } = turn;
  const framework = { principal, frameworkId };
  const key = frameworkKey(framework);
  const record = state.frameworks.get(key);
  if (record === undefined || record.state === 'removed') return;
  const eventId = record.lastEventId + 1;
  const event: FrameworkEvent = { ...told, eventId };
  state.frameworks.put(key, { ...record, lastEventId: eventId });
  state.frameworkEvents.put(eventKey(key, eventId), { framework, event });
  state.eventSpans.kept(key, eventId);
  dropOldest(state, key);
  announceEvents(turn, framework, [event]);
}

/** Everything that it has not acknowledged, oldest first. */
export function unacknowledgedEvents(
  state: ClusterState,
  { framework }: Pick<FrameworkRecord, 'framework'>,
): FrameworkEvent[] {
  const key = frameworkKey(framework);
  return state.eventSpans
    .of(key)
    .map((eventId) => state.frameworkEvents.get(eventKey(key, eventId))?.event)
    .filter((event) => event !== undefined);
}

/** As numbered messages, each of a bounded size. Nothing for a framework that is not subscribed. */
export function announceEvents(
  turn: Turn,
  framework: FrameworkRef,
  events: readonly FrameworkEvent[],
): void {
  const { state } = turn;
  const record = state.frameworks.get(frameworkKey(framework));
  if (record?.state !== 'subscribed') return;
  for (const chunk of splitEvents(events)) {
    const number = nextNumber(state, framework);
    const message = { number, events: chunk, dropped: record.droppedEvents };
    turn.effects.push({ kind: 'events', framework, message });
  }
}

export function tellAgain(turn: Turn, { framework }: Pick<FrameworkRecord, 'framework'>): void {
  announceEvents(turn, framework, unacknowledgedEvents(turn.state, { framework }));
}

/** In order, each within the size of a message as far as it can be estimated. */
export function splitEvents(events: readonly FrameworkEvent[]): FrameworkEvent[][] {
  const chunks: FrameworkEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const size = estimateBytes(event);
    if (bytes + size > EVENTS_MESSAGE_BYTES) {
      chunks.push([]);
      bytes = 0;
    }
    bytes += size;
    chunks.at(-1)?.push(event);
  }
  return chunks;
}

/** These were handled. Fails with `malformed` when one of them was never told. */
export function acknowledgeEvents(
  turn: Turn,
  { framework, lastEventId }: FrameworkRecord,
  { upTo }: AcknowledgeEventsRequest,
): Answer {
  if (upTo > lastEventId) {
    return fail('malformed', `upTo: the last event that was told is ${lastEventId}`);
  }
  const key = frameworkKey(framework);
  for (const eventId of turn.state.eventSpans.of(key)) {
    if (eventId <= upTo) drop(turn.state, key, eventId);
  }
  return succeed({});
}

/** The framework was removed: nobody is left to be told. */
export function dropEvents(state: ClusterState, key: string): void {
  for (const eventId of state.eventSpans.of(key)) drop(state, key, eventId);
}

/** Bounded: a framework that acknowledges nothing loses the oldest, and is told how many. */
function dropOldest(state: ClusterState, key: string): void {
  const { eventsPerFramework } = state.record.settings;
  while (state.eventSpans.count(key) > eventsPerFramework) {
    const oldest = state.eventSpans.oldest(key);
    const record = state.frameworks.get(key);
    if (oldest === undefined || record === undefined) return;
    drop(state, key, oldest);
    state.frameworks.put(key, { ...record, droppedEvents: record.droppedEvents + 1 });
  }
}

function drop(state: ClusterState, key: string, eventId: number): void {
  state.frameworkEvents.delete(eventKey(key, eventId));
  state.eventSpans.dropped(key, eventId);
}

/** Not below its MessagePack size: text counts up to three bytes a character. */
function estimateBytes(event: FrameworkEvent): number {
  if (event.kind === 'inverseOffer') return 400 + 3 * JSON.stringify(event.resources).length;
  if (event.kind === 'agentInverseOffer') return 1200 + 70 * event.agents.length;
  if (event.kind !== 'executorExited') return 200;
  return 400 + 3 * ((event.message?.length ?? 0) + (event.signal?.length ?? 0));
}

const eventKey = (framework: string, eventId: number): string => `${framework}#${eventId}`;
