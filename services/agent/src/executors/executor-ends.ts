// Owns what the end of a custom executor means: for the leader, and for the tasks that were in it.
import { unreachable } from '@parley/protocol/unreachable';
import { endedByKill, type ObservedOutcome, type Status, type Stop } from '../task-outcome.ts';
import type { ExecutorExit } from './executor-record.ts';

/** How it ended, but for its tasks. */
export type ExecutorEnding = Omit<ExecutorExit, 'tasks'> & Pick<Status, 'cause'>;

/** Its end as the leader is told it. `ending`, `stop`: why the agent wanted it to end, if it did. */
export function exitOf(
  outcome: ObservedOutcome,
  ending: ExecutorExit['end'] | undefined,
  stop: Stop | undefined,
): ExecutorEnding {
  if (stop?.message === undefined) return observedExit(outcome, ending);
  return { ...observedExit(outcome, ending), message: stop.message };
}

function observedExit(
  outcome: ObservedOutcome,
  ending: ExecutorExit['end'] | undefined,
): ExecutorEnding {
  switch (outcome.state) {
    case 'exited':
      return { end: ending ?? 'exited', exitCode: outcome.code };
    case 'signaled':
      return { end: ending ?? 'signaled', signal: outcome.signal };
    case 'memoryLimit': {
      const { limitMib, peakMib } = outcome;
      const message = `the kernel killed it at its memory limit of ${limitMib} MiB (peak ${peakMib} MiB)`;
      return { end: ending ?? 'memoryLimit', message };
    }
    case 'hostMemory': {
      const message = 'the kernel killed it because its host had no memory left';
      return { end: ending ?? 'signaled', signal: 'SIGKILL', message };
    }
    case 'couldNotStart': {
      const message = `its program could not be started (${outcome.fault})`;
      return { end: ending ?? 'launchFailed', message };
    }
    case 'unknown': {
      const message = 'its host was started anew, and it ended with the boot before';
      return { end: ending ?? 'unknown', ...(outcome.hostRebooted && { message }) };
    }
    case 'notStarted':
    case 'running':
      return { end: ending ?? 'unknown' };
    default:
      return unreachable(outcome);
  }
}

/** The end of a task whose executor is no more. `stop`: what it met, that the agent ended it with all its tasks. */
export function taskEndOf(
  exit: ExecutorEnding,
  outcome: ObservedOutcome | undefined,
  stop: Stop | undefined,
): Status {
  if (stop === undefined) return endWithExecutor(exit, outcome);
  const message = `its executor, and all tasks in it, were ended: ${stop.message}`;
  return endedByKill({ state: 'unknown' }, { ...stop, message });
}

function endWithExecutor(exit: ExecutorEnding, outcome: ObservedOutcome | undefined): Status {
  switch (exit.end) {
    case 'memoryLimit': {
      const message = 'its executor, and all tasks in it, reached their memory limit';
      const status: Status = { state: 'failed', reason: 'memoryLimit', message };
      if (outcome?.state !== 'memoryLimit') return status;
      const { limitMib = 0, peakMib = limitMib } = outcome;
      const cause = { kind: 'memoryLimit', limit: limitMib, peak: peakMib } as const;
      return { ...status, memory: { limitMib, peakMib }, cause };
    }
    case 'notRegistered':
      return {
        state: 'failed',
        reason: 'executorNotRegistered',
        message: 'its executor did not subscribe in time',
      };
    case 'notReturned':
      return {
        state: 'failed',
        reason: 'executorNotReturned',
        message: 'its executor did not come back in time',
      };
    case 'launchFailed':
      return {
        state: 'failed',
        reason: 'launchFailed',
        ...(exit.cause && { cause: exit.cause }),
        ...(outcome?.state === 'couldNotStart' && { cause: { kind: outcome.fault } }),
        message: `its executor could not be started: ${exit.message ?? 'nobody knows why'}`,
      };
    case 'exited':
    case 'signaled':
    case 'shutDown':
    case 'unknown': {
      const how = exit.signal ?? (exit.exitCode === undefined ? '' : `code ${exit.exitCode}`);
      const message = how === '' ? 'its executor is no more' : `its executor ended with ${how}`;
      return { state: 'failed', reason: 'executorExited', ...causeOf(outcome), message };
    }
    default:
      return unreachable(exit.end);
  }
}

function causeOf(outcome: ObservedOutcome | undefined): Pick<Status, 'cause'> {
  if (outcome?.state === 'hostMemory') return { cause: { kind: 'hostMemory' } };
  const isRebooted = outcome?.state === 'unknown' && outcome.hostRebooted === true;
  return isRebooted ? { cause: { kind: 'hostRebooted' } } : {};
}

/** A task that its executor is never given: it ends, or has ended, first. The framework may launch it again. */
export const executorWasLeaving: Status = {
  state: 'dropped',
  reason: 'executorExited',
  message: 'its executor was ending when the task came; launched again, it gets a new one',
};

/** A task that its executor does not have, though it has others of the group: a group is given whole or not at all. */
export const missedByExecutor: Status = {
  state: 'dropped',
  reason: 'executorExited',
  message: 'its executor has only a part of its group, without this task',
};
