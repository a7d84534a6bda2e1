// Owns the records of maintenance windows and of the inverse offers for them, and when each has its next turn. The leader's
// wall clock says when: it is read at the start of a term and when a turn seems to have come, so a window neither waits for
// the time in which nobody led nor comes early because core time ran fast.
import type { MaintenanceState } from '@parley/lifecycle/transitions';
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import type { InverseOfferRecord, MaintenanceRecord } from './maintenance-records.ts';
import type { Turn } from './turn.ts';

/** With the core time at which it has its next turn. */
export function putWindow(turn: Turn, record: Omit<MaintenanceRecord, 'dueAtMs'>): void {
  const { state, context } = turn;
  const leftMs = Math.max(0, nextWallTimeMs(record) - context.wallTimeMs);
  const dueAtMs = context.coreTimeMs + leftMs;
  state.maintenance.put(record.windowId, { ...record, dueAtMs });
  state.deadlines.set(deadlineKey('maintenance', record.windowId), dueAtMs);
}

/** A new term: time without a leader is no core time. */
export function setWindowsAnew(turn: Turn): void {
  for (const key of [...turn.state.maintenance.keys()]) {
    const record = turn.state.maintenance.get(key);
    if (record !== undefined) putWindow(turn, record);
  }
}

/** Its inverse offers go with it. */
export function dropWindow(state: ClusterState, { windowId }: MaintenanceRecord): void {
  for (const { framework } of inverseOffersOf(state, windowId)) {
    state.inverseOffers.delete(inverseOfferKey(windowId, framework));
  }
  state.maintenance.delete(windowId);
}

export function inverseOffersOf(state: ClusterState, windowId: string): InverseOfferRecord[] {
  return [...state.inverseOffers.rows()].filter((record) => record.windowId === windowId);
}

/** Wall time at which it is to be announced, to begin, or to end. */
export function nextWallTimeMs({
  state,
  startWallTimeMs,
  noticeMs,
  durationMs,
}: Pick<MaintenanceRecord, 'state' | 'startWallTimeMs' | 'noticeMs' | 'durationMs'>): number {
  switch (state) {
    case 'planned':
      return startWallTimeMs - noticeMs;
    case 'announced':
      return startWallTimeMs;
    case 'underWay':
    case 'ended':
    case 'cancelled':
      return startWallTimeMs + durationMs;
    default:
      return unreachable(state);
  }
}

export const inverseOfferKey = (windowId: string, framework: FrameworkRef): string =>
  `${windowId} ${frameworkKey(framework)}`;

/** Announced and not over: its agents are out of offers. */
export const isNear = (state: MaintenanceState): boolean =>
  state === 'announced' || state === 'underWay';
