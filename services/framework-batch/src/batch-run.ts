// Owns one run of the batch framework: its pool of work between the scheduler and the report, and how it ends.
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { task } from '@parley/scheduler-sdk/task';
import { type PoolCounts, TaskPool } from '@parley/scheduler-sdk/task-pool';
import type { BatchReport } from './batch-report.ts';
import type { BatchConfig } from './config.ts';

/** How often the demand is stated anew, where it is not what the master knows. */
const DEMAND_INTERVAL_MS = 1000;
const TEARDOWN_LIMIT_MS = 10_000;
/** After Ctrl-C a connection that is nearly there is waited for, so that the framework can be ended in order. */
const INTERRUPTED_PATIENCE_MS = 1000;
const EXIT_INTERRUPTED = 130;

export type BatchSurroundings = {
  readonly report: BatchReport;
  readonly nowMs: () => number;
  readonly warn: (text: string) => void;
  /** Aborted by Ctrl-C: the tasks are killed. */
  readonly interrupt: AbortSignal;
};

/** The exit code: 0 all finished, 1 some failed, 130 interrupted. Throws `SchedulerError`. */
export async function runBatch(config: BatchConfig, around: BatchSurroundings): Promise<number> {
  const { report, nowMs, interrupt } = around;
  const startedMs = nowMs();
  const pool = poolOf(config);
  const done = Promise.withResolvers<void>();
  const connecting = connectScheduler({
    credential: config.credential,
    ...(config.frameworkId !== undefined && { frameworkId: config.frameworkId }),
    name: config.name,
    roles: [config.role],
    takesRevocable: config.revocable !== undefined,
    // Offered just what fits, and nothing when nothing waits.
    demand: pool.demand(),
    onOffers: (offers, one) => one.place(pool.place(offers)),
    onUpdate: (update, one) => {
      const event = pool.update(update);
      if (event?.kind === 'retried') one.setDemand(pool.demand());
      if (event !== undefined) report.event(event);
      report.progress(pool.counts(), nowMs());
      if (pool.isDone) done.resolve();
    },
    onError: (error) => around.warn(error.message),
  });
  const scheduler = await unlessInterrupted(connecting, interrupt);
  if (scheduler === undefined) return EXIT_INTERRUPTED;
  // The master lowers the counts by what it launches; what is to be run again it has to be told.
  const demandTimer = setInterval(() => scheduler.setDemand(pool.demand()), DEMAND_INTERVAL_MS);
  interrupt.addEventListener('abort', () => done.resolve(), { once: true });
  if (interrupt.aborted) done.resolve();
  try {
    await Promise.race([done.promise, scheduler.ended()]);
  } finally {
    clearInterval(demandTimer);
  }
  await endFramework(scheduler, around);
  report.end(pool.counts(), nowMs() - startedMs);
  return interrupt.aborted ? EXIT_INTERRUPTED : exitCodeOf(pool.counts(), config.instances);
}

/** Undefined when it was interrupted and there is no connection soon either: nothing was launched then. */
async function unlessInterrupted(
  connecting: Promise<Scheduler>,
  interrupt: AbortSignal,
): Promise<Scheduler | undefined> {
  const given = Promise.withResolvers<undefined>();
  const giveUp = (): void => {
    setTimeout(() => given.resolve(undefined), INTERRUPTED_PATIENCE_MS);
  };
  interrupt.addEventListener('abort', giveUp, { once: true });
  if (interrupt.aborted) giveUp();
  connecting.catch(() => undefined);
  return Promise.race([connecting, given.promise]);
}

function poolOf({ instances, maxAttempts, resources, revocable, argv }: BatchConfig): TaskPool {
  const pool = new TaskPool({ maxAttempts });
  for (let run = 1; run <= instances; run += 1) {
    const key = `run-${run}`;
    const describe = (id: string) => ({
      ...task({ id, name: key, command: argv, environment: { PARLEY_RUN: String(run) } }),
      resources,
    });
    pool.add({ key, resources, describe, ...(revocable !== undefined && { revocable }) });
  }
  return pool;
}

/** A leader that is away for long must not keep the user waiting: the framework is then removed by its failover timeout. */
async function endFramework(scheduler: Scheduler, { warn }: BatchSurroundings): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), TEARDOWN_LIMIT_MS);
  const outcome = await Promise.race([scheduler.teardown(), late.promise]);
  clearTimeout(timer);
  if (outcome !== 'late') return;
  warn(
    'no master confirmed the end of the framework; it is removed when its failover timeout is over',
  );
  await scheduler.close();
}

const exitCodeOf = ({ finished }: PoolCounts, instances: number): number =>
  finished === instances ? 0 : 1;
