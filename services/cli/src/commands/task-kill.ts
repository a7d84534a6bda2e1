// Owns `parley task kill`: asks the leader to stop a task of any framework and waits for the task's end.

import { type TaskRef, taskKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { withOperator } from '../operator-link.ts';
import { printJson, printLine } from '../print.ts';
import { findTask, type ShownTask } from '../task-table.ts';
import { currentContext } from './context.ts';

export type KillHow = {
  readonly graceMs: number | undefined;
  readonly wait: boolean;
  readonly json: boolean;
};

const WAIT_MS = 60_000;

export async function taskKillCommand(
  surroundings: Surroundings,
  named: string | undefined,
  task: TaskRef,
  how: KillHow,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const key = taskKey(task);
  const ended = await withOperator(context, async (link) => {
    const body = { task, ...(how.graceMs !== undefined && { graceMs: how.graceMs }) };
    const asked = await link.callLeader(SUBJECTS.operatorKill, { operator: link.operator }, body);
    if (!asked.ok) throw failureFromCluster(`task ${key} was not killed`, asked.failure);
    if (!how.wait) return undefined;
    return await link.waitFor(
      (followed) => {
        const found = findTask(followed.state, task);
        return found?.ended === true ? found : undefined;
      },
      { timeoutMs: WAIT_MS + (how.graceMs ?? 0), what: `task ${key} has not ended` },
    );
  });
  report(key, ended, how);
}

function report(key: string, ended: ShownTask | undefined, how: KillHow): void {
  if (how.json) printJson(ended ?? { task: key, state: 'killing' });
  else printLine(ended === undefined ? `${key}: asked to stop` : `${key}: ${ended.state}`);
  if (ended === undefined || ended.state === 'killed') return;
  const why = ended.reason === '' ? undefined : ended.reason;
  throw new CommandFailure(EXIT.failed, {
    what: `task ${key} ended as ${ended.state}, not as killed`,
    ...(why !== undefined && { why }),
  });
}
