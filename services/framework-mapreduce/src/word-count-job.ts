// Owns one word count on a cluster: text into the bucket, the plan between scheduler and updates, results out of it,
// and nothing left in the bucket afterwards, however it ends.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import type { WordCountConfig } from './config.ts';
import type { InputFile } from './input-files.ts';
import { JobPlan, type JobStep } from './job-plan.ts';
import type { JobReport } from './job-report.ts';
import { SplitUpload } from './split-upload.ts';
import { CommonestWords, countsOf, mergeCounts, type WordCount } from './word-counts.ts';

const MAX_ATTEMPTS = 3;
const COMMONEST = 20;
const DEMAND_INTERVAL_MS = 1000;
const CLEAN_UP_LIMIT_MS = 10_000;
const LEAST_SPLIT_BYTES = 1024;
/** Splits are on their way: what is declined now will be wanted in a moment. */
const SOON = { refuseMs: 500 };

/** The job cannot go on; the message says why. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
}
export class JobInterrupted extends Error {
  override readonly name = 'JobInterrupted';
}

export type JobSurroundings = {
  readonly report: JobReport;
  readonly nowMs: () => number;
  readonly warn: (text: string) => void;
  readonly jobId: string;
  readonly interrupt: AbortSignal;
};

/** The twenty commonest words. Throws `JobFailed`, `JobInterrupted`, `SchedulerError`, or what reading a file throws. */
export async function countWords(
  config: WordCountConfig,
  files: readonly InputFile[],
  around: JobSurroundings,
): Promise<readonly WordCount[]> {
  const job = new WordCountJob(config, files, around);
  return job.run();
}

class WordCountJob {
  readonly #config: WordCountConfig;
  readonly #files: readonly InputFile[];
  readonly #around: JobSurroundings;
  readonly #plan: JobPlan;
  readonly #splitBytes: number;
  readonly #ended = new AbortController();
  readonly #outputs = Promise.withResolvers<readonly string[]>();
  /** Objects on their way out; the end waits for them. */
  readonly #deletions = new Set<Promise<unknown>>();
  #upload: SplitUpload | undefined;
  #isUploaded = false;

  constructor(config: WordCountConfig, files: readonly InputFile[], around: JobSurroundings) {
    this.#config = config;
    this.#files = files;
    this.#around = around;
    const bytes = files.reduce((sum, { size }) => sum + size + 1, 0);
    const { mapTasks, reducers, taskResources, minMapMs } = config;
    this.#splitBytes =
      mapTasks === undefined
        ? config.splitBytes
        : Math.max(Math.ceil(bytes / mapTasks), LEAST_SPLIT_BYTES);
    const expectedSplits = Math.ceil(bytes / this.#splitBytes);
    const { jobId } = around;
    this.#plan = new JobPlan({
      jobId,
      reducers,
      taskResources,
      minMapMs,
      maxAttempts: MAX_ATTEMPTS,
      expectedSplits,
    });
    this.#outputs.promise.catch(() => undefined);
  }

  async run(): Promise<readonly WordCount[]> {
    const { interrupt, nowMs, report } = this.#around;
    const startedMs = nowMs();
    const scheduler = await this.#connect();
    const onInterrupt = (): void => this.#outputs.reject(new JobInterrupted('interrupted'));
    interrupt.addEventListener('abort', onInterrupt, { once: true });
    if (interrupt.aborted) onInterrupt();
    const demandTimer = setInterval(
      () => scheduler.setDemand(this.#plan.demand()),
      DEMAND_INTERVAL_MS,
    );
    try {
      const lost = scheduler
        .ended()
        .then(() => Promise.reject(new JobFailed('the framework was ended')));
      const uploading = this.#uploadAll(scheduler);
      const outputs = await Promise.race([this.#outputs.promise, lost, failing(uploading)]);
      const words = await this.#collect(scheduler, outputs);
      report.end(this.#plan.progress, nowMs() - startedMs);
      return words;
    } finally {
      clearInterval(demandTimer);
      interrupt.removeEventListener('abort', onInterrupt);
      this.#ended.abort();
      await this.#cleanUp(scheduler);
    }
  }

  #connect(): Promise<Scheduler> {
    const { credential, frameworkId, role } = this.#config;
    return connectScheduler({
      credential,
      frameworkId: frameworkId ?? `wordcount-${this.#around.jobId}`,
      name: 'wordcount',
      role,
      demand: this.#plan.demand(),
      onOffers: (offers, scheduler) => {
        if (!this.#isUploaded && this.#plan.progress.waiting === 0) scheduler.decline(offers, SOON);
        else scheduler.place(this.#plan.place(offers));
      },
      onUpdate: (update, scheduler) => {
        this.#take(this.#plan.update(update), scheduler);
        this.#around.report.progress(this.#plan.progress, this.#plan.phase, this.#around.nowMs());
      },
      onError: (error) => this.#around.warn(error.message),
    });
  }

  async #uploadAll(scheduler: Scheduler): Promise<void> {
    const bucket = await scheduler.bucket();
    this.#upload = new SplitUpload({
      bucket,
      files: this.#files,
      splitBytes: this.#splitBytes,
      objectOf: (split) => this.#plan.splitObject(split),
      onSplit: (split) => this.#plan.splitAdded(split),
      signal: this.#ended.signal,
    });
    await this.#upload.run();
    if (this.#ended.signal.aborted) return;
    this.#isUploaded = true;
    this.#take(this.#plan.splitsComplete(), scheduler);
  }

  #take(steps: readonly JobStep[], scheduler: Scheduler): void {
    for (const step of steps) {
      if (step.kind === 'done') this.#outputs.resolve(step.outputs);
      else if (step.kind === 'failed') this.#outputs.reject(new JobFailed(step.message));
      else if (step.kind === 'splitDone') this.#splitDone(step.split, scheduler);
    }
  }

  #splitDone(split: number, scheduler: Scheduler): void {
    this.#upload?.splitDone();
    const deletion = scheduler
      .bucket()
      .then((bucket) => bucket.delete(this.#plan.splitObject(split)))
      // What is left is deleted with everything else at the end.
      .catch(() => undefined)
      .finally(() => this.#deletions.delete(deletion));
    this.#deletions.add(deletion);
  }

  /** Downloads what the reducers wrote, merges it, keeps the commonest, writes all where that was asked for. */
  async #collect(scheduler: Scheduler, outputs: readonly string[]): Promise<readonly WordCount[]> {
    const bucket = await scheduler.bucket();
    const directory = await mkdtemp(join(tmpdir(), 'wordcount-'));
    const { output } = this.#config;
    try {
      const paths = outputs.map((_, index) => join(directory, String(index)));
      for (const [index, object] of outputs.entries())
        await bucket.download(object, paths[index] ?? '');
      const merged = mergeCounts(paths.map((path) => countsOf(createReadStream(path))));
      const commonest = new CommonestWords(COMMONEST);
      const file = output === undefined ? undefined : createWriteStream(output);
      for await (const entry of merged) {
        commonest.add(entry);
        if (file && !file.write(`${entry.word}\t${entry.count}\n`)) await drained(file);
      }
      if (file) {
        file.end();
        await finished(file);
      }
      return commonest.words;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** A task that writes an object after this is caught by the age limit of the bucket. */
  async #cleanUp(scheduler: Scheduler): Promise<void> {
    const { warn } = this.#around;
    try {
      const bucket = await scheduler.bucket();
      await inTime(Promise.all(this.#deletions).then(() => bucket.deleteBelow(this.#plan.prefix)));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      warn(`objects of the job may be left in the bucket until they are too old: ${why}`);
    }
    try {
      await inTime(scheduler.teardown());
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      warn(`the framework ends only by its failover timeout: ${why}`);
    } finally {
      await scheduler.close();
    }
  }
}

/** Rejects when the work takes longer than the end of a job may. */
async function inTime(work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('no answer in time')), CLEAN_UP_LIMIT_MS);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Never resolves; rejects when the work fails. */
const failing = (work: Promise<void>): Promise<never> =>
  new Promise((_, reject) => void work.catch(reject));

const drained = (file: NodeJS.WritableStream): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (end: () => void) => (): void => {
      file.off('drain', onDrain);
      file.off('error', onError);
      end();
    };
    const onDrain = settle(() => resolve());
    const onError = (error: Error): void => settle(() => reject(error))();
    file.once('drain', onDrain);
    file.once('error', onError);
  });
