// Owns what a moment of the past is, as people name it, and which journal entry it means: the last one stored by then.
// Times are those of the journal's server. Binary search, so that a long journal costs some twenty reads.
import type { Journal } from '@parley/actor/journal';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { unreachable } from '@parley/protocol/unreachable';
import type { Kept } from './replay-source.ts';

export type Moment =
  | { readonly kind: 'first' }
  | { readonly kind: 'last' }
  | { readonly kind: 'entry'; readonly sequence: number }
  | { readonly kind: 'time'; readonly atMs: number }
  /** So long before the last entry. */
  | { readonly kind: 'before'; readonly ms: number };

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** A while that is longer is before every journal; beyond some hundred thousand years it would be no time at all. */
const LONGEST_MS = 100 * 365 * 86_400_000;
const DAY_AND_TIME =
  /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** What may be typed, in words. */
export const MOMENT_WORDS =
  'an entry of the journal (1042), a time (2026-05-04T10:15:00Z, or without a zone in local time), a while before the last entry (90s, 10m, 2h), "first" or "last"';

/** Undefined: it is no moment. */
export function parseMoment(text: string): Moment | undefined {
  if (text === 'first' || text === 'last') return { kind: text };
  if (/^\d+$/.test(text)) {
    const sequence = Number(text);
    return Number.isSafeInteger(sequence) ? { kind: 'entry', sequence } : undefined;
  }
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined) {
    const ms = Math.round(Number(amount) * (DURATION_UNITS[unit] ?? 0));
    return { kind: 'before', ms: Math.min(ms, LONGEST_MS) };
  }
  if (!DAY_AND_TIME.test(text)) return undefined;
  const atMs = Date.parse(text.replace(' ', 'T'));
  return Number.isNaN(atMs) ? undefined : { kind: 'time', atMs };
}

/** How far the source knows the past: a file ends where it was written. Wall clock, milliseconds since 1970. */
export type KnownPast = Kept & { readonly knownUntilMs: number };

/** The last entry of that moment. Fails with `unknownMoment`, saying what is kept. */
export async function entryOf(
  journal: Pick<Journal, 'entryAt'>,
  past: KnownPast,
  moment: Moment,
): Promise<Outcome<number>> {
  const { first, last } = past;
  switch (moment.kind) {
    case 'first':
      return succeed(first.sequence);
    case 'last':
      return succeed(last.sequence);
    case 'entry': {
      const isKept = moment.sequence >= first.sequence && moment.sequence <= last.sequence;
      if (isKept) return succeed(moment.sequence);
      return fail('unknownMoment', `there is no entry ${moment.sequence}: ${keptWords(past)}`);
    }
    case 'time':
      return entryStoredBy(journal, past, moment.atMs);
    case 'before':
      return entryStoredBy(journal, past, last.storedMs - moment.ms);
    default:
      return unreachable(moment);
  }
}

async function entryStoredBy(
  journal: Pick<Journal, 'entryAt'>,
  past: KnownPast,
  atMs: number,
): Promise<Outcome<number>> {
  const { first, last, knownUntilMs } = past;
  const words = new Date(atMs).toISOString();
  if (atMs < first.storedMs) {
    return fail('unknownMoment', `${words} is before everything that is kept: ${keptWords(past)}`);
  }
  if (atMs > Math.max(knownUntilMs, last.storedMs)) {
    return fail('unknownMoment', `nothing is known of ${words} yet: ${keptWords(past)}`);
  }
  let low = first.sequence;
  let high = last.sequence;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const entry = await journal.entryAt(middle);
    if (!entry.ok) return entry;
    // Purged meanwhile: it is older than all that is left.
    if (entry.value === undefined || entry.value.storedMs <= atMs) low = middle;
    else high = middle - 1;
  }
  return succeed(low);
}

export function keptWords({ first, last }: Pick<Kept, 'first' | 'last'>): string {
  const at = (storedMs: number): string => new Date(storedMs).toISOString();
  return `entries ${first.sequence} (${at(first.storedMs)}) to ${last.sequence} (${at(last.storedMs)}) are kept`;
}

/** The first entry of what happened from that moment on; one past the last where nothing did. Fails likewise. */
export async function firstEntryFrom(
  journal: Pick<Journal, 'entryAt'>,
  past: KnownPast,
  moment: Moment,
): Promise<Outcome<number>> {
  const { first, last } = past;
  if (moment.kind !== 'time' && moment.kind !== 'before') return entryOf(journal, past, moment);
  const isAgo = moment.kind === 'before';
  const atMs = isAgo ? last.storedMs - moment.ms : moment.atMs;
  // A while that is longer than what is kept means all of it.
  if (atMs === first.storedMs || (isAgo && atMs < first.storedMs)) return succeed(first.sequence);
  const time = { kind: 'time', atMs: atMs - 1 } as const;
  const before = await entryOf(journal, past, time);
  return before.ok ? succeed(before.value + 1) : before;
}
