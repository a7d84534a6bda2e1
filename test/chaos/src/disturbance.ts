// Owns what a bus may do to messages, and draws from it: pure. What may happen, and why nothing else:
// - Late: anything may be, in either direction. What one connection says keeps its order, as TCP and the server keep it
//   (core NATS: the messages of one publisher reach a subscriber in the order in which they were published); so what
//   different connections say comes in another order than it was said in. That is how messages without an answer
//   (signs of life, offers, facts, events) are reordered here, and no other way.
// - Overtaken: a request may also fall behind what its connection says later. Its first copy may have been lost, and who
//   asked asks again. The same goes for an answer, since a request that is made again is answered again, and for an update
//   that is published again until the stream has acknowledged it.
// - Twice: for the same reason these three may come twice, the second copy late.
// Left in their order and single: writes that name the entry or revision that they follow (journal, leases), which nobody
// makes a second time; what the server itself is asked ($JS.API), where a pull that comes twice would be two pulls;
// acknowledgements of deliveries ($JS.ACK); and all that belongs to a connection (CONNECT, SUB, UNSUB, PING).
import { subjectPrefix } from '@parley/protocol/subject-entry';
import type { Random } from '@parley/test-simulation/random';
import { CLUSTER } from './layout.ts';
import type { Frame } from './nats-frames.ts';

export const MANNERS = ['calm', 'delay', 'reorder', 'duplicate'] as const;
export type Manner = (typeof MANNERS)[number];

export type Passing = {
  /** Behind everything that the connection said before it; false: on its own. */
  readonly keepsOrder: boolean;
  readonly lateMs: number;
  /** A second copy, so long after it. */
  readonly copyLateMs?: number;
};

/** Well below the time after which a connection counts as dead. */
const MAX_LATE_MS = 300;
/** Beyond the time after which most requests are made again. */
const MAX_APART_MS = 2500;
const LATE_CHANCE = 0.3;
const APART_CHANCE = 0.3;
const COPY_CHANCE = 0.4;

const AT_ONCE: Passing = { keepsOrder: true, lateMs: 0 };
const OWN_SUBJECTS = `${subjectPrefix(CLUSTER)}.`;
/** Whose subject is an inbox is an answer. */
const INBOX = '_INBOX.';
const EXPECTS = /^Nats-Expected-/im;

/** What a client sends, on its way to the server. */
export function passOn(frame: Frame, manner: Manner, random: Random): Passing {
  switch (manner) {
    case 'calm':
      return AT_ONCE;
    case 'delay':
      return late(random);
    case 'reorder':
      return mayBeMadeAgain(frame) && random.chance(APART_CHANCE)
        ? { keepsOrder: false, lateMs: random.between(0, MAX_APART_MS) }
        : AT_ONCE;
    case 'duplicate':
      return mayBeMadeAgain(frame) && random.chance(COPY_CHANCE)
        ? { ...AT_ONCE, copyLateMs: random.between(0, MAX_APART_MS) }
        : AT_ONCE;
  }
}

/** What the server sends: it may be late. */
export const passBack = (manner: Manner, random: Random): Passing =>
  manner === 'delay' ? late(random) : AT_ONCE;

/** A request on a subject of ours, or an answer to one. */
export function mayBeMadeAgain({ verb, subject = '', reply, headers = '' }: Frame): boolean {
  if (verb !== 'PUB' && verb !== 'HPUB') return false;
  if (EXPECTS.test(headers)) return false;
  return subject.startsWith(INBOX) || (subject.startsWith(OWN_SUBJECTS) && reply !== undefined);
}

const late = (random: Random): Passing =>
  random.chance(LATE_CHANCE)
    ? { keepsOrder: true, lateMs: random.between(1, MAX_LATE_MS) }
    : AT_ONCE;

/** Without the addresses of other nodes: a client is not to go round the proxy. */
export function hideOtherNodes(frame: Frame): Buffer {
  if (frame.verb !== 'INFO') return frame.bytes;
  const info: unknown = JSON.parse(frame.rest);
  if (typeof info !== 'object' || info === null) return frame.bytes;
  const kept = Object.entries(info).filter(([name]) => name !== 'connect_urls');
  return Buffer.from(`INFO ${JSON.stringify(Object.fromEntries(kept))}\r\n`);
}
