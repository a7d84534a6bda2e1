// Owns what Mesos's calls about maintenance are here. There one schedule of machines is replaced as a whole, and an operator
// takes machines down and up; here each window has a name and agents, and begins and ends by itself.
import { createHash } from 'node:crypto';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { MaintenanceRecord } from '@parley/cluster/maintenance-records';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type AgentId, WindowId } from '@parley/protocol/ids';
import { MaintenanceWindow } from '@parley/protocol/maintenance';
import type * as z from 'zod';
import type { MachineField, ScheduleField } from './call-shapes.ts';
import type { LeaderCall } from './leader-calls.ts';

type Machine = z.infer<typeof MachineField>;
type Schedule = z.infer<typeof ScheduleField>;

/** Mesos's windows may be without an end; ours are so long then. */
const NO_END_MS = 365 * 24 * 3600 * 1000;

/** Fails with `malformed` where a machine has no agent. */
function agentsOf(state: ClusterState, machines: readonly Machine[]): Outcome<AgentId[]> {
  const byHost = new Map<string, AgentId[]>();
  for (const { agentId, hostname, state: agentState } of state.agents.rows()) {
    if (agentState === 'gone') continue;
    byHost.set(hostname, [...(byHost.get(hostname) ?? []), agentId]);
  }
  const agents = new Set<AgentId>();
  for (const { hostname, ip } of machines) {
    const found = byHost.get(hostname ?? ip ?? '');
    if (found === undefined) {
      return fail(
        'malformed',
        `Machine '${hostname ?? ip ?? ''}' has no agent: machines are named by the hostname of their agents`,
      );
    }
    for (const agentId of found) agents.add(agentId);
  }
  return succeed([...agents].sort());
}

/** UPDATE_MAINTENANCE_SCHEDULE: windows that are not in it are cancelled. Fails with `malformed`. */
export function scheduleCalls(state: ClusterState, schedule: Schedule): Outcome<LeaderCall[]> {
  const wanted = new Map<string, MaintenanceWindow>();
  for (const { machine_ids: machines, unavailability } of schedule.windows) {
    const agents = agentsOf(state, machines);
    if (!agents.ok) return agents;
    const { start, duration } = unavailability;
    const window = MaintenanceWindow.safeParse({
      ...{ windowId: 'w', agents: agents.value, startWallTimeMs: start },
      durationMs: duration ?? NO_END_MS,
    });
    if (!window.success) {
      return fail('malformed', `A window is not valid: ${window.error.issues[0]?.message ?? ''}`);
    }
    wanted.set(contentOf(window.data), window.data);
  }
  const calls: LeaderCall[] = [];
  for (const record of state.maintenance.rows()) {
    if (wanted.delete(contentOf(record.asked))) continue;
    const { windowId, state: windowState } = record;
    if (windowState === 'underWay') {
      return fail('malformed', `Machines of the window ${windowId} are down: bring them up first`);
    }
    calls.push({ verb: 'maintenance', body: { change: 'cancel', windowId } });
  }
  for (const [content, window] of wanted) {
    const digest = createHash('sha256').update(content).digest('hex').slice(0, 16);
    const windowId = WindowId.parse(`mesos-${digest}`);
    const body = { change: 'schedule', window: { ...window, windowId } } as const;
    calls.push({ verb: 'maintenance', body });
  }
  return succeed(calls);
}

/** What Mesos knows of a window. */
const contentOf = ({ agents, startWallTimeMs, durationMs }: MaintenanceWindow): string =>
  JSON.stringify([[...agents].sort(), startWallTimeMs, durationMs]);

/** START_MAINTENANCE and STOP_MAINTENANCE, of whole windows. Fails with `malformed`. */
export function machineCalls(
  state: ClusterState,
  change: 'start' | 'stop',
  machines: readonly Machine[],
): Outcome<LeaderCall[]> {
  if (machines.length === 0) return fail('malformed', 'No machines are named');
  const agents = agentsOf(state, machines);
  if (!agents.ok) return agents;
  const named = new Set<string>(agents.value);
  const isInState = ({ state: windowState }: MaintenanceRecord): boolean =>
    (windowState === 'underWay') === (change === 'stop');
  const windows = [...state.maintenance.rows()].filter(
    (window) => isInState(window) && window.agents.every((agentId) => named.has(agentId)),
  );
  const covered = new Set<string>(windows.flatMap((window) => window.agents));
  const left = agents.value.find((agentId) => !covered.has(agentId));
  if (left !== undefined) {
    const isPart = change === 'start' ? 'planned' : 'under way';
    return fail(
      'malformed',
      `The machine of agent ${left} is in no window that is ${isPart} and of which all machines are named: a window begins and ends as a whole`,
    );
  }
  return succeed(
    windows.map(({ windowId }) => ({ verb: 'maintenance', body: { change, windowId } })),
  );
}
