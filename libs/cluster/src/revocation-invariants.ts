// Owns the check of what must hold of revocations under way. For tests and the simulator: it looks at everything.
import { taskKey } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import type { RevocationRecord } from './records.ts';
import { RevocationIndex } from './revocation-index.ts';

/** Each is of a live task and on its way to the task's end. */
export function revocations(state: ClusterState): string[] {
  const broken: string[] = [];
  const index = new RevocationIndex();
  for (const [key, record] of state.revocations.entries()) {
    index.begun(record);
    if (key !== taskKey(record.task)) broken.push(`${key}: under a wrong key`);
    broken.push(...course(state, record));
  }
  if (index.text() !== state.revocationIndex.text()) broken.push('revocations by framework');
  for (const [key, { stopOrder }] of state.tasks.entries()) {
    if (stopOrder === undefined || state.orders.has(stopOrder)) continue;
    broken.push(`${key}: its question is not on the way`);
  }
  return broken;
}

function course(state: ClusterState, record: RevocationRecord): string[] {
  const key = taskKey(record.task);
  const task = state.tasks.get(key);
  if (task === undefined) return [`${key} has ended and is taken back`];
  if (task.agentId !== record.agentId) return [`${key} is taken back elsewhere`];
  if (record.phase === 'killing') {
    return task.kill === undefined ? [`${key}: its kill was not ordered`] : [];
  }
  return record.dueAtMs === undefined ? [`${key}: nothing follows`] : [];
}
