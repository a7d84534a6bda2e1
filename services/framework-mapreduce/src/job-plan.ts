// Owns the course of one word count: map tasks as splits come in, reduce tasks when all maps are done, which objects each
// reads and writes, and where they lie. Pure: updates come in, what is desired and what to do next goes out.
import type { AgentId, TaskId } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { DesiredTask, ExpectedWork, TaskBody } from '@parley/scheduler-sdk/desired-task';
import type { FrameworkUpdate } from '@parley/scheduler-sdk/framework-update';
import { nearestAgents } from './near-first.ts';
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
  /** Reduces can begin when it is known how large their inputs are. */
  | { readonly kind: 'mapped' }
  | { readonly kind: 'done'; readonly outputs: readonly string[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Bytes that reduce tasks read, and of these bytes that their own agents had written. */
export type Locality = { readonly bytes: number; readonly localBytes: number };

type Done = { readonly taskId: TaskId; readonly agentId: AgentId };

const BACKOFF = { firstMs: 250, factor: 2, maxMs: 2000 };

export class JobPlan {
  readonly #options: JobOptions;
  /** What is not done, by key. */
  readonly #desired = new Map<string, DesiredTask>();
  /** For each split that was mapped, the task that did it. */
  readonly #mappedBy = new Map<number, Done>();
  readonly #reducedBy = new Map<number, Done>();
  /** By object. */
  #partBytes: ReadonlyMap<string, number> = new Map();
  #splits = 0;
  #areSplitsComplete = false;
  #phase: 'map' | 'reduce' | 'done' | 'failed' = 'map';
  #retries = 0;

  constructor(options: JobOptions) {
    this.#options = options;
  }

  get phase(): 'map' | 'reduce' | 'done' | 'failed' {
    return this.#phase;
  }

  get progress(): { finished: number; retries: number; maps: number; mapped: number } {
    const mapped = this.#mappedBy.size;
    const finished = mapped + this.#reducedBy.size;
    return { finished, retries: this.#retries, maps: this.#splits, mapped };
  }

  get prefix(): string {
    return `jobs/${this.#options.jobId}/`;
  }

  /** Prefix of what map tasks write. */
  get partPrefix(): string {
    return `${this.prefix}map/`;
  }

  get locality(): Locality {
    let bytes = 0;
    let localBytes = 0;
    for (const [reducer, { agentId }] of this.#reducedBy) {
      const bytesOn = this.#bytesOn(reducer);
      for (const each of bytesOn.values()) bytes += each;
      localBytes += bytesOn.get(agentId) ?? 0;
    }
    return { bytes, localBytes };
  }

  splitObject(split: number): string {
    return `${this.prefix}split/${split}`;
  }

  /** The object of this split is in the bucket. Splits are numbered from 0. */
  splitAdded(split: number): void {
    this.#splits = Math.max(this.#splits, split + 1);
    if (this.#phase === 'map') this.#want(`m${split}`, ({ taskId }) => this.#map(taskId, split));
  }

  /** No more splits come. */
  splitsComplete(): JobStep[] {
    this.#areSplitsComplete = true;
    return this.#advance();
  }

  /** After `mapped`: bytes of what the maps wrote, by object; what is not known is no reason to prefer an agent. */
  reduce(partBytes: ReadonlyMap<string, number>): void {
    this.#partBytes = partBytes;
    if (this.#phase !== 'reduce') return;
    for (let reducer = 0; reducer < this.#options.reducers; reducer += 1) {
      const agentId = nearestAgents(this.#bytesOn(reducer));
      this.#want(`r${reducer}`, ({ taskId }) => this.#reduce(taskId, reducer), { agentId });
    }
  }

  /** Everything that is to be done and can be, or is under way. */
  desired(): DesiredTask[] {
    return [...this.#desired.values()];
  }

  /** While maps run, the splits that are still to come. */
  expected(): ExpectedWork[] {
    const { expectedSplits, taskResources, reducers } = this.#options;
    const need = { resources: taskResources };
    if (this.#phase === 'map' && !this.#areSplitsComplete)
      return [{ need, count: Math.max(expectedSplits - this.#splits, 0) }];
    const areReducesToCome = this.#phase === 'reduce' && this.#desired.size === 0;
    return areReducesToCome ? [{ need, count: reducers - this.#reducedBy.size }] : [];
  }

  update({ key, state, terminal, willRetry, update, ...why }: FrameworkUpdate): JobStep[] {
    if (!terminal || !this.#desired.has(key)) return [];
    if (willRetry) {
      this.#retries += 1;
      return [];
    }
    if (state !== 'finished' || update === undefined) {
      const { reason, message } = why;
      return [this.#fail({ key, taskId: update?.task.taskId ?? key, state, reason, message })];
    }
    this.#desired.delete(key);
    const done = { taskId: update.task.taskId, agentId: update.agentId };
    const number = Number(key.slice(1));
    if (key.startsWith('r')) {
      this.#reducedBy.set(number, done);
      return this.#advance();
    }
    this.#mappedBy.set(number, done);
    return [{ kind: 'splitDone', split: number }, ...this.#advance()];
  }

  /** Nothing is desired any more. */
  giveUp(): void {
    this.#desired.clear();
    if (this.#phase !== 'done') this.#phase = 'failed';
  }

  #want(
    key: string,
    run: (place: { readonly taskId: TaskId }) => TaskBody,
    near: Readonly<Record<string, readonly string[]>> = {},
  ): void {
    const { taskResources, maxAttempts } = this.#options;
    const retry = { max: maxAttempts, backoff: BACKOFF };
    this.#desired.set(key, { key, need: { resources: taskResources }, run, near, retry });
  }

  #advance(): JobStep[] {
    if (this.#phase === 'map' && this.#areSplitsComplete && this.#mappedBy.size === this.#splits) {
      if (this.#splits === 0) return this.#finish();
      this.#phase = 'reduce';
      return [{ kind: 'mapped' }];
    }
    if (this.#phase === 'reduce' && this.#reducedBy.size === this.#options.reducers) {
      return this.#finish();
    }
    return [];
  }

  #finish(): JobStep[] {
    this.#phase = 'done';
    const outputs = [...this.#reducedBy.values()].map(({ taskId }) => this.#countsObject(taskId));
    return [{ kind: 'done', outputs }];
  }

  #fail(end: Pick<FrameworkUpdate, 'key' | 'state' | 'reason' | 'message'> & Ended): JobStep {
    this.giveUp();
    const { key, taskId, state, reason, message } = end;
    const what = key.startsWith('r') ? 'reduce' : 'map';
    const why = [reason, message].filter(Boolean).join(', ') || 'no reason given';
    return { kind: 'failed', message: `${what} task ${taskId} ended as ${state}: ${why}` };
  }

  #map(taskId: TaskId, split: number): TaskBody {
    const { reducers, minMapMs } = this.#options;
    const outputs = Array.from({ length: reducers }, (_, reducer) => ({
      object: this.#partObject(taskId, reducer),
      path: partPath(reducer),
    }));
    return {
      name: `map ${split}`,
      command: { argv: mapCommand(reducers, minMapMs) },
      inputs: [{ object: this.splitObject(split), path: SPLIT_PATH }],
      outputs,
    };
  }

  #reduce(taskId: TaskId, reducer: number): TaskBody {
    const inputs = [...this.#mappedBy].map(([split, by]) => ({
      object: this.#partObject(by.taskId, reducer),
      path: `${MAPS_PATH}/${split}`,
    }));
    return {
      name: `reduce ${reducer}`,
      command: { argv: reduceCommand() },
      inputs,
      outputs: [{ object: this.#countsObject(taskId), path: COUNTS_PATH }],
    };
  }

  /** What this reduce reads, by the agent that wrote it. */
  #bytesOn(reducer: number): Map<AgentId, number> {
    const bytesOn = new Map<AgentId, number>();
    for (const { taskId, agentId } of this.#mappedBy.values()) {
      const bytes = this.#partBytes.get(this.#partObject(taskId, reducer)) ?? 0;
      bytesOn.set(agentId, (bytesOn.get(agentId) ?? 0) + bytes);
    }
    return bytesOn;
  }

  #partObject(taskId: TaskId, reducer: number): string {
    return `${this.partPrefix}${taskId}/${reducer}`;
  }

  #countsObject(taskId: TaskId): string {
    return `${this.prefix}reduce/${taskId}`;
  }
}

type Ended = { readonly taskId: string };
