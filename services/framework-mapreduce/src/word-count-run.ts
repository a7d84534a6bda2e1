// Owns one run of the word count framework: inputs, a place on the cluster, the job, its result, and how it ends. It
// leaves nothing behind, however it ends: no task, no object, no half-written table.
import { setTimeout as wait } from 'node:timers/promises';
import { Framework } from '@parley/scheduler-sdk/framework';
import { delay } from '@parley/scheduler-sdk/placement/delay';
import type { WordCountConfig } from './config.ts';
import { type Counted, collectCounts, OutputFile } from './counts-output.ts';
import { filesBelow, filesOfList, type InputFile, UnreadableInput } from './input-files.ts';
import { JobPlan } from './job-plan.ts';
import { type JobReport, taskCountsOf } from './job-report.ts';
import { nearFirst } from './near-first.ts';
import { type SplitSize, splitSizeFor } from './split-size.ts';
import { JobFailed, WordCountJob } from './word-count-job.ts';

const MAX_ATTEMPTS = 3;
const PROGRESS_INTERVAL_MS = 1000;
/** Nobody goes on with a job whose framework is gone: its tasks end soon after. */
const FAILOVER_TIMEOUT_MS = 60_000;
/** A cluster that is away must not keep the user waiting for the end of a job for ever. */
const STOP_LIMIT_MS = 30_000;
const INTERRUPTED_STOP_LIMIT_MS = 10_000;
const TEARDOWN_LIMIT_MS = 5000;
/** A reduce task waits so long for an agent that holds much of what it reads: as long as other tasks take to end. */
const NEAR_AGENT_WAIT_MS = 3000;

export type RunSurroundings = {
  readonly report: JobReport;
  readonly nowMs: () => number;
  /** An id that was never used before. */
  readonly freshFrameworkId: () => string;
  readonly warn: (text: string) => void;
  /** Aborted by Ctrl-C. */
  readonly interrupt: AbortSignal;
};

/** Ctrl-C, at any moment. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Throws what of `Interrupted`, `UnreadableInput`, `UnwritableOutput`, `SchedulerError`, `JobFailed` ended it. */
export async function runWordCount(
  config: WordCountConfig,
  around: RunSurroundings,
): Promise<Counted> {
  const inputs =
    config.input.kind === 'list'
      ? await filesOfList(config.input.list)
      : await filesBelow(config.input.folders);
  if (!inputs.ok) throw new UnreadableInput(inputs.message);
  const size = splitSizeFor(inputs.files, config.splits);
  if (!size.ok) throw new UnreadableInput(size.failure.message);
  const output = config.output === undefined ? undefined : await OutputFile.open(config.output);
  try {
    const run = new WordCountRun(config, around, inputs.files, size.value);
    return await run.run(output);
  } finally {
    await output?.discard();
  }
}

class WordCountRun {
  readonly #config: WordCountConfig;
  readonly #around: RunSurroundings;
  readonly #files: readonly InputFile[];
  readonly #size: SplitSize;
  readonly #frameworkId: string;
  readonly #plan: JobPlan;
  /** Rejects at Ctrl-C. */
  readonly #interrupted = Promise.withResolvers<never>();
  #job: WordCountJob | undefined;

  constructor(
    config: WordCountConfig,
    around: RunSurroundings,
    files: readonly InputFile[],
    size: SplitSize,
  ) {
    this.#config = config;
    this.#around = around;
    this.#files = files;
    this.#size = size;
    this.#frameworkId = config.frameworkId ?? around.freshFrameworkId();
    this.#plan = new JobPlan({
      jobId: this.#frameworkId,
      reducers: config.reducers,
      taskResources: config.taskResources,
      minMapMs: config.minMapMs,
      maxAttempts: MAX_ATTEMPTS,
      expectedSplits: size.expectedSplits,
    });
    this.#interrupted.promise.catch(() => undefined);
    const interrupt = (): void => this.#interrupted.reject(new Interrupted('interrupted'));
    if (around.interrupt.aborted) interrupt();
    else around.interrupt.addEventListener('abort', interrupt, { once: true });
  }

  async run(output: OutputFile | undefined): Promise<Counted> {
    const { nowMs, report } = this.#around;
    const startedMs = nowMs();
    const framework = await this.#connect();
    try {
      const counted = await this.#countOn(framework, output);
      report.done(counted, nowMs() - startedMs, this.#plan.locality);
      return counted;
    } finally {
      await this.#leave(framework);
    }
  }

  async #countOn(framework: Framework, output: OutputFile | undefined): Promise<Counted> {
    const { report, nowMs } = this.#around;
    const bucket = await this.#orInterrupted(framework.bucket());
    const job = new WordCountJob({
      plan: this.#plan,
      files: this.#files,
      size: this.#size,
      bucket,
      cluster: framework,
      onTrouble: (update) => report.trouble(update),
    });
    this.#job = job;
    this.#reportStart();
    const tell = (): void => {
      const { progress, phase } = this.#plan;
      report.progress({ ...taskCountsOf(framework.counts()), ...progress, phase }, nowMs());
    };
    const timer = setInterval(tell, PROGRESS_INTERVAL_MS);
    try {
      const outputs = await this.#orInterrupted(Promise.race([job.run(), removedEarly(framework)]));
      tell();
      return await this.#orInterrupted(collectCounts(bucket, outputs, output));
    } finally {
      clearInterval(timer);
      await this.#stop(job);
    }
  }

  /** Nothing is desired before there is a job, so nothing is launched, and no update comes. */
  async #connect(): Promise<Framework> {
    const { credential, role } = this.#config;
    const connecting = new Framework({
      credential,
      frameworkId: this.#frameworkId,
      name: 'wordcount',
      role,
      failoverTimeoutMs: FAILOVER_TIMEOUT_MS,
      onUpdate: (update) => this.#job?.update(update),
      onError: (error) => this.#around.warn(error.message),
    })
      .desired(() => this.#plan.desired())
      .expected(() => this.#plan.expected())
      .place(delay({ agentId: NEAR_AGENT_WAIT_MS }), nearFirst)
      .start();
    try {
      return await this.#orInterrupted(connecting);
    } catch (error) {
      if (error instanceof Interrupted) {
        const left = connecting.then((framework) => framework.teardown());
        await withinMs(TEARDOWN_LIMIT_MS / 2, left).catch(() => undefined);
      }
      throw error;
    }
  }

  #reportStart(): void {
    this.#around.report.started({
      frameworkId: this.#frameworkId,
      files: this.#files.length,
      bytes: this.#files.reduce((sum, { size }) => sum + size, 0),
      splits: this.#size.expectedSplits,
      reducers: this.#config.reducers,
    });
  }

  /** What cannot be deleted is not the job's failure: the bucket lets go of it by its age. */
  async #stop(job: WordCountJob): Promise<void> {
    const { interrupt, warn } = this.#around;
    const limitMs = interrupt.aborted ? INTERRUPTED_STOP_LIMIT_MS : STOP_LIMIT_MS;
    try {
      if (await withinMs(limitMs, job.stop())) return;
      warn(`the job's objects are not deleted yet, as the cluster does not answer; ${AGES}`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      warn(`the job's objects could not be deleted: ${why} ${AGES}`);
    }
  }

  async #leave(framework: Framework): Promise<void> {
    if (await withinMs(TEARDOWN_LIMIT_MS, framework.teardown())) return;
    this.#around.warn(
      'no master confirmed the end of the framework; it is removed when its failover timeout is over',
    );
    await withinMs(TEARDOWN_LIMIT_MS, framework.close({ tasks: 'leave' }));
  }

  #orInterrupted<T>(value: Promise<T>): Promise<T> {
    return Promise.race([value, this.#interrupted.promise]);
  }
}

const AGES = 'the bucket removes what is left after 24 hours.';

/** Throws when the cluster ends the framework while it is wanted. */
async function removedEarly(framework: Framework): Promise<never> {
  await framework.ended();
  throw new JobFailed('the framework was removed from the cluster by somebody else. Start again.');
}

/** False when it took longer. */
async function withinMs(limitMs: number, value: Promise<unknown>): Promise<boolean> {
  const late = new AbortController();
  const isLate = wait(limitMs, false, { signal: late.signal }).catch(() => false);
  try {
    return await Promise.race([value.then(() => true), isLate]);
  } finally {
    late.abort();
  }
}
