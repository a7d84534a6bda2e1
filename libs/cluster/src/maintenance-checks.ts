// Owns what a maintenance window must be to be scheduled or begun: its agents are there, it is not over, and no other
// window has one of them at that time, its notice included.
import { type Failure, fail } from '@parley/protocol/errors';
import type { MaintenanceWindow } from '@parley/protocol/maintenance';
import type { ClusterState } from './cluster-state.ts';
import { MAX_MAINTENANCE_WINDOWS } from './limits.ts';
import { isNear } from './maintenance-book.ts';
import type { MaintenanceRecord } from './maintenance-records.ts';

type Window = Pick<
  MaintenanceWindow,
  'windowId' | 'agents' | 'startWallTimeMs' | 'durationMs' | 'noticeMs'
>;

export function windowObjection(
  state: ClusterState,
  window: Window,
  wallTimeMs: number,
): Failure | undefined {
  const { windowId, startWallTimeMs, durationMs } = window;
  if (!state.maintenance.has(windowId) && state.maintenance.size >= MAX_MAINTENANCE_WINDOWS) {
    return fail('overloaded', `there are ${MAX_MAINTENANCE_WINDOWS} maintenance windows`).failure;
  }
  if (startWallTimeMs + durationMs <= wallTimeMs) {
    const over = new Date(startWallTimeMs + durationMs).toISOString();
    return fail('malformed', `window ${windowId} was over at ${over}`).failure;
  }
  return agentObjection(state, window) ?? overlapObjection(state, window);
}

/** Of a window that is to begin now: an agent is in one at a time, however clocks went. */
export function nearObjection(
  state: ClusterState,
  window: Pick<MaintenanceWindow, 'windowId' | 'agents'>,
): Failure | undefined {
  const [other] = othersNear(state, window);
  if (other === undefined) return undefined;
  const shared = other.agents.find((agentId) => window.agents.includes(agentId));
  const helps = other.state === 'underWay' ? 'stop' : 'cancel';
  return fail('malformed', `agent ${shared} is in window ${other.windowId}: ${helps} it first`)
    .failure;
}

/** Others that are announced or under way and have an agent of it. */
export function othersNear(
  state: ClusterState,
  { windowId, agents }: Pick<MaintenanceWindow, 'windowId' | 'agents'>,
): MaintenanceRecord[] {
  const own = new Set(agents);
  return [...state.maintenance.rows()].filter(
    (other) =>
      other.windowId !== windowId &&
      isNear(other.state) &&
      other.agents.some((agentId) => own.has(agentId)),
  );
}

function agentObjection(state: ClusterState, { agents }: Window): Failure | undefined {
  for (const agentId of agents) {
    const agent = state.agents.get(agentId);
    if (agent === undefined) return fail('unknownAgent', `there is no agent ${agentId}`).failure;
    if (agent.state === 'gone') {
      return fail('agentGone', `agent ${agentId} was declared gone`).failure;
    }
  }
  return undefined;
}

function overlapObjection(state: ClusterState, window: Window): Failure | undefined {
  const agents = new Set(window.agents);
  const span = spanOf(window);
  for (const other of state.maintenance.rows()) {
    if (other.windowId === window.windowId) continue;
    const { fromMs, toMs } = spanOf(other);
    if (fromMs >= span.toMs || span.fromMs >= toMs) continue;
    const shared = other.agents.find((agentId) => agents.has(agentId));
    if (shared === undefined) continue;
    const from = new Date(fromMs).toISOString();
    const to = new Date(toMs).toISOString();
    return fail(
      'malformed',
      `agent ${shared} is in window ${other.windowId} from ${from} to ${to}, its notice included`,
    ).failure;
  }
  return undefined;
}

function spanOf({ startWallTimeMs, noticeMs, durationMs }: Window) {
  return { fromMs: startWallTimeMs - noticeMs, toMs: startWallTimeMs + durationMs };
}
