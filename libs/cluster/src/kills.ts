// Owns the calls that end tasks: a framework's about its own, an operator's about any.
import { succeed } from '@parley/protocol/errors';
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { KillTaskResult } from '@parley/protocol/tasks';
import { orderKill } from './orders.ts';
import { statusOf } from './reconcile.ts';
import type { KillWish } from './records.ts';
import type { Turn } from './turn.ts';

/**
 * Answered with what is known of the task, as a reconciliation would. One that is not live, or that runs elsewhere
 * than `agentId` says, is not killed, and that is no failure. Mesos docs, "Scheduler HTTP API", KILL.
 */
export function killTask(
  turn: Turn,
  { task, agentId }: { readonly task: TaskRef; readonly agentId?: AgentId | undefined },
  wish: KillWish,
): Answer {
  const live = turn.state.tasks.get(taskKey(task));
  if (live !== undefined && (agentId === undefined || agentId === live.agentId)) {
    orderKill(turn, live, wish);
  }
  const result: KillTaskResult = { status: statusOf(turn.state, task, agentId) };
  return succeed(result);
}

/** `graceMs`: of this call, before the task's own. */
export const killWish = (reason: KillWish['reason'], graceMs: number | undefined): KillWish => ({
  reason,
  ...(graceMs !== undefined && { graceMs }),
});
