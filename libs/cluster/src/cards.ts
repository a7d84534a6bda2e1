// Owns the report card of each framework: what it did with its offers and how long its tasks were. For people who
// ask why a framework gets little; allocation does not read it. It lives as long as the framework or its tombstone.
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { DeclineReason } from '@parley/protocol/offers';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { ClusterState } from './cluster-state.ts';
import type { CardRecord, OfferRecord, TaskRecord } from './records.ts';
import type { Turn } from './turn.ts';

type Patch = (card: CardRecord) => Partial<CardRecord>;

export function openCard(state: ClusterState, framework: FrameworkRef): void {
  const key = frameworkKey(framework);
  if (state.cards.has(key)) return;
  state.cards.put(key, {
    framework,
    offered: 0,
    accepted: 0,
    declined: 0,
    rescinded: 0,
    expired: 0,
    ignored: 0,
    declineReasons: {},
    holdingMs: 0,
    launched: 0,
    ended: {},
    taskLengths: [],
    launchDelays: [],
  });
}

/** Goes when neither the framework nor its tombstone is there any more. */
export function dropCardIfOver(state: ClusterState, key: string): void {
  if (!state.frameworks.has(key) && !state.tombstones.has(key)) state.cards.delete(key);
}

export function countOffered(state: ClusterState, framework: FrameworkRef): void {
  change(state, framework, ({ offered }) => ({ offered: offered + 1 }));
}

export function countAccepted(turn: Turn, offer: OfferRecord): void {
  const heldMs = turn.context.coreTimeMs - offer.madeAtMs;
  change(turn.state, offer.framework, ({ accepted, holdingMs }) => ({
    accepted: accepted + 1,
    holdingMs: holdingMs + heldMs,
  }));
}

export function countDeclined(
  turn: Turn,
  offer: OfferRecord,
  reason: DeclineReason | undefined,
): void {
  const heldMs = turn.context.coreTimeMs - offer.madeAtMs;
  change(turn.state, offer.framework, ({ declined, holdingMs, declineReasons }) => ({
    declined: declined + 1,
    holdingMs: holdingMs + heldMs,
    ...(reason !== undefined && { declineReasons: oneMore(declineReasons, reason) }),
  }));
}

/** Taken back for another reason than that it was not answered. */
export function countRescinded(state: ClusterState, framework: FrameworkRef): void {
  change(state, framework, ({ rescinded }) => ({ rescinded: rescinded + 1 }));
}

/** `isIgnored`: the framework had confirmed seeing it. */
export function countExpired(
  state: ClusterState,
  framework: FrameworkRef,
  isIgnored: boolean,
): void {
  change(state, framework, ({ expired, ignored }) => ({
    expired: expired + 1,
    ignored: ignored + (isIgnored ? 1 : 0),
  }));
}

export function countLaunched(turn: Turn, { task }: TaskRecord): void {
  change(turn.state, task, ({ launched }) => ({ launched: launched + 1 }));
}

/** When it is running for the first time. */
export function countRunning(turn: Turn, { task, launchedAtMs }: TaskRecord): void {
  const bucket = bucketOf(turn.context.coreTimeMs - launchedAtMs);
  change(turn.state, task, ({ launchDelays }) => ({
    launchDelays: oneMoreAt(launchDelays, bucket),
  }));
}

/** A task that never ran has no length. */
export function countEnded(
  turn: Turn,
  { task, runningAtMs }: TaskRecord,
  update: Pick<StatusUpdate, 'state'>,
): void {
  change(turn.state, task, ({ ended, taskLengths }) => ({
    ended: oneMore(ended, update.state),
    ...(runningAtMs !== undefined && {
      taskLengths: oneMoreAt(taskLengths, bucketOf(turn.context.coreTimeMs - runningAtMs)),
    }),
  }));
}

/**
 * Length of the framework's median task in milliseconds; undefined before the first task that ran has ended. As the
 * upper bound of its bucket: it is less than this, and at least half of it.
 */
export function medianTaskMs({ taskLengths }: Pick<CardRecord, 'taskLengths'>): number | undefined {
  return medianOf([taskLengths]);
}

/**
 * Milliseconds from launch to running of the median task over all the cards: what a launch costs on this cluster.
 * Likewise the upper bound of the bucket.
 */
export function medianLaunchDelayMs(
  cards: Iterable<Pick<CardRecord, 'launchDelays'>>,
): number | undefined {
  return medianOf([...cards].map(({ launchDelays }) => launchDelays));
}

function medianOf(histograms: readonly (readonly number[])[]): number | undefined {
  const sums: number[] = [];
  for (const histogram of histograms) {
    for (const [bucket, count] of histogram.entries()) sums[bucket] = (sums[bucket] ?? 0) + count;
  }
  const total = sums.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let below = 0;
  const bucket = sums.findIndex((count) => {
    below += count;
    return 2 * below >= total;
  });
  return 2 ** (bucket + 1);
}

/** Bucket n: from 2^n up to 2^(n+1) ms; what is shorter than 2 ms is in bucket 0. */
function bucketOf(ms: number): number {
  return ms < 2 ? 0 : Math.floor(Math.log2(ms));
}

function oneMore(counts: Readonly<Record<string, number>>, name: string): Record<string, number> {
  const before = Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0;
  return { ...counts, [name]: before + 1 };
}

function oneMoreAt(histogram: readonly number[], bucket: number): number[] {
  const length = Math.max(histogram.length, bucket + 1);
  return Array.from({ length }, (_, index) => (histogram[index] ?? 0) + (index === bucket ? 1 : 0));
}

/** Nothing is counted of a framework whose card is gone. */
function change(state: ClusterState, framework: FrameworkRef, patch: Patch): void {
  const key = frameworkKey(framework);
  const card = state.cards.get(key);
  if (card !== undefined) state.cards.put(key, { ...card, ...patch(card) });
}
