// Owns Mesos's words for states and reasons of tasks, as its read model has them: never flattened to TASK_LOST.
import type { TaskReason, TaskState } from '@parley/protocol/tasks';

const STATES: Readonly<Record<TaskState, string>> = {
  staging: 'TASK_STAGING',
  starting: 'TASK_STARTING',
  running: 'TASK_RUNNING',
  killing: 'TASK_KILLING',
  unreachable: 'TASK_UNREACHABLE',
  finished: 'TASK_FINISHED',
  failed: 'TASK_FAILED',
  killed: 'TASK_KILLED',
  error: 'TASK_ERROR',
  dropped: 'TASK_DROPPED',
  gone: 'TASK_GONE',
};
/** Of Mesos's own. TASK_LOST is in no partition-aware cluster, and is always 0. */
export const MESOS_TASK_STATES = [...Object.values(STATES), 'TASK_GONE_BY_OPERATOR', 'TASK_LOST'];

export const mesosTaskState = (state: TaskState, reason?: TaskReason): string =>
  state === 'gone' && reason === 'agentGoneByOperator' ? 'TASK_GONE_BY_OPERATOR' : STATES[state];

/** A reason that Mesos has no word for is told by the message alone. */
const REASONS: Readonly<Partial<Record<TaskReason, string>>> = {
  commandExited: 'REASON_COMMAND_EXECUTOR_FAILED',
  commandSignaled: 'REASON_COMMAND_EXECUTOR_FAILED',
  memoryLimit: 'REASON_CONTAINER_LIMITATION_MEMORY',
  killedBeforeStart: 'REASON_TASK_KILLED_DURING_LAUNCH',
  frameworkRemoved: 'REASON_FRAMEWORK_REMOVED',
  launchFailed: 'REASON_CONTAINER_LAUNCH_FAILED',
  inputsFailed: 'REASON_CONTAINER_LAUNCH_FAILED',
  diskFull: 'REASON_CONTAINER_LIMITATION_DISK',
  invalidOffers: 'REASON_INVALID_OFFERS',
  invalidTask: 'REASON_TASK_INVALID',
  insufficientResources: 'REASON_TASK_INVALID',
  agentUnreachable: 'REASON_AGENT_REMOVED',
  agentReturned: 'REASON_AGENT_REREGISTERED',
  agentForgot: 'REASON_AGENT_RESTARTED',
  agentGoneByOperator: 'REASON_AGENT_REMOVED_BY_OPERATOR',
  maxCompletionTime: 'REASON_MAX_COMPLETION_TIME_REACHED',
  healthChanged: 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED',
  checkChanged: 'REASON_TASK_CHECK_STATUS_UPDATED',
  invalidGroup: 'REASON_TASK_GROUP_INVALID',
  executorExited: 'REASON_EXECUTOR_TERMINATED',
  executorNotRegistered: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
  executorNotReturned: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
  revoked: 'REASON_CONTAINER_PREEMPTED',
  agentDraining: 'REASON_AGENT_DRAINING',
  reconciliation: 'REASON_RECONCILIATION',
};

export const mesosReason = (reason: TaskReason | undefined): string | undefined =>
  reason === undefined ? undefined : REASONS[reason];
