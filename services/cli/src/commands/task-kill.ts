// Owns `parley task kill`: asks the leader to stop a task of any framework and waits for the task's end.

import { type TaskRef, taskKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { confirm } from '../confirmation.ts';
import { askAtTerminal } from '../effects.ts';
import { checkKilled, describeKill, isEndNear, type Killed } from '../kill-report.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine } from '../print.ts';
import { findTask } from '../task-table.ts';
import { currentContext } from './context.ts';

export type KillHow = {
  readonly graceMs: number | undefined;
  readonly wait: boolean;
  readonly yes: boolean;
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
  await confirm(
    {
      warning: `this kills task ${key} of cluster ${context.name}`,
      word: task.taskId,
      command: `parley task kill ${key}`,
    },
    { yes: how.yes, isTerminal: surroundings.isTerminal, ask: askAtTerminal },
  );
  const killed = await withOperator(context, async (link): Promise<Killed> => {
    const body = { task, ...(how.graceMs !== undefined && { graceMs: how.graceMs }) };
    const asked = await link.callLeader(SUBJECTS.operatorKill, { operator: link.operator }, body);
    if (!asked.ok) throw failureFromCluster(`task ${key} was not killed`, asked.failure);
    const { status } = asked.value;
    if (!isEndNear(key, status) || !how.wait) return { task: key, status, ended: undefined };
    const ended = await link.waitFor(
      (followed) => {
        const found = findTask(followed.state, task);
        return found?.ended === true ? found : undefined;
      },
      { timeoutMs: WAIT_MS + (how.graceMs ?? 0), what: `task ${key} has not ended` },
    );
    return { task: key, status, ended };
  });
  if (how.json) printJson(killed);
  else printLine(describeKill(killed));
  checkKilled(killed);
}
