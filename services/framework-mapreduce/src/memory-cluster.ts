// Owns a bucket and a cluster in memory for tests of a job: objects are kept, tasks end as the test says. A map or reduce
// that finishes leaves the objects that it promises. It tests nothing itself.
import type { Demand } from '@parley/protocol/frameworks';
import {
  AgentId,
  FrameworkId,
  OfferId,
  PrincipalName,
  RoleName,
  type TaskId,
} from '@parley/protocol/ids';
import { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { StatusUpdate, type TaskDescription, type TaskState } from '@parley/protocol/tasks';
import type { JobBucket } from './split-upload.ts';
import type { JobCluster, WordCountJob } from './word-count-job.ts';

export class MemoryBucket implements JobBucket {
  readonly objects = new Map<string, string>();
  /** The most objects below this part of a name at any time. */
  peakSplits = 0;
  /** Storing fails with this when it is set. */
  failure: Error | undefined;

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

const AGENT = AgentId.parse('a1');

export class MemoryCluster implements JobCluster {
  readonly demands: Demand[] = [];
  readonly killed: TaskId[] = [];
  readonly live = new Map<TaskId, TaskDescription>();
  /** All that were launched, in order. */
  readonly launched: TaskDescription[] = [];
  readonly #bucket: MemoryBucket;
  readonly #offered: Resources;
  #offers = 0;

  constructor(bucket: MemoryBucket, offered: Resources) {
    this.#bucket = bucket;
    this.#offered = offered;
  }

  setDemand(demand: Demand): void {
    this.demands.push(demand);
  }

  kill(taskId: TaskId): void {
    this.killed.push(taskId);
  }

  /** Makes one offer; returns for how long what is left of it was refused. */
  offer(job: WordCountJob): number | undefined {
    this.#offers += 1;
    const offer = Offer.parse({
      offerId: OfferId.parse(`o${this.#offers}`),
      agentId: AGENT,
      role: RoleName.parse('*'),
      hostname: 'here',
      resources: this.#offered,
      attributes: {},
    });
    const { accepted, declined } = job.offers([offer]);
    for (const task of accepted.flatMap(({ launches }) => launches)) {
      this.live.set(task.taskId, task);
      this.launched.push(task);
    }
    return accepted[0]?.filter.refuseMs ?? declined[0]?.filter?.refuseMs;
  }

  end(job: WordCountJob, task: TaskDescription, state: TaskState): void {
    this.live.delete(task.taskId);
    if (state === 'finished')
      for (const { object } of task.outputs) this.#bucket.objects.set(object, '');
    job.update(
      StatusUpdate.parse({
        task: {
          principal: PrincipalName.parse('alice'),
          frameworkId: FrameworkId.parse('f'),
          taskId: task.taskId,
        },
        agentId: AGENT,
        source: 'agent',
        sequence: 1,
        state,
        wallTimeMs: 0,
      }),
    );
  }
}
