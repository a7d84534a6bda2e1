// Owns the memory of agents that an operator declared gone: as long as it lasts their ids are refused. Bounded like
// the tombstones of frameworks; none is forgotten while a task of it has not ended in the stream.
import { AgentId } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import type { AgentRecord } from './records.ts';
import { reservationKey } from './reservation-books.ts';

export function rememberGone(state: ClusterState, record: AgentRecord): void {
  const atMs = goneDeadline(state, record.agentId);
  if (atMs === undefined) return;
  state.goneAgents.add(sortKey(record));
  state.deadlines.set(deadlineKey('goneAgent', record.agentId), atMs);
  forgetExcess(state);
}

/** Core time from which on an agent of this id is a new one. */
export function goneDeadline(state: ClusterState, key: string): number | undefined {
  const goneAtMs = state.agents.get(key)?.goneAtMs;
  return goneAtMs === undefined ? undefined : goneAtMs + state.record.settings.tombstonesMs;
}

/** When its deadline has come, and when a task on it has ended: whichever is later. */
export function forgetGone(state: ClusterState, agentId: AgentId): void {
  const atMs = goneDeadline(state, agentId);
  if (atMs === undefined) return;
  if (atMs <= state.record.coreTimeMs) forget(state, agentId);
  forgetExcess(state);
}

/** Known and not gone. */
export function countOfAgents(state: ClusterState): number {
  return state.agents.size - state.goneAgents.size;
}

/** Their ids. */
export function* goneAgents(state: ClusterState): Generator<readonly [AgentId, undefined]> {
  for (const key of state.goneAgents) yield [idOf(key), undefined];
}

/** As derived state: of all records, when a state is restored. */
export function indexGone(state: ClusterState): void {
  for (const record of state.agents.rows()) {
    if (record.state === 'gone') state.goneAgents.add(sortKey(record));
  }
}

function forgetExcess(state: ClusterState): void {
  const excess = state.goneAgents.size - state.record.settings.maxTombstones;
  if (excess <= 0) return;
  for (const key of state.goneAgents.after(undefined, excess)) {
    forget(state, idOf(key));
  }
}

function forget(state: ClusterState, agentId: AgentId): void {
  const record = state.agents.get(agentId);
  const book = state.books.agents.get(agentId);
  if (record === undefined || (book?.tasks.size ?? 0) > 0) return;
  for (const key of [...(book?.reservations ?? [])]) {
    const reservation = state.reservations.get(key);
    if (reservation === undefined) continue;
    state.reservations.delete(reservationKey(agentId, reservation));
    state.books.reservationChanged(reservation, undefined);
  }
  state.agents.delete(agentId);
  state.books.agentChanged(record, undefined);
  state.books.agents.delete(agentId);
  state.goneAgents.delete(sortKey(record));
}

const idOf = (sorted: string): AgentId => AgentId.parse(sorted.slice(sorted.indexOf(' ') + 1));

/** Who was declared gone first comes first. */
function sortKey({ agentId, goneAtMs = 0 }: AgentRecord): string {
  return `${String(goneAtMs).padStart(16, '0')} ${agentId}`;
}
