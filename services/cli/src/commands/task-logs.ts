// Owns `parley task logs`: what a task wrote, read in pieces from its agent, also while it is still running.
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { type OperatorLink, withOperator } from '../operator-link.ts';
import { findAgentOf } from '../task-table.ts';
import { currentContext } from './context.ts';

export type TaskLogsHow = { readonly follow: boolean; readonly stderr: boolean };

const PIECE_BYTES = 256 * 1024;
const POLL_MS = 250;

export async function taskLogsCommand(
  surroundings: Surroundings,
  named: string | undefined,
  task: TaskRef,
  how: TaskLogsHow,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  await withOperator(context, async (link) => {
    const { state } = await link.load();
    const agentId = findAgentOf(state, task);
    if (agentId === undefined) {
      throw new CommandFailure(EXIT.notFound, {
        what: `there is no task ${taskKey(task)}`,
        why: 'it never was, or it ended too long ago',
        remedy: 'see "parley task list --all"',
      });
    }
    await copyLog(link, { task, agentId, how });
  });
}

type LogSource = {
  readonly task: TaskRef;
  readonly agentId: AgentId;
  readonly how: TaskLogsHow;
};

async function copyLog(link: OperatorLink, { task, agentId, how }: LogSource): Promise<void> {
  const stream = how.stderr ? 'stderr' : 'stdout';
  let offset = 0;
  for (;;) {
    const piece = await link.call(
      SUBJECTS.logs,
      { agentId },
      { task, stream, offset, maxBytes: PIECE_BYTES },
    );
    if (!piece.ok) {
      const remedy = `what a task wrote lies on its agent: is ${agentId} there? See "parley agent list"`;
      throw failureFromCluster(`the ${stream} of ${taskKey(task)} cannot be read`, piece.failure, {
        ...(piece.failure.code === 'unavailable' && { remedy }),
      });
    }
    const { data, size, ended } = piece.value;
    process.stdout.write(data);
    offset = piece.value.offset + data.length;
    if (offset < size) continue;
    if (ended || !how.follow) return;
    await delay(POLL_MS);
  }
}
