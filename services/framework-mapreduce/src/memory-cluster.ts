// Owns a bucket and a cluster in memory for tests of a job: objects are kept, the SDK's plan launches on offers that the test
// makes, tasks end as the test says. A map or reduce that finishes leaves the objects that it promises. It tests nothing itself.
import type { TaskDescription, TaskState } from '@parley/protocol/tasks';
import { delay } from '@parley/scheduler-sdk/placement/delay';
import { PlanFixture, tasksOf } from '@parley/scheduler-sdk/plan-fixture';
import type { JobPlan } from './job-plan.ts';
import { nearFirst } from './near-first.ts';
import type { JobBucket } from './split-upload.ts';
import type { JobCluster, WordCountJob } from './word-count-job.ts';

export class MemoryBucket implements JobBucket {
  readonly objects = new Map<string, string>();
  /** The most objects below this part of a name at any time. */
  peakSplits = 0;
  /** Storing fails with this when it is set. */
  failure: Error | undefined;
  /** It does not tell sizes. */
  isMute = false;

  async put(name: string, source: () => AsyncIterable<Uint8Array>): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const chunks: Uint8Array[] = [];
    for await (const chunk of source()) chunks.push(chunk);
    this.objects.set(name, Buffer.concat(chunks).toString('latin1'));
    this.peakSplits = Math.max(this.peakSplits, this.splits().length);
  }

  async download(): Promise<void> {
    throw new Error('results are read elsewhere');
  }

  async sizesBelow(prefix: string): Promise<ReadonlyMap<string, number>> {
    if (this.isMute) throw new Error('the bucket does not answer');
    const below = [...this.objects].filter(([name]) => name.startsWith(prefix));
    return new Map(below.map(([name, { length }]) => [name, length]));
  }

  async delete(name: string): Promise<void> {
    this.objects.delete(name);
  }

  async deleteBelow(prefix: string): Promise<void> {
    for (const name of this.objects.keys()) if (name.startsWith(prefix)) this.objects.delete(name);
  }

  splits(): string[] {
    return [...this.objects.keys()].filter((name) => name.includes('/split/'));
  }
}

const BACKOFF_OVER_MS = 10_000;

export class MemoryCluster implements JobCluster {
  /** All that were launched, in order. */
  readonly launched: TaskDescription[] = [];
  readonly #fixture = PlanFixture.begun([], { strategies: [delay({ agentId: 3000 }), nearFirst] });
  readonly #bucket: MemoryBucket;
  readonly #plan: JobPlan;
  #idle = Promise.withResolvers<void>();

  constructor(bucket: MemoryBucket, plan: JobPlan) {
    this.#bucket = bucket;
    this.#plan = plan;
  }

  get live(): ReadonlyMap<string, TaskDescription> {
    return new Map([...this.#fixture.live].map(([taskId, { task }]) => [taskId, task]));
  }

  get killed(): string[] {
    return this.#fixture.killed;
  }

  /** What the leader believes that is wanted: what it was told, without what was launched since. */
  get demand(): number {
    this.#fixture.pass(1000);
    let wanted = 0;
    for (const decision of this.#fixture.decisions) {
      if (decision.kind === 'accept') wanted -= tasksOf(decision).length;
      if (decision.kind === 'demand')
        wanted = (decision.demand ?? []).reduce((sum, { count }) => sum + count, 0);
    }
    return wanted;
  }

  agentOf(task: TaskDescription): string | undefined {
    return this.#fixture.live.get(task.taskId)?.agentId;
  }

  async poke(): Promise<void> {
    const { plan, nowMs } = this.#fixture;
    this.#fixture.take(plan.desired(this.#plan.desired(), nowMs, this.#plan.expected()));
    this.#rest();
  }

  idle(): Promise<void> {
    return this.#fixture.live.size === 0 ? Promise.resolve() : this.#idle.promise;
  }

  /** Lets what failed be tried again, and makes an offer of everything on each agent; returns what was launched. */
  offer(...agents: readonly string[]): TaskDescription[] {
    this.#fixture.pass(BACKOFF_OVER_MS);
    return this.offerNow(...agents);
  }

  offerNow(...agents: readonly string[]): TaskDescription[] {
    const launched = this.#fixture.offer(
      ...agents.map((agent) => ({ agent, cpus: 100, mem: '100GiB' })),
    );
    this.launched.push(...launched);
    return launched;
  }

  end(
    job: WordCountJob,
    task: TaskDescription,
    state: TaskState,
    reason?: 'invalidTask',
    size = 0,
  ): void {
    if (state === 'finished')
      for (const { object } of task.outputs) this.#bucket.objects.set(object, 'x'.repeat(size));
    const update = this.#fixture.update(task.taskId, state, reason === undefined ? {} : { reason });
    if (update !== undefined) job.update(update);
    this.#rest();
  }

  #rest(): void {
    if (this.#fixture.live.size > 0) return;
    this.#idle.resolve();
    this.#idle = Promise.withResolvers();
  }
}
