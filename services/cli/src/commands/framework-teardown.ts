// Owns `parley framework teardown`: ends a framework of any principal and waits until the last of its tasks is gone.

import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { confirm } from '../confirmation.ts';
import { askAtTerminal } from '../effects.ts';
import { isInBooks, isLive, liveTasksOf, unknownFramework } from '../framework-report.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine } from '../print.ts';
import { currentContext } from './context.ts';

export type TeardownHow = {
  readonly wait: boolean;
  readonly yes: boolean;
  readonly json: boolean;
};

const WAIT_MS = 60_000;

export async function frameworkTeardownCommand(
  surroundings: Surroundings,
  named: string | undefined,
  framework: FrameworkRef,
  how: TeardownHow,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  const key = frameworkKey(framework);
  const tasks = await withOperator(context, async (link) => {
    const { state } = await link.load();
    if (!isLive(state, framework)) throw unknownFramework(state, framework);
    const live = liveTasksOf(state, framework);
    await confirm(
      {
        warning: `this ends framework ${key} of cluster ${context.name} and kills its ${live} live tasks; its id is not used again`,
        word: framework.frameworkId,
        command: `parley framework teardown ${key}`,
      },
      { yes: how.yes, isTerminal: surroundings.isTerminal, ask: askAtTerminal },
    );
    const caller = { operator: link.operator };
    const asked = await link.callLeader(SUBJECTS.operatorTeardown, caller, { framework });
    if (!asked.ok) throw failureFromCluster(`framework ${key} was not torn down`, asked.failure);
    if (!how.wait) return live;
    await link.waitFor(({ state: now }) => (isInBooks(now, framework) ? undefined : true), {
      timeoutMs: WAIT_MS,
      what: `framework ${key} is removed, but some of its tasks are not gone yet`,
    });
    return live;
  });
  if (how.json) printJson({ framework: key, state: 'removed', tasks, tasksAreGone: how.wait });
  else if (how.wait) printLine(`${key}: removed; its ${tasks} tasks are gone`);
  else printLine(`${key}: removed; its ${tasks} tasks are being killed`);
}
