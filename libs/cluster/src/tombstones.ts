// Owns the ids of removed frameworks: each stays removed for a long time, across leaders, bounded in number.
import { fail, type Outcome } from '@parley/protocol/errors';
import { frameworkKey } from '@parley/protocol/ids';
import { dropCardIfOver } from './cards.ts';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import type { TombstoneRecord } from './records.ts';
import type { Turn } from './turn.ts';

export function bury(turn: Turn, tombstone: TombstoneRecord): void {
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

export function tombstoneDeadline(state: ClusterState, key: string): number | undefined {
  const tombstone = state.tombstones.get(key);
  return tombstone && tombstone.removedAtMs + state.record.settings.tombstonesMs;
}

export function dropTombstone(state: ClusterState, key: string): void {
  state.tombstones.delete(key);
  dropCardIfOver(state, key);
  const queue = state.tombstoneQueue;
  for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
    if (state.tombstones.has(head)) return;
    queue.shift();
  }
}

export function removedFailure(key: string): Extract<Outcome<never>, { ok: false }> {
  return fail('frameworkRemoved', `framework ${key} was removed; use a new id`);
}
