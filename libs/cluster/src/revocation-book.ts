// Owns the records of revocations under way, always together with their index, deadline and facts: one a task, from
// the master's yes until the task has ended or the revocation is called off. Its course is in revocations.ts.
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import type { RevocationRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

export function revocationOf(state: ClusterState, task: TaskRef): RevocationRecord | undefined {
  return state.revocations.get(taskKey(task));
}

/** As it is from now on; the time of its next step may have changed. */
export function putRevocation(state: ClusterState, record: RevocationRecord): void {
  const key = taskKey(record.task);
  if (!state.revocations.has(key)) {
    state.revocationIndex.begun(record);
    state.marks.revocation(record.task);
  }
  state.revocations.put(key, record);
  if (record.dueAtMs !== undefined)
    state.deadlines.set(deadlineKey('revocation', key), record.dueAtMs);
}

export function dropRevocation(state: ClusterState, record: RevocationRecord): void {
  state.revocations.delete(taskKey(record.task));
  state.revocationIndex.ended(record);
  state.marks.revocation(record.task);
}

/** The task has ended, however it did: what it held is free. */
export function revocationOver(turn: Turn, task: TaskRef): void {
  const record = revocationOf(turn.state, task);
  if (record === undefined) return;
  dropRevocation(turn.state, record);
  const { agentId, begunAtMs } = record;
  const tookMs = turn.context.coreTimeMs - begunAtMs;
  report(turn, { type: 'revocationOver', task: record.task, agentId, tookMs });
}
