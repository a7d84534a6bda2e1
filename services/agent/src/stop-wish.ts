// Owns what the orders to stop one task come to, whoever runs it: why it ends, and how much time it is given. What is
// done about it is in supervised-task.ts and executors/executor-task.ts.
import { DEFAULT_KILL_GRACE_MS, type TaskDescription } from '@parley/protocol/tasks';
import type { Stop } from './task-outcome.ts';
import type { TaskRecord } from './task-record.ts';

/** An order to stop, or a rule that asks for it; without a grace the task's own counts. */
export type StopWish = Stop & { readonly graceMs?: number | undefined };

export type Kill = NonNullable<TaskRecord['kill']>;

type StopOrder = {
  readonly kill: Kill;
  /** What this order alone asks for. */
  readonly graceMs: number;
  readonly isNews: boolean;
};

/** Whoever came first says why it ends; a repeated order can only shorten the grace. */
export function stopOrderOf(
  wish: StopWish,
  before: Kill | undefined,
  policy: Pick<TaskDescription, 'killGraceMs'> | undefined,
): StopOrder {
  const policyMs = policy?.killGraceMs ?? DEFAULT_KILL_GRACE_MS;
  const graceMs = wish.graceMs ?? before?.graceMs ?? policyMs;
  if (before !== undefined && graceMs >= before.graceMs)
    return { kill: before, graceMs, isNews: false };
  const { reason, message, cause } = before ?? wish;
  const said = { ...(message !== undefined && { message }), ...(cause && { cause }) };
  const kill = { reason, graceMs, ...said };
  return { kill, graceMs, isNews: true };
}
