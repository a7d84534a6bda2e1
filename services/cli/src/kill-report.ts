// Owns what `parley task kill` says: the status when the leader carried the call out, and how the task ended.
import type { TaskKey } from '@parley/protocol/ids';
import { isTerminal, type TaskStatus } from '@parley/protocol/tasks';
import { CommandFailure, EXIT } from './command-failure.ts';
import type { ShownTask } from './task-table.ts';

/**
 * Whether the end of the task is near: while its agent is away that may be never. Throws `notFound` when nobody knows
 * the task.
 */
export function isEndNear(task: TaskKey, { state, message }: TaskStatus): boolean {
  if (state !== 'unknown') return state !== 'unreachable' && !isTerminal(state);
  throw new CommandFailure(EXIT.notFound, {
    what: `task ${task} is not known to the cluster`,
    why: message ?? 'it never was, or it ended too long ago',
    remedy: 'see "parley task list --all"',
  });
}

export type Killed = {
  readonly task: TaskKey;
  /** When the call was carried out. */
  readonly status: TaskStatus;
  /** Undefined when nobody waited, or when it had ended before. */
  readonly ended: ShownTask | undefined;
};

export function describeKill({ task, status, ended }: Killed): string {
  if (ended !== undefined) return `${task}: ${ended.state}`;
  const { state, agentId, reason } = status;
  const where = agentId === undefined ? '' : ` on ${agentId}`;
  if (state !== 'unknown' && isTerminal(state)) {
    return `${task}: had ended before${where}: ${state}${reason === undefined ? '' : ` (${reason})`}`;
  }
  if (state === 'unreachable') {
    return `${task}: unreachable${where}: it is killed when its agent returns, or gone with it`;
  }
  return `${task}: asked to stop${where}, ${state}`;
}

/** Throws when it ended otherwise than by being killed. */
export function checkKilled({ task, ended }: Killed): void {
  if (ended === undefined || ended.state === 'killed') return;
  throw new CommandFailure(EXIT.failed, {
    what: `task ${task} ended as ${ended.state}, not as killed`,
    ...(ended.reason !== '' && { why: ended.reason }),
  });
}
