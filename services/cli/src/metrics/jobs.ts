// Owns the metrics ramp-up and job completion, folded from a cluster's events. A job is the life of one framework.
// Times are core time in milliseconds. Definitions for readers stand in infra/docs/glossary.md.
import type { ClusterEvent } from '@parley/cluster/events';
import { type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';

export type Job = {
  readonly framework: FrameworkRef;
  readonly name: string;
  readonly roles: readonly string[];
  readonly submittedAtMs: number;
  /** Until the framework first held what is its own; undefined while it has not. */
  readonly rampUpMs: number | undefined;
  /** From submission to its last status update; undefined while it goes on. */
  readonly completionMs: number | undefined;
  readonly endedTasks: number;
};

/** Older jobs are forgotten. */
const MAX_JOBS = 1000;

type OpenJob = {
  -readonly [Field in keyof Job]: Job[Field];
} & { lastUpdateAtMs: number };

export class JobFold {
  readonly #jobs = new Map<string, OpenJob>();

  apply(atMs: number, event: ClusterEvent): void {
    switch (event.type) {
      case 'frameworkSubscribed':
        this.#open(atMs, event);
        break;
      case 'frameworkRampedUp':
        this.#change(event.framework, (job) => {
          job.rampUpMs ??= event.rampUpMs;
        });
        break;
      case 'taskStateChanged':
        this.#change(event.task, (job) => {
          job.lastUpdateAtMs = atMs;
          if (isTerminal(event.to)) job.endedTasks += 1;
        });
        break;
      case 'frameworkRemoved':
        this.#change(event.framework, (job) => {
          job.completionMs = job.lastUpdateAtMs - job.submittedAtMs;
        });
        break;
      default:
    }
  }

  /** In the order of submission. */
  jobs(): Job[] {
    return [...this.#jobs.values()].map(({ lastUpdateAtMs: _, ...job }) => job);
  }

  #open(atMs: number, event: Extract<ClusterEvent, { type: 'frameworkSubscribed' }>): void {
    const key = frameworkKey(event.framework);
    // A later session of the same framework is the same job.
    if (this.#jobs.has(key)) return;
    this.#jobs.set(key, {
      framework: event.framework,
      name: event.name,
      roles: event.roles,
      submittedAtMs: atMs,
      rampUpMs: undefined,
      completionMs: undefined,
      endedTasks: 0,
      lastUpdateAtMs: atMs,
    });
    const [oldest] = this.#jobs.keys();
    if (this.#jobs.size > MAX_JOBS && oldest !== undefined) this.#jobs.delete(oldest);
  }

  #change(framework: FrameworkRef, change: (job: OpenJob) => void): void {
    const job = this.#jobs.get(frameworkKey(framework));
    if (job !== undefined) change(job);
  }
}
