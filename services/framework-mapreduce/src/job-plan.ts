// Owns the course of one word count: map tasks as splits come in, reduce tasks when all maps are done, which
// objects each reads and writes. Pure: offers and updates in, placements and what to do next out.
import type { Demand } from '@parley/protocol/frameworks';
import type { TaskId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { task } from '@parley/scheduler-sdk/task';
import { type Placements, type PoolCounts, TaskPool } from '@parley/scheduler-sdk/task-pool';
import {
  COUNTS_PATH,
  MAPS_PATH,
  mapCommand,
  partPath,
  reduceCommand,
  SPLIT_PATH,
} from './wordcount-commands.ts';

export type JobOptions = {
  /** A token; prefix of all objects of the job. */
  readonly jobId: string;
  readonly reducers: number;
  readonly taskResources: Resources;
  readonly minMapMs: number;
  readonly maxAttempts: number;
  /** How many splits there will probably be, for the demand. */
  readonly expectedSplits: number;
};

export type JobStep =
  /** The split was mapped: its object is not needed any more. */
  | { readonly kind: 'splitDone'; readonly split: number }
  | { readonly kind: 'reducing' }
  | { readonly kind: 'done'; readonly outputs: readonly string[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Work is still to come: what is offered now may be wanted soon. */
const SOON_FILTER = { refuseMs: 1000 };
const NEVER_FILTER = { refuseMs: 30_000 };

export class JobPlan {
  readonly #options: JobOptions;
  readonly #pool: TaskPool;
  /** For each split that was mapped, the task that did it. */
  readonly #mappedBy = new Map<number, TaskId>();
  readonly #reducedBy = new Map<number, TaskId>();
  #splits = 0;
  #areSplitsComplete = false;
  #phase: 'map' | 'reduce' | 'done' | 'failed' = 'map';

  constructor(options: JobOptions) {
    this.#options = options;
    this.#pool = new TaskPool({ maxAttempts: options.maxAttempts });
  }

  get phase(): 'map' | 'reduce' | 'done' | 'failed' {
    return this.#phase;
  }

  get progress(): PoolCounts & { readonly maps: number; readonly mapped: number } {
    return { ...this.#pool.counts(), maps: this.#splits, mapped: this.#mappedBy.size };
  }

  get prefix(): string {
    return `jobs/${this.#options.jobId}/`;
  }

  splitObject(split: number): string {
    return `${this.prefix}split/${split}`;
  }

  /** The object of this split is in the bucket. Splits are numbered from 0. */
  splitAdded(split: number): void {
    this.#splits = Math.max(this.#splits, split + 1);
    this.#pool.add({
      key: `m${split}`,
      resources: this.#options.taskResources,
      describe: (taskId) => this.#mapTask(taskId, split),
    });
  }

  /** No more splits come. */
  splitsComplete(): JobStep[] {
    this.#areSplitsComplete = true;
    return this.#advance();
  }

  /** Until the last map has ended, what is not used is wanted again soon; after a job's end never. */
  place(offers: readonly Offer[]): Placements {
    if (this.#phase === 'failed' || this.#phase === 'done')
      return { accepted: [], declined: [{ offers, filter: NEVER_FILTER }] };
    const { accepted, declined } = this.#pool.place(offers);
    if (this.#phase !== 'map' || this.#pool.counts().waiting > 0) return { accepted, declined };
    return {
      accepted: accepted.map((placement) => ({ ...placement, filter: SOON_FILTER })),
      declined: declined.map((refusal) => ({ ...refusal, filter: SOON_FILTER })),
    };
  }

  update(update: StatusUpdate): JobStep[] {
    // Somebody killed it who does not own the job: for the job it is a task that failed.
    const state = update.state === 'killed' ? 'failed' : update.state;
    const event = this.#pool.update({ ...update, state });
    if (event?.kind !== 'ended' || this.#phase === 'failed') return [];
    if (!event.success) return [this.#fail(event.key, update)];
    const number = Number(event.key.slice(1));
    if (event.key.startsWith('r')) {
      this.#reducedBy.set(number, update.task.taskId);
      return this.#advance();
    }
    this.#mappedBy.set(number, update.task.taskId);
    return [{ kind: 'splitDone', split: number }, ...this.#advance()];
  }

  /** Nothing is launched any more. */
  giveUp(): void {
    if (this.#phase === 'done') return;
    this.#phase = 'failed';
    this.#pool.dropWaiting();
  }

  liveTasks(): TaskId[] {
    return this.#pool.liveTasks();
  }

  /** While maps run, what is still to be mapped; then what is still to be reduced. */
  demand(): Demand {
    if (this.#phase === 'failed' || this.#phase === 'done') return [];
    const { expectedSplits, taskResources } = this.#options;
    const toCome = this.#areSplitsComplete ? 0 : Math.max(expectedSplits - this.#splits, 0);
    const demand = this.#pool.demand();
    if (toCome === 0) return demand;
    const [first] = demand;
    const resources = first?.resources ?? taskResources;
    return [{ count: (first?.count ?? 0) + toCome, resources, constraints: [] }];
  }

  #advance(): JobStep[] {
    if (this.#phase === 'map' && this.#areSplitsComplete && this.#mappedBy.size === this.#splits) {
      if (this.#splits === 0) return this.#finish();
      this.#phase = 'reduce';
      for (let reducer = 0; reducer < this.#options.reducers; reducer += 1)
        this.#addReduce(reducer);
      return [{ kind: 'reducing' }];
    }
    if (this.#phase === 'reduce' && this.#reducedBy.size === this.#options.reducers) {
      return this.#finish();
    }
    return [];
  }

  #finish(): JobStep[] {
    this.#phase = 'done';
    const outputs = [...this.#reducedBy.values()].map((taskId) => this.#countsObject(taskId));
    return [{ kind: 'done', outputs }];
  }

  #fail(key: string, update: StatusUpdate): JobStep {
    this.giveUp();
    const what = key.startsWith('r') ? 'reduce' : 'map';
    const why = [update.reason, update.message].filter(Boolean).join(', ') || 'no reason given';
    return {
      kind: 'failed',
      message: `${what} task ${update.task.taskId} ended as ${update.state}: ${why}`,
    };
  }

  #addReduce(reducer: number): void {
    this.#pool.add({
      key: `r${reducer}`,
      resources: this.#options.taskResources,
      describe: (taskId) => this.#reduceTask(taskId, reducer),
    });
  }

  #mapTask(taskId: TaskId, split: number): ReturnType<typeof task> {
    const { reducers, minMapMs } = this.#options;
    const outputs = Array.from({ length: reducers }, (_, reducer) => ({
      object: this.#partObject(taskId, reducer),
      path: partPath(reducer),
    }));
    return {
      ...task({
        id: taskId,
        name: `map ${split}`,
        command: mapCommand(reducers, minMapMs),
        inputs: [{ object: this.splitObject(split), path: SPLIT_PATH }],
        outputs,
      }),
      resources: this.#options.taskResources,
    };
  }

  #reduceTask(taskId: TaskId, reducer: number): ReturnType<typeof task> {
    const inputs = [...this.#mappedBy].map(([split, by]) => ({
      object: this.#partObject(by, reducer),
      path: `${MAPS_PATH}/${split}`,
    }));
    return {
      ...task({
        id: taskId,
        name: `reduce ${reducer}`,
        command: reduceCommand(),
        inputs,
        outputs: [{ object: this.#countsObject(taskId), path: COUNTS_PATH }],
      }),
      resources: this.#options.taskResources,
    };
  }

  #partObject(taskId: TaskId, reducer: number): string {
    return `${this.prefix}map/${taskId}/${reducer}`;
  }

  #countsObject(taskId: TaskId): string {
    return `${this.prefix}reduce/${taskId}`;
  }
}
