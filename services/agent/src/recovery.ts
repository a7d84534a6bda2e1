// Owns what an agent finds on its host when it starts: the records of its tasks, what became of each meanwhile, and what runs
// that no record explains, which is killed. What follows from it the supervisor decides.
import type { TaskRef } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import type { Logger } from '@parley/telemetry/logger';
import type { CheckpointStore } from './checkpoint-store.ts';
import { customExecutorOf } from './executors/executor-task.ts';
import type { RecoveredTask } from './supervisor-messages.ts';
import type { TaskHost } from './task-host.ts';
import type { TaskRecord } from './task-record.ts';

export type RecoveryOptions = {
  readonly checkpoints: Pick<CheckpointStore, 'readAll'>;
  readonly host: Pick<TaskHost, 'outcomeOf' | 'endStrays'>;
  readonly logger: Logger;
};

export type Recovery = {
  readonly tasks: readonly RecoveredTask[];
  /** Units that ran without a record, and were killed. */
  readonly strays: number;
};

/** Rejects when the records cannot be listed, or nobody can tell what runs. */
export async function recoverTasks({
  checkpoints,
  host,
  logger,
}: RecoveryOptions): Promise<Recovery> {
  const { records, damaged } = await checkpoints.readAll();
  for (const damage of damaged) logger.error(damage, 'task record set aside: not readable');
  const tasks = await Promise.all(records.map((record) => recovered(record, host)));
  const isRebooted = tasks.some(
    ({ outcome }) => outcome.state === 'unknown' && outcome.hostRebooted === true,
  );
  if (isRebooted) logger.warn('the host was started anew: the tasks of before have ended');
  const known = records.map(({ task }) => task);
  return { tasks, strays: await endStrays(host, known, logger) };
}

async function recovered(
  record: TaskRecord,
  host: RecoveryOptions['host'],
): Promise<RecoveredTask> {
  return isTerminal(record.state) || customExecutorOf(record) !== undefined
    ? { record, outcome: { state: 'unknown' } }
    : { record, outcome: await host.outcomeOf(record.task) };
}

async function endStrays(
  host: RecoveryOptions['host'],
  known: readonly TaskRef[],
  logger: Logger,
): Promise<number> {
  const strays = await host.endStrays(known);
  for (const unit of strays) logger.error({ unit }, 'a task without a record was killed');
  return strays.length;
}
