// Owns `parley task inspect`: what the cluster knows of one task, and why it ended.
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printPage } from '../print.ts';
import { describeTask } from '../task-page.ts';
import { findTask } from '../task-table.ts';
import { currentContext } from './context.ts';

export async function taskInspectCommand(
  surroundings: Surroundings,
  named: string | undefined,
  ref: TaskRef,
  json: boolean,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const { state } = await withOperator(context, (link) => link.load());
  const task = findTask(state, ref);
  if (task === undefined) {
    throw new CommandFailure(EXIT.notFound, {
      what: `there is no task ${taskKey(ref)}`,
      why: 'it never was, or it ended too long ago',
      remedy: 'see "parley task list --all"',
    });
  }
  if (json) printJson(task);
  else printPage(describeTask(task));
}
