// Owns what a job does with a bucket and a cluster: order of maps and reduces, tries, room in the bucket, filters, demand,
// and that it ends without leaving anything. The counts themselves are wordcount-commands.test.ts's.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskDescription, TaskState } from '@parley/protocol/tasks';
import type { FrameworkUpdate } from '@parley/scheduler-sdk/framework-update';
import { resources } from '@parley/scheduler-sdk/task';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { JobPlan } from './job-plan.ts';
import { MemoryBucket, MemoryCluster } from './memory-cluster.ts';
import { JobFailed, WordCountJob } from './word-count-job.ts';

const SPLIT_BYTES = 10;
const REDUCERS = 2;
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-job-'));
});
afterEach(() => rm(folder, { recursive: true }));

class JobFixture {
  readonly bucket = new MemoryBucket();
  readonly cluster: MemoryCluster;
  readonly troubles: FrameworkUpdate[] = [];
  readonly plan: JobPlan;
  readonly job: WordCountJob;
  readonly #splits: number;
  readonly file = Buffer.from(join(folder, 'text'));

  constructor(splits: number, options: { maxAheadBytes?: number } = {}) {
    const { maxAheadBytes = 1000 } = options;
    this.#splits = splits;
    this.plan = new JobPlan({
      jobId: 'j',
      reducers: REDUCERS,
      taskResources: resources({ cpus: 1, mem: '32MiB' }),
      minMapMs: 0,
      maxAttempts: 3,
      expectedSplits: splits,
    });
    this.cluster = new MemoryCluster(this.bucket, this.plan);
    // With the separator that follows the file, exactly this many splits.
    const size = splits * SPLIT_BYTES - 1;
    this.job = new WordCountJob({
      plan: this.plan,
      files: [{ path: this.file, size }],
      size: { splitBytes: SPLIT_BYTES, expectedSplits: splits, maxAheadBytes },
      bucket: this.bucket,
      cluster: this.cluster,
      onTrouble: (update) => this.troubles.push(update),
    });
  }

  async run(): Promise<readonly string[]> {
    await writeFile(this.file, 'ab cd ef. '.repeat(this.#splits).slice(0, -1));
    return await this.job.run();
  }

  /** Offers until so many tasks of the kind live. */
  live(kind: 'map' | 'reduce', count: number): Promise<TaskDescription[]> {
    return this.#offerUntil('a1', count, ({ name }) => name.startsWith(kind));
  }

  /** Offers these agents until so many tasks live. */
  liveOn(agents: string | readonly string[], count: number): Promise<TaskDescription[]> {
    return this.#offerUntil(agents, count, () => true);
  }

  async #offerUntil(
    agents: string | readonly string[],
    count: number,
    isMeant: (task: TaskDescription) => boolean,
  ): Promise<TaskDescription[]> {
    const found = (): TaskDescription[] => [...this.cluster.live.values()].filter(isMeant);
    await vi.waitUntil(
      () => {
        if (found().length < count) this.cluster.offer(...[agents].flat());
        return found().length >= count;
      },
      { timeout: 20_000, interval: 5 },
    );
    return found();
  }

  end(tasks: readonly TaskDescription[], state: TaskState, reason?: 'invalidTask'): void {
    for (const task of tasks) this.cluster.end(this.job, task, state, reason);
  }
}

describe('a job that goes well', () => {
  it('reduces when the last map is done, and its result is what the reduces wrote', async () => {
    const fixture = new JobFixture(3);
    const running = fixture.run();
    const [first, ...others] = await fixture.live('map', 3);
    fixture.end(others, 'finished');
    fixture.cluster.offer('a1');
    expect(fixture.cluster.launched).toHaveLength(3);
    fixture.end(first ? [first] : [], 'finished');
    const reduces = await fixture.live('reduce', REDUCERS);
    for (const { inputs } of reduces)
      for (const { object } of inputs) expect(fixture.bucket.objects.has(object)).toBe(true);
    fixture.end(reduces, 'finished');
    const outputs = await running;
    expect(outputs).toEqual(reduces.flatMap((each) => each.outputs.map(({ object }) => object)));
    await fixture.job.stop();
    expect(fixture.bucket.objects.size).toBe(0);
    expect(fixture.cluster.killed).toEqual([]);
  });

  it('brings no more into the bucket than there is room for, and goes on as maps end', async () => {
    const fixture = new JobFixture(12, { maxAheadBytes: 3 * SPLIT_BYTES });
    const running = fixture.run();
    for (let mapped = 0; mapped < 12; mapped += 1)
      fixture.end((await fixture.live('map', 1)).slice(0, 1), 'finished');
    fixture.end(await fixture.live('reduce', REDUCERS), 'finished');
    await running;
    expect(fixture.bucket.peakSplits).toBeLessThanOrEqual(3);
    expect(fixture.cluster.launched).toHaveLength(12 + REDUCERS);
    expect(fixture.bucket.splits()).toEqual([]);
  });

  it('wants what it could launch: first the splits to come, nothing while all are under way, then the reducers', async () => {
    const fixture = new JobFixture(4);
    await fixture.cluster.poke();
    expect(fixture.cluster.demand).toBe(4);
    const running = fixture.run();
    fixture.end((await fixture.live('map', 4)).slice(0, 3), 'finished');
    expect(fixture.cluster.demand).toBe(0);
    fixture.end(await fixture.live('map', 1), 'finished');
    await vi.waitUntil(() => fixture.cluster.demand === REDUCERS);
    fixture.end(await fixture.live('reduce', REDUCERS), 'finished');
    await running;
    expect(fixture.cluster.demand).toBe(0);
  });
});

describe('where reduces run', () => {
  /** Two maps on each agent, of which those on `a2` write three times as much. */
  async function mapped(fixture: JobFixture): Promise<void> {
    for (const [agent, size] of [
      ['a1', 10],
      ['a2', 30],
    ] as const) {
      for (let count = 0; count < 2; count += 1) {
        const [task] = await fixture.liveOn(agent, 1);
        if (task) fixture.cluster.end(fixture.job, task, 'finished', undefined, size);
      }
    }
  }

  it('is the agent that holds most of what they read, when several are offered', async () => {
    const fixture = new JobFixture(4, { maxAheadBytes: 1 });
    const running = fixture.run();
    await mapped(fixture);
    const reduces = await fixture.liveOn(['a3', 'a1', 'a2'], REDUCERS);
    expect(reduces.map((task) => fixture.cluster.agentOf(task))).toEqual(['a2', 'a2']);
    fixture.end(reduces, 'finished');
    await running;
    const part = 2 * REDUCERS * (10 + 30);
    expect(fixture.plan.locality).toEqual({ bytes: part, localBytes: (part * 3) / 4 });
  });

  it('is another agent only after a while', async () => {
    const fixture = new JobFixture(4, { maxAheadBytes: 1 });
    void fixture.run();
    await mapped(fixture);
    await vi.waitUntil(() => fixture.plan.desired().length === REDUCERS);
    await fixture.cluster.poke();
    expect(fixture.cluster.offerNow('a3')).toEqual([]);
    expect(await fixture.liveOn('a3', REDUCERS)).toHaveLength(REDUCERS);
  });

  it('is anywhere when the bucket does not say how large their inputs are', async () => {
    const fixture = new JobFixture(4, { maxAheadBytes: 1 });
    fixture.bucket.isMute = true;
    void fixture.run();
    await mapped(fixture);
    await vi.waitUntil(() => fixture.plan.desired().length === REDUCERS);
    await fixture.cluster.poke();
    expect(fixture.cluster.offerNow('a3')).toHaveLength(REDUCERS);
  });
});

describe('a task that ends without success', () => {
  it.each(['failed', 'gone', 'dropped', 'killed'] as const)(
    'as %s is tried again under another id, and the job goes on',
    async (state) => {
      const fixture = new JobFixture(1);
      const running = fixture.run();
      fixture.end(await fixture.live('map', 1), state);
      fixture.end(await fixture.live('map', 1), 'finished');
      fixture.end(await fixture.live('reduce', REDUCERS), state);
      fixture.end(await fixture.live('reduce', REDUCERS), 'finished');
      expect(await running).toHaveLength(REDUCERS);
      const ids = fixture.cluster.launched.map(({ taskId }) => taskId);
      expect(new Set(ids).size).toBe(2 + 2 * REDUCERS);
      expect(fixture.troubles).toHaveLength(1 + REDUCERS);
    },
  );

  it('as gone is tried again as often as it takes: it was no fault of its own', async () => {
    const fixture = new JobFixture(1);
    const running = fixture.run();
    for (let attempt = 1; attempt <= 5; attempt += 1)
      fixture.end(await fixture.live('map', 1), 'gone');
    fixture.end(await fixture.live('map', 1), 'finished');
    fixture.end(await fixture.live('reduce', REDUCERS), 'finished');
    expect(await running).toHaveLength(REDUCERS);
  });

  it.each(['failed', 'killed'] as const)(
    'as %s three times fails the job, and nothing more is launched',
    async (state) => {
      const fixture = new JobFixture(3);
      const running = fixture.run();
      await fixture.live('map', 3);
      for (let attempt = 1; attempt <= 3; attempt += 1)
        fixture.end((await fixture.live('map', 3)).filter(isOfFirstSplit), state);
      await expect(running).rejects.toBeInstanceOf(JobFailed);
      await expect(running).rejects.toThrow(`map task m0-t0-3 ended as ${state}`);
      fixture.end((await fixture.live('map', 2)).slice(0, 1), 'failed');
      fixture.cluster.offer('a1');
      expect(fixture.cluster.live.size).toBe(1);
    },
  );

  it('as not valid fails the job at once: it would be the same the next time', async () => {
    const fixture = new JobFixture(1);
    const running = fixture.run();
    fixture.end(await fixture.live('map', 1), 'error', 'invalidTask');
    await expect(running).rejects.toBeInstanceOf(JobFailed);
    expect(fixture.cluster.launched).toHaveLength(1);
  });
});

describe('a job that is stopped', () => {
  it('kills its tasks and deletes what they wrote, too, when the last of them has ended', async () => {
    const fixture = new JobFixture(2);
    void fixture.run().catch(() => undefined);
    const [first, second] = await fixture.live('map', 2);
    if (first === undefined || second === undefined) throw new Error('two maps live');
    const stopping = fixture.job.stop();
    await vi.waitUntil(() => fixture.cluster.killed.length === 2);
    expect(fixture.cluster.killed).toEqual([first.taskId, second.taskId]);
    fixture.end([first], 'killed');
    expect(fixture.bucket.objects.size).toBeGreaterThan(0);
    fixture.end([second], 'finished');
    await stopping;
    expect(fixture.bucket.objects.size).toBe(0);
    expect(fixture.cluster.launched).toHaveLength(2);
  });

  it('while it waits for room in the bucket uploads nothing more', async () => {
    const fixture = new JobFixture(50, { maxAheadBytes: 2 * SPLIT_BYTES });
    void fixture.run().catch(() => undefined);
    await vi.waitUntil(() => fixture.bucket.splits().length === 2, { timeout: 20_000 });
    await fixture.job.stop();
    expect(fixture.bucket.objects.size).toBe(0);
    expect(fixture.bucket.peakSplits).toBe(2);
  });
});

describe('a job fails with what to do', () => {
  it('when a file cannot be read any more', async () => {
    const fixture = new JobFixture(2);
    const running = fixture.job.run();
    await expect(running).rejects.toThrow(/text" does not exist\. Check the path/);
    await fixture.job.stop();
  });

  it('when the bucket takes no more', async () => {
    const fixture = new JobFixture(2);
    fixture.bucket.failure = new Error('the bucket is full');
    await expect(fixture.run()).rejects.toThrow('the bucket is full');
    await fixture.job.stop();
  });
});

const isOfFirstSplit = ({ taskId }: TaskDescription): boolean => taskId.startsWith('m0-');
