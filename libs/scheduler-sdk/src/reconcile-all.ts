// Owns asking the leader for everything that it holds of a framework, page by page.
import { fail, type Outcome } from '@parley/protocol/errors';
import type { TaskId } from '@parley/protocol/ids';
import type { ReconcileResult, TaskStatus } from '@parley/protocol/tasks';
import type { Scheduler } from './scheduler.ts';
import type { StreamPosition } from './scheduler-ports.ts';

/** Of 1,000 tasks or so each. */
const MAX_PAGES = 1000;

export type AllTasks = Pick<ReconcileResult, 'statuses' | 'position'> & {
  /** That of the first page: what the leader had read for all of them. */
  readonly from: StreamPosition;
};

/** `position` is that of the last page: what the earlier ones say may have been overtaken by updates up to there. */
export async function reconcileAll(reconcile: Scheduler['reconcile']): Promise<Outcome<AllTasks>> {
  const statuses: TaskStatus[] = [];
  let from: StreamPosition | undefined;
  let after: TaskId | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer = await reconcile(after === undefined ? {} : { after });
    if (!answer.ok) return answer;
    const { next, position } = answer.value;
    statuses.push(...answer.value.statuses);
    from ??= position;
    after = next;
    if (after === undefined) return { ok: true, value: { statuses, from, position } };
  }
  return fail('tooLarge', `the framework has more tasks than ${MAX_PAGES} pages hold`);
}
