// Owns how what becomes of a task is told to a Mesos framework, as far as its capabilities reach. Pure.
import type { CheckResult } from '@parley/protocol/checks';
import type {
  TaskStatus as OwnStatus,
  StatusUpdate,
  TaskReason,
  TaskState,
} from '@parley/protocol/tasks';
import { mesosReason, mesosTaskState } from '../read-model/mesos-words.ts';
import type { Capabilities } from './framework-translation.ts';
import { mesosLabels, nanosecondsOf } from './mesos-values.ts';

const MS = 1000;

/** States that only a partition-aware framework knows; to others they are all TASK_LOST. */
const PARTITION_STATES = new Set([
  'TASK_DROPPED',
  'TASK_UNREACHABLE',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
]);

export function shownState(
  state: TaskState | 'unknown',
  reason: TaskReason | undefined,
  capabilities: Capabilities,
): string {
  const full = state === 'unknown' ? 'TASK_UNKNOWN' : mesosTaskState(state, reason);
  if (full === 'TASK_KILLING' && !capabilities.taskKillingState) return 'TASK_RUNNING';
  if (PARTITION_STATES.has(full) && !capabilities.partitionAware) return 'TASK_LOST';
  return full;
}

/** A task's end that is no failure has no reason in Mesos. */
const NO_FAILURE: ReadonlySet<string> = new Set(['finished', 'running', 'starting']);
const NOT_OF_THE_END: ReadonlySet<TaskReason> = new Set([
  'agentReturned',
  'healthChanged',
  'checkChanged',
  'reconciliation',
]);

function shownReason(state: string, reason: TaskReason | undefined): string | undefined {
  if (reason === undefined) return undefined;
  return NO_FAILURE.has(state) && !NOT_OF_THE_END.has(reason) ? undefined : mesosReason(reason);
}

/** Said by the agent itself, not by what runs the task for it. */
const OF_AGENT: ReadonlySet<TaskReason> = new Set([
  'launchFailed',
  'inputsFailed',
  'memoryLimit',
  'diskFull',
  'agentRefused',
  'agentForgot',
  'killedBeforeStart',
  'executorExited',
  'executorNotRegistered',
  'executorNotReturned',
  'revoked',
  'agentDraining',
]);

function sourceOf({ source, reason }: Pick<StatusUpdate, 'source' | 'reason'>): string {
  if (source === 'master') return 'SOURCE_MASTER';
  return reason !== undefined && OF_AGENT.has(reason) ? 'SOURCE_AGENT' : 'SOURCE_EXECUTOR';
}

export type StatusNames = {
  /** As the framework chose it. */
  readonly taskId: string;
  /** Likewise; of a task that the agent runs itself, the task's own. */
  readonly executorId: string;
  /** Where the task's network is reached; undefined: not known. */
  readonly address: string | undefined;
};

/** `uuid`: absent where nothing is to be acknowledged. */
export function updatedStatus(
  update: StatusUpdate,
  uuid: Uint8Array | undefined,
  names: StatusNames,
  capabilities: Capabilities,
): object {
  const { state, reason, wallTimeMs, data, healthy, check, signal, exitCode } = update;
  const shown = shownReason(state, reason);
  const labels = mesosLabels({
    ...(exitCode !== undefined && { 'parley.exit-code': String(exitCode) }),
    ...(signal !== undefined && { 'parley.signal': signal }),
  });
  return {
    task_id: { value: names.taskId },
    state: shownState(state, reason, capabilities),
    ...messageOf(update),
    source: sourceOf(update),
    ...(shown !== undefined && { reason: shown }),
    agent_id: { value: update.agentId },
    ...(update.source === 'agent' && { executor_id: { value: names.executorId } }),
    ...(wallTimeMs > 0 && { timestamp: wallTimeMs / MS }),
    ...(uuid !== undefined && { uuid }),
    ...(data !== undefined && { data }),
    ...(healthy !== undefined && { healthy }),
    ...(check !== undefined && { check_status: checkStatus(check) }),
    ...(labels !== undefined && { labels }),
    ...(state === 'running' && containerStatus(names.address)),
  };
}

function messageOf({ message, reason }: Pick<StatusUpdate, 'message' | 'reason'>): {
  readonly message?: string;
} {
  const text = message ?? reason;
  return text === undefined ? {} : { message: text };
}

function containerStatus(address: string | undefined): object {
  if (address === undefined) return {};
  const protocol = address.includes(':') ? 'IPv6' : 'IPv4';
  const network = { ip_addresses: [{ protocol, ip_address: address }] };
  return { container_status: { network_infos: [network] } };
}

function checkStatus(check: CheckResult): object {
  switch (check.kind) {
    case 'command':
      return {
        type: 'COMMAND',
        command: check.exitCode === undefined ? {} : { exit_code: check.exitCode },
      };
    case 'http':
      return {
        type: 'HTTP',
        http: check.statusCode === undefined ? {} : { status_code: check.statusCode },
      };
    case 'tcp':
      return {
        type: 'TCP',
        tcp: check.succeeded === undefined ? {} : { succeeded: check.succeeded },
      };
  }
}

/** An answer to RECONCILE, or to a KILL of a task that nobody knows: nothing is to be acknowledged. */
export function reconciledStatus(
  status: OwnStatus,
  taskId: string,
  capabilities: Capabilities,
  wallTimeMs: number,
): object {
  const { state, reason, agentId, healthy, unreachableSinceMs } = status;
  return {
    task_id: { value: taskId },
    state: shownState(state, reason, capabilities),
    ...messageOf(status),
    source: 'SOURCE_MASTER',
    reason: 'REASON_RECONCILIATION',
    ...(agentId !== undefined && { agent_id: { value: agentId } }),
    timestamp: wallTimeMs / MS,
    ...(healthy !== undefined && { healthy }),
    ...(unreachableSinceMs !== undefined && {
      unreachable_time: { nanoseconds: nanosecondsOf(unreachableSinceMs) },
    }),
  };
}

/** Said here of a task that never came to be. */
export function refusedStatus(
  task: { readonly taskId: string; readonly agentId: string },
  verdict: {
    readonly state: 'error' | 'dropped';
    readonly reason: string;
    readonly message: string;
  },
  capabilities: Capabilities,
  wallTimeMs: number,
): object {
  return {
    task_id: { value: task.taskId },
    state: shownState(verdict.state, undefined, capabilities),
    message: verdict.message,
    source: 'SOURCE_MASTER',
    reason: verdict.reason,
    agent_id: { value: task.agentId },
    timestamp: wallTimeMs / MS,
  };
}
