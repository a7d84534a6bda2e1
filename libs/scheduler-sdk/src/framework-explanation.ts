// Owns what is said of one key when somebody asks why it does not run. Pure.
import type { Explanation, FrameworkCounts } from './framework-decisions.ts';
import type { FrameworkEntry } from './framework-entry.ts';

export function explainEntry(
  key: string,
  entry: FrameworkEntry | undefined,
  { nowMs, isReady }: { readonly nowMs: number; readonly isReady: boolean },
): Explanation {
  if (entry === undefined)
    return { key, state: isReady ? 'unknown' : 'recovering', reasons: [], taskIds: [] };
  const state = stateOf(entry, nowMs, isReady);
  const untilMs = untilOf(entry, state);
  const problem = entry.refused ?? entry.problem;
  const saysProblem = state === 'backoff' || state === 'quarantined';
  return {
    key,
    state,
    reasons: state === 'waiting' ? entry.reasons : [],
    taskIds: [...entry.attempts.values()].flatMap(({ tasks }) => [...tasks.keys()]),
    ...(saysProblem && problem !== undefined && { problem }),
    ...(untilMs !== undefined && { untilMs }),
  };
}

export function countEntries(
  entries: Iterable<FrameworkEntry>,
  { nowMs, isReady }: { readonly nowMs: number; readonly isReady: boolean },
): FrameworkCounts {
  const counts = {
    recovering: 0,
    waiting: 0,
    backoff: 0,
    staging: 0,
    running: 0,
    unreachable: 0,
    killing: 0,
    done: 0,
    quarantined: 0,
  };
  for (const entry of entries) counts[stateOf(entry, nowMs, isReady)] += 1;
  return counts;
}

type EntryState = Exclude<Explanation['state'], 'unknown'>;

function stateOf(entry: FrameworkEntry, nowMs: number, isReady: boolean): EntryState {
  const attempts = [...entry.attempts.values()];
  const states = attempts.flatMap(({ tasks }) => [...tasks.values()].map(({ state }) => state));
  if (attempts.length > 0 && attempts.every(({ isKillSent }) => isKillSent)) return 'killing';
  if (states.includes('running')) return 'running';
  if (states.includes('unreachable') && !entry.isOpen(nowMs)) return 'unreachable';
  if (states.length > 0 && !entry.isOpen(nowMs)) return 'staging';
  if (entry.phase === 'done') return 'done';
  if (entry.phase === 'quarantined' || entry.refused !== undefined) return 'quarantined';
  if (!isReady) return 'recovering';
  return entry.dueMs > nowMs ? 'backoff' : 'waiting';
}

function untilOf(entry: FrameworkEntry, state: Explanation['state']): number | undefined {
  if (state === 'backoff') return entry.dueMs;
  return state === 'waiting' ? entry.waitUntilMs : undefined;
}
