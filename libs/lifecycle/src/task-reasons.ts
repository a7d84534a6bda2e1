// Owns why a task is in a state: for each reason who gives it, with which states, and what it means, in a sentence for
// people, beside the name that Mesos gives it. Which state may follow which is in task-machine.ts.
// Mesos docs, "Task State Reasons".
import type { TaskReason, TaskState } from '@parley/protocol/tasks';
import type { TASK_SOURCES } from './task-machine.ts';

type Source = (typeof TASK_SOURCES)[number];

export type ReasonMeaning = {
  /** Which states an update with this reason may name, by who writes it. */
  readonly states: { readonly [From in Source]?: readonly TaskState[] };
  readonly meaning: string;
  /** What Mesos calls it; none where it knows no such thing, or says it without a reason. */
  readonly mesos?: string;
};

export const TASK_REASONS = {
  commandExited: {
    states: { agent: ['finished', 'failed'] },
    meaning: 'The command exited; the exit code says how.',
    mesos: 'REASON_COMMAND_EXECUTOR_FAILED',
  },
  commandSignaled: {
    states: { agent: ['failed'] },
    meaning: 'A signal that nobody here sent ended the command.',
    mesos: 'REASON_COMMAND_EXECUTOR_FAILED',
  },
  memoryLimit: {
    states: { agent: ['failed'] },
    meaning: 'The kernel killed it at its memory limit; limit and peak are in the update.',
    mesos: 'REASON_CONTAINER_LIMITATION_MEMORY',
  },
  exitStatusUnknown: {
    states: { agent: ['failed'] },
    meaning: 'Nothing of it runs any more, and nobody saw how it ended.',
    mesos: 'REASON_EXECUTOR_TERMINATED',
  },
  killedByFramework: {
    states: { agent: ['killing', 'killed'] },
    meaning: 'Its framework asked for it.',
  },
  killedByOperator: {
    states: { agent: ['killing', 'killed'] },
    meaning: 'An operator asked for it.',
  },
  revoked: {
    states: { agent: ['killing', 'killed'] },
    meaning:
      'Its resources were taken back: for somebody who is entitled to them, or by its agent, which had lent them.',
    mesos: 'REASON_CONTAINER_PREEMPTED',
  },
  agentDraining: {
    states: { agent: ['killing', 'killed'] },
    meaning: 'Its agent is emptied: an operator drains it, or its maintenance has begun.',
    mesos: 'REASON_AGENT_DRAINING',
  },
  killedBeforeStart: {
    states: { agent: ['killed'] },
    meaning: 'The kill came before its command was started.',
    mesos: 'REASON_TASK_KILLED_DURING_LAUNCH',
  },
  frameworkRemoved: {
    states: { agent: ['killing', 'killed'] },
    meaning: 'Its framework was torn down, or stayed away for longer than its failover timeout.',
    mesos: 'REASON_FRAMEWORK_REMOVED',
  },
  launchFailed: {
    states: { agent: ['failed'] },
    meaning: 'The agent could not start it, or its executor; the message says why.',
    mesos: 'REASON_CONTAINER_LAUNCH_FAILED',
  },
  inputsFailed: {
    states: { agent: ['failed'] },
    meaning: 'An input could not be brought into its sandbox.',
    mesos: 'REASON_CONTAINER_LAUNCH_FAILED',
  },
  outputsFailed: {
    states: { agent: ['failed'] },
    meaning: 'It ended well, but an output could not be brought out of its sandbox.',
  },
  diskFull: {
    states: { agent: ['failed', 'dropped'] },
    meaning:
      'No space was left for it: on the disk of its agent, or below the limit of its own sandbox.',
    mesos: 'REASON_CONTAINER_LIMITATION_DISK',
  },
  invalidOffers: {
    states: { master: ['dropped'] },
    meaning: 'The offers that it was to be launched on were not outstanding any more.',
    mesos: 'REASON_INVALID_OFFERS',
  },
  invalidTask: {
    states: { master: ['error'] },
    meaning: 'Its description is not valid; the message begins with the field.',
    mesos: 'REASON_TASK_INVALID',
  },
  insufficientResources: {
    states: { master: ['error'] },
    meaning: 'It asks for more than was left of the offers.',
    mesos: 'REASON_TASK_INVALID',
  },
  agentUnreachable: {
    states: { master: ['unreachable'] },
    meaning: 'Nothing was heard of its agent for too long.',
    mesos: 'REASON_AGENT_REMOVED',
  },
  agentReturned: {
    states: { master: ['starting', 'running', 'killing'] },
    meaning: 'Its agent is back and still has it.',
    mesos: 'REASON_AGENT_REREGISTERED',
  },
  agentForgot: {
    states: { master: ['gone'] },
    meaning: 'Its agent had confirmed the launch and does not know it any more.',
    mesos: 'REASON_AGENT_RESTARTED',
  },
  agentRefused: {
    states: { master: ['dropped'] },
    meaning: 'Its agent refused to launch it; the message says why.',
    mesos: 'REASON_CONTAINER_LAUNCH_FAILED',
  },
  agentGoneByOperator: {
    states: { agent: ['killing', 'killed'], master: ['gone'] },
    meaning: 'An operator declared that its agent never comes back.',
    mesos: 'REASON_AGENT_REMOVED_BY_OPERATOR',
  },
  maxCompletionTime: {
    states: { agent: ['killing', 'failed'] },
    meaning: 'It ran for longer than its maxCompletionMs.',
    mesos: 'REASON_MAX_COMPLETION_TIME_REACHED',
  },
  unhealthy: {
    states: { agent: ['killing', 'failed'] },
    meaning: 'Its health check failed too often in a row.',
    mesos: 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED',
  },
  healthChanged: {
    states: { agent: ['running'] },
    meaning: 'Its health check had another result than before.',
    mesos: 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED',
  },
  checkChanged: {
    states: { agent: ['running'] },
    meaning: 'Its check had another result than before.',
    mesos: 'REASON_TASK_CHECK_STATUS_UPDATED',
  },
  invalidGroup: {
    states: { master: ['error'] },
    meaning: 'A task of its group, or the executor of the group, is not valid: none was launched.',
    mesos: 'REASON_TASK_GROUP_INVALID',
  },
  groupMemberEnded: {
    states: { agent: ['killing', 'killed'] },
    meaning: 'Another task of its group failed or was killed, which ends the group.',
  },
  executorReported: {
    states: { agent: ['starting', 'running', 'killing', 'finished', 'failed', 'killed'] },
    meaning: 'Its executor said so.',
  },
  executorExited: {
    states: { agent: ['failed', 'dropped'], master: ['dropped'] },
    meaning: 'Its executor exited, or is shutting down and takes no more tasks.',
    mesos: 'REASON_EXECUTOR_TERMINATED',
  },
  executorNotRegistered: {
    states: { agent: ['failed'] },
    meaning: 'Its executor was started and did not register with the agent in time.',
    mesos: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
  },
  executorNotReturned: {
    states: { agent: ['failed', 'gone'] },
    meaning: 'Its executor did not come back to the agent in time after the agent was restarted.',
    mesos: 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT',
  },
  reconciliation: {
    states: {},
    meaning:
      'Only in answers to a reconciliation: the state follows from what is known of the agent, not of the task.',
    mesos: 'REASON_RECONCILIATION',
  },
} as const satisfies Record<TaskReason, ReasonMeaning>;
