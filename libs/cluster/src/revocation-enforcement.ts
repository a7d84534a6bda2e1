// Owns what follows when a custom executor does not end a task that it is told to: the executor is shut down, unless its
// other tasks are guaranteed. It is given the time for it from when its agent has taken the kill: what is slow on the way is
// no fault of the executor's, and its other tasks are not to pay for it.
import { taskKey } from '@parley/protocol/ids';
import { executorOfTask, orderShutdown, tasksOfExecutor } from './executor-book.ts';
import { guaranteeObjection, roleAboveObjection } from './guarantees.ts';
import type { RevocationRecord, TaskRecord } from './records.ts';
import { putRevocation, revocationOf } from './revocation-book.ts';
import { giveUp } from './revocation-ends.ts';
import { report, reportViolation, type Turn } from './turn.ts';

/** The agent has taken the order to kill the task: an agent passes it on to a custom executor, which alone ends it (as in Mesos). */
export function killTaken({ state, context }: Turn, task: TaskRecord): void {
  const record = revocationOf(state, task.task);
  if (record?.phase !== 'killing' || record.dueAtMs !== undefined) return;
  const executor = executorOfTask(state, task);
  if (executor?.description.kind !== 'custom' || executor.isShuttingDown) return;
  const patienceMs = state.record.settings.revocationGraceMs;
  putRevocation(state, { ...record, dueAtMs: context.coreTimeMs + patienceMs });
}

/**
 * Its time is over. What is guaranteed to the framework, or to a role above, stays with the executor; the task is not
 * waited for then, so that another one can be taken back in its place.
 */
export function enforce(turn: Turn, record: RevocationRecord, task: TaskRecord): void {
  const { state } = turn;
  const { dueAtMs: _, ...rest } = record;
  putRevocation(state, rest);
  const executor = executorOfTask(state, task);
  if (executor?.description.kind !== 'custom') return;
  const { executorId } = executor.executor;
  const together = tasksOfExecutor(state, executor);
  const more = executor.resources.scalars;
  const objection = together
    .map(
      (one) =>
        guaranteeObjection(state, one, { together, more }) ??
        roleAboveObjection(state, one, { together, more, to: record.beneficiary.role }),
    )
    .find((why) => why !== undefined);
  if (objection === undefined) {
    orderShutdown(turn, executor, 0);
    const { agentId } = record;
    report(turn, { type: 'revocationEnforced', task: record.task, agentId, executorId });
    return;
  }
  const what = `executor ${executorId} does not end it when told to`;
  reportViolation(turn, taskKey(task.task), what);
  giveUp(turn, rest, `${what}, and is not shut down: ${objection}`);
}
