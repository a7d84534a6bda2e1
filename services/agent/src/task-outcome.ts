// Owns how the end of a task's processes becomes a terminal state with its reason. How the end was observed is in
// @parley/isolation/exit-status; when it is asked for, the supervisor decides.
import type { StartFault } from '@parley/isolation/exit-status';
import { MILLI } from '@parley/protocol/resources';
import type { KnownCause } from '@parley/protocol/task-causes';
import type { TaskDescription, TaskReason, TaskState } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { StepFailure } from './supervisor-messages.ts';
import type { StopReason } from './task-record.ts';

const ENDED_UNSEEN: Status = {
  state: 'failed',
  reason: 'exitStatusUnknown',
  message: 'nothing of the task runs any more, and nobody saw how it ended',
};
const ENDED_WITH_HOST: Status = {
  state: 'failed',
  reason: 'exitStatusUnknown',
  cause: { kind: 'hostRebooted' },
  message: 'the host of its agent was started anew, and the task ended with the boot before',
};

type PidsLimit = { readonly limit: number; readonly peak: number };

/** The part of @parley/isolation's `TaskOutcome` that decides a state. */
export type ObservedOutcome =
  | { readonly state: 'notStarted' | 'running' }
  | { readonly state: 'unknown'; readonly hostRebooted?: true }
  | { readonly state: 'exited'; readonly code: number; readonly pids?: PidsLimit }
  | { readonly state: 'signaled'; readonly signal: string; readonly pids?: PidsLimit }
  | MemoryDeath
  | { readonly state: 'couldNotStart'; readonly fault: StartFault };
type MemoryDeath = {
  readonly state: 'memoryLimit' | 'hostMemory';
  readonly limitMib: number | undefined;
  readonly peakMib: number | undefined;
};

/** What a status update says beside its identity. */
export type Status = {
  readonly state: TaskState;
  readonly reason?: TaskReason;
  readonly cause?: KnownCause;
  readonly message?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly memory?: { readonly limitMib: number; readonly peakMib: number };
};

/** Why a task was told to stop; `message` is for people. */
export type Stop = {
  readonly reason: StopReason;
  readonly message?: string | undefined;
  readonly cause?: KnownCause | undefined;
};

/** What a stopped task's end is told as: its state and why. */
const STOPS = {
  framework: { state: 'killed', reason: 'killedByFramework' },
  operator: { state: 'killed', reason: 'killedByOperator' },
  frameworkRemoved: { state: 'killed', reason: 'frameworkRemoved' },
  // The leader does not know the task any more because its framework is gone from the books.
  unknownToMaster: { state: 'killed', reason: 'frameworkRemoved' },
  agentGone: { state: 'killed', reason: 'agentGoneByOperator' },
  groupMemberEnded: { state: 'killed', reason: 'groupMemberEnded' },
  revoked: { state: 'killed', reason: 'revoked' },
  agentDraining: { state: 'killed', reason: 'agentDraining' },
  maxCompletionTime: { state: 'failed', reason: 'maxCompletionTime' },
  unhealthy: { state: 'failed', reason: 'unhealthy' },
  diskLimit: { state: 'failed', reason: 'diskFull' },
} as const satisfies Record<StopReason, { state: TaskState; reason: TaskReason }>;

/** The end of a task that nobody asked to kill; exit code 0 is `finished` (its outputs come before that). */
export function endedByItself(outcome: ObservedOutcome, description: TaskDescription): Status {
  switch (outcome.state) {
    case 'exited':
      return outcome.code === 0
        ? { state: 'finished', reason: 'commandExited', exitCode: 0 }
        : {
            state: 'failed',
            reason: 'commandExited',
            exitCode: outcome.code,
            ...afterPidsLimit(outcome.pids, `the command exited with ${outcome.code}`),
          };
    case 'signaled': {
      const { signal, pids } = outcome;
      return {
        ...{ state: 'failed', reason: 'commandSignaled', signal, cause: { kind: 'signal' } },
        ...afterPidsLimit(pids, `the command was ended by ${signal}`),
      };
    }
    case 'memoryLimit':
    case 'hostMemory':
      return endedForMemory(outcome, description);
    case 'couldNotStart':
      return notStartable(outcome.fault, description);
    case 'unknown':
      return outcome.hostRebooted === true ? ENDED_WITH_HOST : ENDED_UNSEEN;
    case 'notStarted':
    case 'running':
      return ENDED_UNSEEN;
    default:
      return unreachable(outcome);
  }
}

/** The message, with what probably led to the failure where the task met its limit on processes. */
function afterPidsLimit(
  pids: PidsLimit | undefined,
  message: string,
): Pick<Status, 'cause' | 'message'> {
  if (pids === undefined) return { message };
  return {
    cause: { kind: 'pidsLimit', ...pids },
    message: `${message}, after it had met its limit of ${pids.limit} processes and threads`,
  };
}

function endedForMemory(
  { state, limitMib, peakMib }: MemoryDeath,
  { resources, limits }: TaskDescription,
): Status {
  const asked = typeof limits?.mem === 'number' ? limits.mem : (resources.scalars['mem'] ?? 0);
  const limit = limitMib ?? Math.ceil(asked / MILLI);
  const peak = peakMib ?? limit;
  if (state === 'memoryLimit') {
    return {
      ...{ state: 'failed', reason: 'memoryLimit', memory: { limitMib: limit, peakMib: peak } },
      cause: { kind: 'memoryLimit', limit, peak },
      message: `the kernel killed it at its memory limit of ${limit} MiB (peak ${peak} MiB)`,
    };
  }
  return {
    ...{ state: 'failed', reason: 'commandSignaled', signal: 'SIGKILL' },
    cause: { kind: 'hostMemory', ...(limitMib !== undefined && { limit }), peak },
    message: `the kernel killed it because its host had no memory left; it had not met its own limit (peak ${peak} MiB)`,
  };
}

/** `env` and shells exit with 127 for what they do not find, and with 126 for what they may not execute. */
function notStartable(fault: StartFault, { command }: TaskDescription): Status {
  const program = JSON.stringify(command?.argv[0] ?? '');
  return {
    ...{ state: 'failed', reason: 'launchFailed', cause: { kind: fault } },
    exitCode: fault === 'commandNotFound' ? 127 : 126,
    message: START_FAULTS[fault](program),
  };
}

const START_FAULTS: Readonly<Record<StartFault, (program: string) => string>> = {
  commandNotFound: (program) =>
    `the command could not be started: there is no program ${program} on its agent, or what its first line names to run it is missing`,
  commandNotPermitted: (program) =>
    `the command could not be started: ${program} may not be executed by the user that the task runs as`,
  userNotFound: () =>
    'the command could not be started: its agent has no user of the name that the task is to run as',
  sandboxUnavailable: () =>
    'the command could not be started: its sandbox directory could not be entered',
  notConfined: () =>
    'the command could not be started: the namespaces that confine it could not be made, as its stderr says',
  memoryForStart: () =>
    'the command could not be started: no process could be made for it, for want of memory or because the host has too many',
};

/** The end of a task that was told to stop, however it then ended (Mesos command executor: TASK_KILLED). */
export function endedByKill(outcome: ObservedOutcome, stop: Stop): Status {
  const { reason, message, cause } = stop;
  const said = { ...(message !== undefined && { message }), ...(cause && { cause }) };
  const status: Status = { ...STOPS[reason], ...said };
  switch (outcome.state) {
    case 'exited':
      return { ...status, exitCode: outcome.code };
    case 'signaled':
      return { ...status, signal: outcome.signal };
    case 'memoryLimit':
    case 'hostMemory':
    case 'couldNotStart':
    case 'notStarted':
    case 'running':
    case 'unknown':
      return status;
    default:
      return unreachable(outcome);
  }
}

/** The end of a task that was told to stop before its command was started. */
export function endedBeforeStart(stop: Stop): Status {
  const { reason, message } = stop;
  return reason === 'groupMemberEnded' || reason === 'revoked' || reason === 'agentDraining'
    ? { ...STOPS[reason], ...(message !== undefined && { message }) }
    : {
        state: 'killed',
        reason: 'killedBeforeStart',
        message: 'the kill order came before the command was started',
      };
}

/** A step around the command that went wrong. */
export function failedStep(
  reason: 'inputsFailed' | 'launchFailed' | 'outputsFailed',
  failure: StepFailure,
): Status {
  const { code, message } = failure;
  return {
    state: 'failed',
    reason: code === 'diskFull' ? code : code === 'userNotFound' ? 'launchFailed' : reason,
    ...stepCause(code),
    message,
  };
}

export function stepCause(code: StepFailure['code']): Pick<Status, 'cause'> {
  return code === 'failed' ? {} : { cause: { kind: code } };
}
