// Owns `parley task attach`: both outputs of a task as they come, until it ends or whoever looks has seen enough. Tasks
// have no input, so nothing that is typed goes to them; Ctrl-C leaves, and the task goes on.
import { setTimeout as delay } from 'node:timers/promises';
import { copyStream, offsetOfLastLines } from '@parley/operator-sdk/file-stream';
import { taskKey } from '@parley/protocol/ids';
import { failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { monotonicMs } from '../effects.ts';
import { STANDARD_OUTPUT, writeOut } from '../standard-output.ts';
import { type ReachedTask, type TaskAddress, withTask } from '../task-reach.ts';
import { findTask } from '../task-table.ts';
import { logSource } from './task-logs.ts';

/** From the end of the task's outputs until the cluster has heard of the end of the task. */
const END_PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 250;

/** The exit code of the task; 1 when it has none. */
export async function taskAttachCommand(
  surroundings: Surroundings,
  named: string | undefined,
  address: TaskAddress,
  tail: number,
): Promise<number> {
  return withTask(surroundings, named, address, async (reached) => {
    await Promise.all([pass(reached, 'stdout', tail), pass(reached, 'stderr', tail)]);
    return exitCodeOf(reached);
  });
}

async function pass(
  reached: ReachedTask,
  stream: 'stdout' | 'stderr',
  tail: number,
): Promise<void> {
  const source = logSource(reached, stream);
  const sink = {
    ...STANDARD_OUTPUT,
    write: (data: Uint8Array) => writeOut(data, process[stream]),
  };
  const start = await offsetOfLastLines(source, tail);
  const failed = start.ok
    ? await copyStream(source, sink, { follow: true, offset: start.value })
    : start;
  if (failed === undefined) return;
  const what = `the ${stream} of ${taskKey(reached.task)} cannot be read`;
  if (failed.failure.code !== 'unavailable') throw failureFromCluster(what, failed.failure);
  throw failureFromCluster(
    `${what}: its agent ${reached.agentId} does not answer`,
    failed.failure,
    {
      remedy:
        'the task may go on; see "parley agent list", and attach again when the agent is back',
    },
  );
}

async function exitCodeOf({ link, task }: ReachedTask): Promise<number> {
  const deadlineMs = monotonicMs() + END_PATIENCE_MS;
  for (;;) {
    const known = findTask((await link.load()).state, task);
    const hasEnded = known === undefined || known.ended || known.exitCode !== undefined;
    if (hasEnded || monotonicMs() > deadlineMs) return known?.exitCode ?? 1;
    await delay(LOOK_AGAIN_MS);
  }
}
