// Owns `parley task logs`: what a task wrote, read in pieces from its agent, also while it is still running.

import { copyStream, type FileSource, offsetOfLastLines } from '@parley/operator-sdk/file-stream';
import { taskKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { STANDARD_OUTPUT } from '../standard-output.ts';
import { type ReachedTask, type TaskAddress, withTask } from '../task-reach.ts';

export type TaskLogsHow = {
  readonly follow: boolean;
  readonly stderr: boolean;
  /** Only so many lines of what is there. */
  readonly tail?: number | undefined;
};

export async function taskLogsCommand(
  surroundings: Surroundings,
  named: string | undefined,
  address: TaskAddress,
  how: TaskLogsHow,
): Promise<void> {
  await withTask(surroundings, named, address, async (reached) => {
    const stream = how.stderr ? 'stderr' : 'stdout';
    const source = logSource(reached, stream);
    const start = how.tail === undefined ? undefined : await offsetOfLastLines(source, how.tail);
    const failed =
      start?.ok === false
        ? start
        : await copyStream(source, STANDARD_OUTPUT, {
            follow: how.follow,
            offset: start?.value ?? 0,
          });
    if (failed === undefined) return;
    const { task, agentId } = reached;
    const remedy = `what a task wrote lies on its agent: is ${agentId} there? See "parley agent list"`;
    throw failureFromCluster(`the ${stream} of ${taskKey(task)} cannot be read`, failed.failure, {
      ...(failed.failure.code === 'unavailable' && { remedy }),
    });
  });
}

/** By `agent.logs`, which agents of every release answer. */
export function logSource(
  { link, task, agentId }: ReachedTask,
  stream: 'stdout' | 'stderr',
): FileSource {
  return {
    read: (offset, maxBytes) =>
      link.call(SUBJECTS.logs, { agentId }, { task, stream, offset, maxBytes }),
    mayReturn: () => Promise.resolve(false),
  };
}
