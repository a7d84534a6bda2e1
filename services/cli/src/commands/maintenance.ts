// Owns `parley maintenance schedule|list|cancel|start|stop`: what an operator plans for agents.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import type { ErrorCode } from '@parley/protocol/errors';
import type { AgentId, WindowId } from '@parley/protocol/ids';
import type { OperatorMaintenanceRequest } from '@parley/protocol/maintenance';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { wallTimeMs } from '../effects.ts';
import { startTime } from '../maintenance-arguments.ts';
import { maintenanceOf, maintenanceTable } from '../maintenance-report.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine, printPage } from '../print.ts';
import { currentContext } from './context.ts';

export type ScheduleHow = {
  readonly windowId: WindowId;
  readonly agents: AgentId[];
  readonly start: string;
  readonly duration: number;
  readonly notice: number;
  readonly grace?: number;
  readonly reason?: string;
  readonly json?: boolean;
};

export async function scheduleCommand(
  surroundings: Surroundings,
  named: string | undefined,
  how: ScheduleHow,
): Promise<void> {
  const { windowId, agents, grace, reason = '' } = how;
  const window = {
    windowId,
    agents,
    startWallTimeMs: startTime(how.start, wallTimeMs()),
    durationMs: how.duration,
    noticeMs: how.notice,
    ...(grace !== undefined && { graceMs: grace }),
    reason,
  };
  const what = `maintenance window ${windowId} was not scheduled`;
  await ask(surroundings, named, { change: 'schedule', window }, what);
  const start = new Date(window.startWallTimeMs).toISOString();
  if (how.json === true) printJson({ ...window, start });
  else printLine(`${windowId}: scheduled for ${start}`);
}

/** Throws where the request makes no sense by the books. */
type Check = (state: ClusterState) => void;

const DONE = {
  cancel: 'cancelled: its agents stay in service',
  start: 'begun: its agents are emptied',
  stop: 'over: its agents are offered again',
} as const;

export async function maintenanceChangeCommand(
  surroundings: Surroundings,
  named: string | undefined,
  how: {
    readonly windowId: WindowId;
    readonly change: keyof typeof DONE;
    readonly json: boolean;
  },
): Promise<void> {
  const { windowId, change, json } = how;
  const what = `maintenance window ${windowId} was not changed`;
  await ask(surroundings, named, { change, windowId }, what, checkKnown(windowId));
  if (json) printJson({ windowId, change });
  else printLine(`${windowId}: ${DONE[change]}`);
}

export async function maintenanceListCommand(
  surroundings: Surroundings,
  named: string | undefined,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const { state } = await withOperator(context, (link) => link.load());
  const windows = maintenanceOf(state);
  if (json) printJson(windows);
  else if (windows.length === 0) printLine('no maintenance is planned');
  else printPage(maintenanceTable(windows));
}

async function ask(
  surroundings: Surroundings,
  named: string | undefined,
  ...asked: [request: OperatorMaintenanceRequest, what: string, check?: Check]
): Promise<void> {
  const context = await currentContext(surroundings, named);
  await withOperator(context, (link) => askLeader(link, ...asked));
}

/** The books are read where there is something to check only: that takes time. */
export async function askLeader(
  link: Pick<OperatorLink, 'operator' | 'callLeader' | 'load'>,
  request: OperatorMaintenanceRequest,
  what: string,
  check?: Check,
): Promise<void> {
  if (check !== undefined) check((await link.load()).state);
  const caller = { operator: link.operator };
  const asked = await link.callLeader(SUBJECTS.operatorMaintenance, caller, request);
  if (asked.ok) return;
  const remedy = remedyOf(request, asked.failure.code);
  throw failureFromCluster(what, asked.failure, { remedy });
}

function remedyOf(request: OperatorMaintenanceRequest, code: ErrorCode): string | undefined {
  if (code === 'agentGone') return 'leave out agents that were given up for good';
  if (code !== 'malformed') return undefined;
  const list = '"parley maintenance list" shows what is planned';
  switch (request.change) {
    case 'schedule':
      return `choose another name or another time: ${list}`;
    case 'cancel':
      return `"parley maintenance stop ${request.windowId}" ends one that has begun`;
    case 'stop':
      return `"parley maintenance cancel ${request.windowId}" gives up one that has not begun`;
    case 'start':
      return list;
    default:
      return unreachable(request);
  }
}

export const checkKnown =
  (windowId: WindowId): Check =>
  (state) => {
    if (state.maintenance.has(windowId)) return;
    throw new CommandFailure(EXIT.notFound, {
      what: `there is no maintenance window ${windowId}`,
      why: 'it never was, it was cancelled, or it is over',
      remedy: 'see "parley maintenance list"',
    });
  };
