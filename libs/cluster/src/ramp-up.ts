// Owns the ramp-up metric: from its subscription until a framework first holds what is its own, the smaller of
// an equal part of the cluster and its demand. Measured for people; allocation does not read it.
import type { Resources } from '@parley/protocol/resources';
import { dominantShare, shareAsNumber } from '@parley/resources/dominant-share';
import { clusterShare } from './cluster-share.ts';
import type { ClusterState } from './cluster-state.ts';
import type { FrameworkRecord } from './records.ts';
import { ruleHolds } from './rules.ts';
import { report, type Turn } from './turn.ts';

type Scalars = Resources['scalars'];

/**
 * Called when what a framework holds, or what it wants, has changed. It counts as ramped up within one task:
 * one more of its smallest ones would exceed what is its own. Revocable tasks are in no share. Equal shares for all subscribed frameworks.
 */
export function checkRampUp(turn: Turn, key: string): void {
  const { state, context } = turn;
  const record = state.frameworks.get(key);
  if (record === undefined || record.rampUpMs !== undefined) return;
  const book = state.books.frameworks.get(key);
  if (book === undefined || book.shapes.size === 0) return;
  const held = book.allocated.toScalars();
  let smallest = Number.POSITIVE_INFINITY;
  for (const { scalars } of book.shapes.values()) {
    smallest = Math.min(smallest, partOf(state, scalars));
  }
  if (partOf(state, held) + smallest <= ownShare(state, record, held)) return;
  const rampUpMs = context.coreTimeMs - record.subscribedAtMs;
  state.frameworks.put(key, { ...record, rampUpMs });
  report(turn, { type: 'frameworkRampedUp', framework: record.framework, rampUpMs });
}

/** What it holds and what it still needs, or an equal part; only the latter where it states no demand. */
function ownShare(state: ClusterState, { demand }: FrameworkRecord, held: Scalars): number {
  const fair = 1 / Math.max(1, state.books.subscribedFrameworks);
  if (demand === undefined) return fair;
  const wanted: Scalars = { ...held };
  for (const { count, resources, revocable } of demand) {
    if (revocable === 'only') continue;
    for (const [name, amount] of Object.entries(resources.scalars)) {
      const before = Object.hasOwn(wanted, name) ? (wanted[name] ?? 0) : 0;
      wanted[name] = Math.min(Number.MAX_SAFE_INTEGER, before + count * amount);
    }
  }
  return Math.min(fair, partOf(state, wanted));
}

function partOf(state: ClusterState, scalars: Scalars): number {
  const share = ruleHolds(state, 'rampUpIsByWhatCounts')
    ? clusterShare(state, scalars)
    : dominantShare(scalars, state.books.total.toScalars());
  return shareAsNumber(share);
}
