// Owns how the end of a task's processes becomes a terminal state with its reason. How the end was observed is in
// @parley/isolation/exit-status; when it is asked for, the supervisor decides.
import type { TaskDescription, TaskReason, TaskState } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { StepFailure } from './supervisor-messages.ts';
import type { StopReason } from './task-record.ts';

/** The part of @parley/isolation's `TaskOutcome` that decides a state. */
export type ObservedOutcome =
  | { readonly state: 'notStarted' | 'running' | 'unknown' }
  | { readonly state: 'exited'; readonly code: number }
  | { readonly state: 'signaled'; readonly signal: string }
  | {
      readonly state: 'memoryLimit';
      readonly limitMib: number | undefined;
      readonly peakMib: number | undefined;
    };

/** What a status update says beside its identity. */
export type Status = {
  readonly state: TaskState;
  readonly reason?: TaskReason;
  readonly message?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly memory?: { readonly limitMib: number; readonly peakMib: number };
};

/** Why a task was told to stop; `message` is for people. */
export type Stop = { readonly reason: StopReason; readonly message?: string | undefined };

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
            message: `the command exited with ${outcome.code}`,
          };
    case 'signaled':
      return {
        state: 'failed',
        reason: 'commandSignaled',
        signal: outcome.signal,
        message: `the command was ended by ${outcome.signal}`,
      };
    case 'memoryLimit':
      return endedByMemoryLimit(outcome, description);
    case 'notStarted':
    case 'running':
    case 'unknown':
      return {
        state: 'failed',
        reason: 'exitStatusUnknown',
        message: 'nothing of the task runs any more, and nobody saw how it ended',
      };
    default:
      return unreachable(outcome);
  }
}

function endedByMemoryLimit(
  outcome: Extract<ObservedOutcome, { state: 'memoryLimit' }>,
  description: TaskDescription,
): Status {
  const askedMib = Math.ceil((description.resources.scalars['mem'] ?? 0) / 1000);
  const limitMib = outcome.limitMib ?? askedMib;
  const peakMib = outcome.peakMib ?? limitMib;
  return {
    state: 'failed',
    reason: 'memoryLimit',
    memory: { limitMib, peakMib },
    message: `the kernel killed it at its memory limit of ${limitMib} MiB (peak ${peakMib} MiB)`,
  };
}

/** The end of a task that was told to stop, however it then ended (Mesos command executor: TASK_KILLED). */
export function endedByKill(outcome: ObservedOutcome, stop: Stop): Status {
  const { reason, message } = stop;
  const status: Status = { ...STOPS[reason], ...(message !== undefined && { message }) };
  switch (outcome.state) {
    case 'exited':
      return { ...status, exitCode: outcome.code };
    case 'signaled':
      return { ...status, signal: outcome.signal };
    case 'memoryLimit':
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
  return {
    state: 'failed',
    reason: failure.code === 'diskFull' ? 'diskFull' : reason,
    message: failure.message,
  };
}
