// Owns a framework that runs jobs in a cluster, virtual or real (job-place.ts): it states what waits as its demand, gives what
// it is offered to the job with the fewest running tasks (fair sharing, as in the paper's Hadoop), and keeps offers for a gang
// until it is complete. One at a time, so that it keeps no more from others than it is about to use.

import { timesContained } from '@parley/allocation/need-fit';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import { contains, subtract } from '@parley/resources/resources';
import type { JobDesk, JobPlace, JobTask } from './job-place.ts';
import type { Job, Stage, Workload } from './workloads.ts';

/** Of a job, from its submission to the end of its last task. */
export type Completion = { readonly kind: string; readonly tookMs: number; readonly endMs: number };

type RunningJob = {
  readonly job: Job;
  readonly submittedMs: number;
  stage: number;
  /** Of the stage, not launched yet. */
  readonly waitingMs: number[];
  running: number;
};
type Launch = { readonly job: RunningJob; readonly lengthMs: number };

export class JobFramework {
  readonly name: string;
  readonly completions: Completion[] = [];
  readonly #jobs: readonly Job[];
  readonly #place: JobPlace;
  readonly #desk: JobDesk;
  readonly #active: RunningJob[] = [];
  readonly #launches = new Map<string, Launch>();
  #kept: Offer[] = [];
  #nextTask = 1;
  #isDemandEmpty = true;

  constructor(place: JobPlace, { name, jobs }: Workload) {
    this.name = name;
    this.#jobs = jobs;
    this.#place = place;
    this.#desk = place.join(name, this);
    for (const job of jobs) {
      const { submission } = job;
      if ('atMs' in submission) place.after(submission.atMs, () => this.#submit(job));
    }
    this.#submitAfter(undefined);
  }

  get isDone(): boolean {
    return this.completions.length === this.#jobs.length;
  }

  /** Of what it launched and was not told to have ended, thousandths. */
  heldOf(name: string): number {
    let sum = 0;
    for (const { job } of this.#launches.values()) sum += stageOf(job).need.scalars[name] ?? 0;
    return sum;
  }

  /** It could use more than it has. */
  get isWanting(): boolean {
    return this.#active.some(({ waitingMs }) => waitingMs.length > 0);
  }

  offered(offers: readonly Offer[]): void {
    this.#kept.push(...offers);
    if (!this.#launchGang()) this.#launchTasks();
  }

  rescinded(offerIds: readonly string[]): void {
    this.#kept = this.#kept.filter(({ offerId }) => !offerIds.includes(offerId));
  }

  updated({ task, state }: StatusUpdate): void {
    if (!isTerminal(state)) return;
    const launch = this.#launches.get(task.taskId);
    assert(
      launch !== undefined && (state === 'finished' || state === 'dropped'),
      `a task that was launched is ${state}`,
    );
    this.#launches.delete(task.taskId);
    const { job, lengthMs } = launch;
    job.running -= 1;
    if (state === 'dropped') {
      // Its offer was taken back meanwhile: it never ran, and waits again.
      job.waitingMs.push(lengthMs);
      this.#stateDemand();
      return;
    }
    if (job.running > 0 || job.waitingMs.length > 0) return;
    job.stage += 1;
    if (job.stage < job.job.stages.length) this.#beginStage(job);
    else this.#end(job);
  }

  #submit(job: Job): void {
    const running = { job, submittedMs: this.#place.nowMs, stage: 0, waitingMs: [], running: 0 };
    this.#active.push(running);
    this.#beginStage(running);
  }

  #submitAfter(previous: Job | undefined): void {
    const next = this.#jobs[previous === undefined ? 0 : this.#jobs.indexOf(previous) + 1];
    if (next === undefined || !('afterPreviousMs' in next.submission)) return;
    this.#place.after(next.submission.afterPreviousMs, () => this.#submit(next));
  }

  #beginStage(job: RunningJob): void {
    job.waitingMs.push(...stageOf(job).tasksMs);
    this.#stateDemand();
  }

  #end(ended: RunningJob): void {
    const { job, submittedMs } = ended;
    const { nowMs } = this.#place;
    this.#active.splice(this.#active.indexOf(ended), 1);
    this.completions.push({ kind: job.kind, tookMs: nowMs - submittedMs, endMs: nowMs });
    this.#submitAfter(job);
  }

  /** The leader counts down itself what is launched. */
  #stateDemand(): void {
    const gang = this.#gang();
    const counts = new Map<Resources, number>();
    for (const job of this.#active) {
      const { need, isGang } = stageOf(job);
      if (job.waitingMs.length === 0 || (isGang && job !== gang)) continue;
      counts.set(need, (counts.get(need) ?? 0) + job.waitingMs.length);
    }
    const demand = [...counts].map(([resources, count]) => ({ count, resources }));
    if (demand.length === 0 && this.#isDemandEmpty) return;
    this.#isDemandEmpty = demand.length === 0;
    this.#desk.demand(demand);
  }

  #gang(): RunningJob | undefined {
    return this.#active.find((job) => stageOf(job).isGang && job.waitingMs.length > 0);
  }

  /** Whether one is waited for; it is launched when all of it fits into what is kept. */
  #launchGang(): boolean {
    const gang = this.#gang();
    if (gang === undefined) return false;
    const { need } = stageOf(gang);
    let missing = gang.waitingMs.length;
    const counts = this.#kept.map((offer) => {
      const count = Math.min(missing, timesContained(offer.resources, need));
      missing -= count;
      return count;
    });
    if (missing > 0) return true;
    this.#answer((_, index) => Array.from({ length: counts[index] ?? 0 }, () => take(gang)));
    this.#stateDemand();
    return true;
  }

  #launchTasks(): void {
    this.#answer(({ resources }) => {
      const launches: Launch[] = [];
      let rest = resources;
      for (let job = this.#next(rest); job !== undefined; job = this.#next(rest)) {
        rest = subtract(rest, stageOf(job).need);
        launches.push(take(job));
      }
      return launches;
    });
  }

  /** Of those that have a task that fits, the one with the fewest that run. */
  #next(room: Resources): RunningJob | undefined {
    let next: RunningJob | undefined;
    for (const job of this.#active) {
      const fits = job.waitingMs.length > 0 && contains(room, stageOf(job).need);
      if (fits && job.running < (next?.running ?? Number.POSITIVE_INFINITY)) next = job;
    }
    return next;
  }

  /** Every offer that is kept, with what is launched on it. */
  #answer(launchesOn: (offer: Offer, index: number) => readonly Launch[]): void {
    for (const [index, offer] of this.#kept.entries()) {
      const tasks = launchesOn(offer, index).map((launch) => this.#describe(launch));
      if (tasks.length === 0) this.#desk.decline(offer);
      else this.#desk.launch(offer, tasks);
    }
    this.#kept = [];
  }

  #describe(launch: Launch): JobTask {
    const taskId = `task-${this.#nextTask}`;
    this.#nextTask += 1;
    this.#launches.set(taskId, launch);
    return { taskId, resources: stageOf(launch.job).need, lengthMs: launch.lengthMs };
  }
}

function stageOf({ job, stage }: RunningJob): Stage {
  const found = job.stages[stage];
  assert(found !== undefined, 'a job that runs is in one of its stages');
  return found;
}

/** Its next task. */
function take(job: RunningJob): Launch {
  const lengthMs = job.waitingMs.pop();
  assert(lengthMs !== undefined, 'a task waits');
  job.running += 1;
  return { job, lengthMs };
}
