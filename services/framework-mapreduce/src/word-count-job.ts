// Owns one job from its first split to its last object: joins the plan, the upload of splits and the cluster. It decides
// nothing about tasks (job-plan.ts) and knows no bus: updates come in, a word that something else is desired goes out.
import { setTimeout as wait } from 'node:timers/promises';
import type { Framework } from '@parley/scheduler-sdk/framework';
import type { FrameworkUpdate } from '@parley/scheduler-sdk/framework-update';
import type { InputFile } from './input-files.ts';
import type { JobPlan, JobStep } from './job-plan.ts';
import type { SplitSize } from './split-size.ts';
import { type JobBucket, SplitUpload } from './split-upload.ts';

/** What a job asks of the cluster; what it desires is read from the plan. */
export type JobCluster = Pick<Framework, 'poke' | 'idle'>;

/** What, why and what to do. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
}

export type JobOptions = {
  readonly plan: JobPlan;
  readonly files: readonly InputFile[];
  readonly size: SplitSize;
  readonly bucket: JobBucket;
  readonly cluster: JobCluster;
  /** A task ended without success. */
  readonly onTrouble: (update: FrameworkUpdate) => void;
};

/** Splits may come by the hundred in a second: the list is not read for each. */
const POKE_INTERVAL_MS = 20;

export class WordCountJob {
  readonly #options: JobOptions;
  readonly #upload: SplitUpload;
  readonly #outputs = Promise.withResolvers<readonly string[]>();
  #uploading: Promise<void> = Promise.resolve();
  #poking: Promise<void> | undefined;
  #isPokeDue = false;

  constructor(options: JobOptions) {
    const { plan, files, size, bucket } = options;
    this.#options = options;
    this.#outputs.promise.catch(() => undefined);
    this.#upload = new SplitUpload({
      bucket,
      files,
      splitBytes: size.splitBytes,
      maxAheadBytes: size.maxAheadBytes,
      objectOf: (split) => plan.splitObject(split),
      onUploaded: (split) => {
        plan.splitAdded(split);
        this.#poke();
      },
    });
  }

  /** Resolves with the objects that hold the counts. Throws `JobFailed`, `UnreadableInput` and what the bucket throws. */
  async run(): Promise<readonly string[]> {
    this.#uploading = this.#uploadSplits();
    return await this.#outputs.promise;
  }

  update(update: FrameworkUpdate): void {
    const { plan, onTrouble } = this.#options;
    const isOfJob = plan.phase === 'map' || plan.phase === 'reduce';
    for (const step of plan.update(update)) this.#take(step);
    if (isOfJob && update.terminal && update.state !== 'finished') onTrouble(update);
  }

  /**
   * Ends the job, done or not: its tasks are killed, and its objects deleted when no task can write any more. It may
   * take as long as tasks take to be killed; who cannot wait goes on without.
   */
  async stop(): Promise<void> {
    const { plan, bucket, cluster } = this.#options;
    plan.giveUp();
    this.#upload.stop();
    await cluster.poke();
    await cluster.idle();
    await this.#uploading;
    await this.#upload.settled();
    await bucket.deleteBelow(plan.prefix);
  }

  async #uploadSplits(): Promise<void> {
    try {
      const isComplete = await this.#upload.run();
      if (!isComplete) return;
      for (const step of this.#options.plan.splitsComplete()) this.#take(step);
      this.#poke();
    } catch (error) {
      this.#outputs.reject(error);
    }
  }

  #take(step: JobStep): void {
    switch (step.kind) {
      case 'splitDone':
        this.#upload.splitDone(step.split);
        break;
      case 'mapped':
        void this.#reduce();
        break;
      case 'done':
        this.#outputs.resolve(step.outputs);
        break;
      case 'failed':
        // At once: nothing more is to be launched.
        void this.#options.cluster.poke();
        this.#outputs.reject(
          new JobFailed(`${step.message}. What the task wrote: npx parley task logs.`),
        );
        break;
    }
  }

  /** A bucket that does not say how large the parts are costs the reduces their places, not the job its result. */
  async #reduce(): Promise<void> {
    const { plan, bucket } = this.#options;
    plan.reduce(await bucket.sizesBelow(plan.partPrefix).catch(() => new Map<string, number>()));
    this.#poke();
  }

  #poke(): void {
    this.#isPokeDue = true;
    this.#poking ??= this.#pokeWhileDue();
  }

  async #pokeWhileDue(): Promise<void> {
    while (this.#isPokeDue) {
      this.#isPokeDue = false;
      await this.#options.cluster.poke();
      await wait(POKE_INTERVAL_MS);
    }
    this.#poking = undefined;
  }
}
