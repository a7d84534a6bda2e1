// Owns what the shells of a simulated process see of the world through their ports: the bus, the journal, the key of a
// lease, the streams of updates, the store of snapshots. Nothing answers a process that is dead, and all of it waits for one
// that is held up.
import type { BusMessage, ProbingBus } from '@parley/actor/bus';
import type { AppendResult, Journal, JournalTail } from '@parley/actor/journal';
import type { LeaseStore } from '@parley/actor/lease-store';
import type { UpdateWriter } from '@parley/actor/nats/update-writer';
import { mayReply } from '@parley/actor/reply-check';
import type { SnapshotStore } from '@parley/actor/snapshot-store';
import type { SettingsStore } from '@parley/master/settings-store';
import type { StreamEnd, UpdateReader, UpdateReading } from '@parley/master/term-surroundings';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { PrincipalName } from '@parley/protocol/ids';
import type { ActorLog } from '@parley/telemetry/logger';
import type { ProcessTime } from './process-time.ts';
import type { LeaseKey } from './simulated-lease.ts';
import type { Acknowledgement } from './simulated-streams.ts';
import type { World } from './world.ts';

/** Between the servers of a journal and its followers. */
export const JOURNAL_TAIL = 'journal.tail';
/** Of a probe until "nobody there" is believed: as NatsBus waits. */
const NOBODY_MS = 50;
const NO_ANSWER_MS = 2000;
const PULL_MS = 5;
const UPDATES_A_BATCH = 16;

export type Place = ProcessTime & {
  readonly world: World;
  readonly name: string;
  /** Where answers to its requests go. */
  readonly inbox: string;
  readonly whileAlive: <Arguments extends unknown[]>(
    run: (...given: Arguments) => void,
  ) => (...given: Arguments) => void;
  readonly isAlive: () => boolean;
  readonly subscribe: (
    pattern: string,
    handle: (message: { subject: string; bytes: Uint8Array; reply?: string }) => void,
  ) => () => void;
  /** Sees what is published, before it is sent. */
  readonly publishes: (subject: string, bytes: Uint8Array) => void;
};

const wayOf = ({ world, name, isAlive }: Place) => ({
  reachable: () => isAlive() && world.bus.canSend(name),
  hears: () => isAlive() && world.bus.canHear(name),
});

/** An answer of a server, a moment later; undefined when none comes. */
function asked<Value>(
  place: Place,
  server: { drawAnswer(): number | undefined },
  act: () => Value,
): Promise<Value | undefined> {
  const way = wayOf(place);
  return new Promise((resolve) => {
    const answer = place.whileAlive(resolve);
    const { clock } = place.world;
    const inMs = way.reachable() ? server.drawAnswer() : undefined;
    if (inMs === undefined || inMs >= NO_ANSWER_MS) {
      clock.after(NO_ANSWER_MS, () => answer(undefined));
      return;
    }
    clock.after(inMs, () => {
      const value = act();
      const isHeard = way.hears();
      clock.after(isHeard ? 0 : NO_ANSWER_MS - inMs, () => answer(isHeard ? value : undefined));
    });
  });
}

export function busOf(place: Place): ProbingBus {
  const { world, name, inbox, publishes } = place;
  const waiting = new Map<string, (answer: Uint8Array) => void>();
  let requests = 0;
  place.subscribe(`${inbox}.*`, ({ subject, bytes }) => waiting.get(subject)?.(bytes));
  const isConnected = (): boolean => !world.bus.isCut(name);
  const send = (subject: string, bytes: Uint8Array, reply?: string): Outcome<undefined> => {
    if (!place.isAlive() || !isConnected()) return fail('unavailable', 'not connected to the bus');
    if (reply === undefined) publishes(subject, bytes);
    world.bus.publish(name, { subject, bytes, ...(reply !== undefined && { reply }) });
    return succeed(undefined);
  };
  const ask = (subject: string, bytes: Uint8Array, timeoutMs: number) =>
    new Promise<Uint8Array | undefined>((resolve) => {
      requests += 1;
      const reply = `${inbox}.${requests}`;
      const answer = (bytesOfAnswer: Uint8Array | undefined): void => {
        if (waiting.delete(reply)) resolve(bytesOfAnswer);
      };
      waiting.set(reply, answer);
      place.after(timeoutMs, () => answer(undefined));
      if (!send(subject, bytes, reply).ok) answer(undefined);
    });
  return {
    get connected() {
      return isConnected();
    },
    isClustered: false,
    publish: (subject, bytes) => send(subject, bytes),
    request: async (subject, bytes, timeoutMs) => {
      publishes(subject, bytes);
      const answer = await ask(subject, bytes, timeoutMs);
      return answer === undefined
        ? fail('unavailable', `no answer on ${subject}`)
        : succeed(answer);
    },
    probe: async (subject, bytes, timeoutMs) => {
      if (!isConnected()) return 'unknown';
      if (!world.bus.hasListener(subject)) {
        await new Promise<void>((resolve) => place.after(NOBODY_MS, resolve));
        if (!world.bus.hasListener(subject)) return 'nobody';
      }
      return (await ask(subject, bytes, timeoutMs)) === undefined ? 'unknown' : 'answered';
    },
    subscribe: (pattern, handler) => ({
      close: place.subscribe(pattern, (message) => {
        const respond = (bytes: Uint8Array): Outcome<undefined> => {
          const { subject, reply } = message;
          return reply !== undefined && mayReply(world.cluster, subject, reply)
            ? send(reply, bytes)
            : fail('notPermitted', 'no answer may go there');
        };
        handler({ ...message, respond } satisfies BusMessage);
      }),
    }),
  };
}

const RESULTS: Record<Exclude<Acknowledgement['kind'], 'stored'>, AppendResult> = {
  refused: { kind: 'refused' },
  full: { kind: 'diskFull', message: 'no space (simulated)' },
  unknown: { kind: 'unknown', message: 'no acknowledgement (simulated)' },
};

export function journalOf(place: Place): Journal & JournalTail {
  const { world, name } = place;
  const { journal } = world;
  /** At most so many from that sequence on. */
  const entries = (sequence: number, limit: number) =>
    journal.messages
      .slice(Math.max(sequence, journal.firstSequence) - 1, sequence - 1 + limit)
      .map((one) => ({ sequence: one.sequence, bytes: one.bytes, storedMs: one.sequence }));
  const read = async <Value>(act: () => Value): Promise<Outcome<Value>> => {
    const answer = await asked(place, journal, () => ({ value: act() }));
    return answer === undefined
      ? fail('unavailable', 'the journal does not answer')
      : succeed(answer.value);
  };
  return {
    append: ({ expectedSequence, bytes }) =>
      new Promise((resolve) => {
        const done = place.whileAlive((outcome: Acknowledgement) =>
          resolve(
            outcome.kind === 'stored'
              ? { kind: 'committed', sequence: outcome.sequence }
              : RESULTS[outcome.kind],
          ),
        );
        journal.append({ subject: 'journal', bytes, expectedSequence, ...wayOf(place) }, done);
      }),
    info: () =>
      read(() => ({
        createdMs: journal.createdMs,
        firstSequence: journal.firstSequence,
        lastSequence: journal.lastSequence,
        bytes: 0,
      })),
    read: (sequence, limit) => read(() => entries(sequence, limit)),
    entryAt: (sequence) => read(() => entries(sequence, 1)[0]),
    // Where snapshots may be damaged the journal is kept: else one more damage would be lost books.
    purgeBelow: (sequence) =>
      world.losesBooks
        ? read(() => {
            world.note(
              `${name} has the entries below ${sequence} removed, of ${journal.lastSequence}`,
            );
            journal.purgeBelow(sequence);
            return undefined;
          })
        : Promise.resolve(succeed(undefined)),
    subscribe: (handler) => ({
      close: place.subscribe(`${JOURNAL_TAIL}.*`, ({ subject, bytes }) =>
        handler({ sequence: Number(subject.split('.').at(-1)), bytes }),
      ),
    }),
  };
}

export function leaseOf(place: Place, key: LeaseKey): LeaseStore {
  const { leases } = place.world;
  return {
    read: () => new Promise((resolve) => leases.read(key, wayOf(place), place.whileAlive(resolve))),
    write: (write) =>
      new Promise((resolve) => leases.write(key, write, wayOf(place), place.whileAlive(resolve))),
  };
}

export function updateWriterOf(
  place: Place,
  streamOf: (subject: string, bytes: Uint8Array) => ReturnType<World['updates']>,
): UpdateWriter {
  return {
    write: (subject, bytes) =>
      new Promise((resolve) => {
        const done = place.whileAlive((outcome: Acknowledgement) =>
          resolve(
            outcome.kind === 'stored'
              ? succeed({ sequence: outcome.sequence })
              : fail('unavailable', 'not stored'),
          ),
        );
        streamOf(subject, bytes).append({ subject, bytes, ...wayOf(place) }, done);
      }),
  };
}

/** Pulls what follows the position, in batches, each handed over when the one before was taken. */
export function updateReaderOf(
  place: Place,
  { principal, from, onBatch }: UpdateReading,
): UpdateReader {
  const stream = place.world.updates(principal);
  const { createdMs: streamCreatedMs } = stream;
  let isOpen = true;
  let position = from.streamCreatedMs === streamCreatedMs ? from.sequence : 0;
  const pull = async (): Promise<void> => {
    while (isOpen) {
      const pulled = await asked(place, stream, () =>
        stream.messages.slice(position, position + UPDATES_A_BATCH),
      );
      if (!isOpen) return;
      const readUpTo = pulled?.at(-1)?.sequence;
      if (pulled !== undefined && readUpTo !== undefined) {
        const messages = pulled.map(({ sequence, ...rest }) => ({
          ...rest,
          streamSequence: sequence,
        }));
        await onBatch({ streamCreatedMs, messages, readUpTo });
        position = readUpTo;
      } else await new Promise<void>((resolve) => place.after(PULL_MS, resolve));
    }
  };
  return {
    start: () => void pull(),
    close: async () => {
      isOpen = false;
    },
  };
}

export function settingsOf(place: Place): SettingsStore {
  return place.world.settings.storeOf((act) => asked(place, place.world.journal, act));
}

/** Of a principal's stream. */
export async function endOfUpdates(
  place: Place,
  principal: PrincipalName,
): Promise<Outcome<StreamEnd>> {
  const stream = place.world.updates(principal);
  const { createdMs, lastSequence } = stream;
  const answer = await asked(place, stream, () => ({ createdMs, lastSequence }));
  return answer === undefined ? fail('unavailable', 'no answer') : succeed(answer);
}

export function snapshotsOf(place: Place, writer: string): SnapshotStore {
  return place.world.snapshots.storeOf(writer, (act) => asked(place, place.world.journal, act));
}

/** No framework's roles are ever others in the books than it was told. */
const OTHER_ROLES = /^the roles of a framework are others/;
/** What masters say of books that are lost. */
const LOSSES = /^ALARM: (term is over: )?the books are (lost|damaged)/;

/** What is worth a line in the report of a failing run. An alarm is a failure: nobody's state is ever another. */
export function logOf({ world, name }: Place): ActorLog {
  const note = (level: string) => (first: object | string, message?: string) => {
    const text = typeof first === 'string' ? first : `${message} ${JSON.stringify(first)}`;
    world.note(`${name}: ${text.slice(0, 400)}`);
    const isLoss = world.losesBooks && LOSSES.test(text);
    const isAlarm = level === 'error' && text.startsWith('ALARM') && !isLoss;
    if (isAlarm || OTHER_ROLES.test(text)) world.fail(new Error(`${name}: ${text}`));
  };
  return { debug: () => undefined, info: note('info'), warn: note('warn'), error: note('error') };
}
