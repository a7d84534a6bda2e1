// Owns one job from its first split to its last object: joins the plan, the upload of splits and the cluster. It decides
// nothing about tasks (job-plan.ts) and knows no bus: offers and updates come in, a few commands go out.
import type { Demand } from '@parley/protocol/frameworks';
import type { TaskId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import type { Placements } from '@parley/scheduler-sdk/task-pool';
import type { InputFile } from './input-files.ts';
import type { JobPlan, JobStep } from './job-plan.ts';
import type { SplitSize } from './split-size.ts';
import { type JobBucket, SplitUpload } from './split-upload.ts';

/** What a job asks of the cluster beside placing tasks. */
export interface JobCluster {
  setDemand(demand: Demand): void;
  kill(taskId: TaskId): void;
}

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
  readonly onTrouble: (update: StatusUpdate) => void;
};

export class WordCountJob {
  readonly #options: JobOptions;
  readonly #upload: SplitUpload;
  readonly #outputs = Promise.withResolvers<readonly string[]>();
  readonly #stopped = Promise.withResolvers<void>();
  #uploading: Promise<void> = Promise.resolve();

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
      onUploaded: (split) => plan.splitAdded(split),
    });
  }

  /** Resolves with the objects that hold the counts. Throws `JobFailed`, `UnreadableInput` and what the bucket throws. */
  async run(): Promise<readonly string[]> {
    this.#uploading = this.#uploadSplits();
    return await this.#outputs.promise;
  }

  offers(offers: readonly Offer[]): Placements {
    return this.#options.plan.place(offers);
  }

  update(update: StatusUpdate): void {
    const { plan, onTrouble } = this.#options;
    const isKnown = plan.liveTasks().includes(update.task.taskId);
    for (const step of plan.update(update)) this.#take(step);
    if (isKnown && isTerminal(update.state) && update.state !== 'finished') onTrouble(update);
    if (plan.liveTasks().length === 0) this.#stopped.resolve();
  }

  /** To be called now and then: the master is told only when it does not know, as after a failed task. */
  stateDemand(): void {
    this.#options.cluster.setDemand(this.#options.plan.demand());
  }

  /**
   * Ends the job, done or not: kills its tasks, and deletes its objects when no task can write any more. It may take
   * as long as tasks take to be killed; who cannot wait goes on without.
   */
  async stop(): Promise<void> {
    const { plan, bucket, cluster } = this.#options;
    plan.giveUp();
    this.#upload.stop();
    for (const taskId of plan.liveTasks()) cluster.kill(taskId);
    if (plan.liveTasks().length > 0) await this.#stopped.promise;
    await this.#uploading;
    await this.#upload.settled();
    await bucket.deleteBelow(plan.prefix);
  }

  async #uploadSplits(): Promise<void> {
    try {
      const isComplete = await this.#upload.run();
      if (!isComplete) return;
      for (const step of this.#options.plan.splitsComplete()) this.#take(step);
    } catch (error) {
      this.#outputs.reject(error);
    }
  }

  #take(step: JobStep): void {
    switch (step.kind) {
      case 'splitDone':
        this.#upload.splitDone(step.split);
        break;
      case 'reducing':
        this.stateDemand();
        break;
      case 'done':
        this.#outputs.resolve(step.outputs);
        break;
      case 'failed':
        this.#outputs.reject(
          new JobFailed(`${step.message}. What the task wrote: npx parley task logs.`),
        );
        break;
    }
  }
}
