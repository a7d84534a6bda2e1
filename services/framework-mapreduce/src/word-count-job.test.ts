// Owns what a job does with a bucket and a cluster: order of maps and reduces, tries, room in the bucket, filters, demand,
// and that it ends without leaving anything. The counts themselves are wordcount-commands.test.ts's.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatusUpdate, TaskDescription, TaskState } from '@parley/protocol/tasks';
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
  readonly troubles: StatusUpdate[] = [];
  readonly plan: JobPlan;
  readonly job: WordCountJob;
  readonly #splits: number;
  readonly file = Buffer.from(join(folder, 'text'));

  constructor(splits: number, options: { maxAheadBytes?: number } = {}) {
    const { maxAheadBytes = 1000 } = options;
    this.#splits = splits;
    this.cluster = new MemoryCluster(this.bucket, resources({ cpus: 100, mem: '100GiB' }));
    this.plan = new JobPlan({
      jobId: 'j',
      reducers: REDUCERS,
      taskResources: resources({ cpus: 1, mem: '32MiB' }),
      minMapMs: 0,
      maxAttempts: 3,
      expectedSplits: splits,
    });
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
  async live(kind: 'map' | 'reduce', count: number): Promise<TaskDescription[]> {
    const found = (): TaskDescription[] =>
      [...this.cluster.live.values()].filter(({ name }) => name.startsWith(kind));
    await vi.waitUntil(
      () => {
        if (found().length < count) this.cluster.offer(this.job);
        return found().length >= count;
      },
      { timeout: 20_000, interval: 5 },
    );
    return found();
  }

  end(tasks: readonly TaskDescription[], state: TaskState): void {
    for (const task of tasks) this.cluster.end(this.job, task, state);
  }
}

describe('a job that goes well', () => {
  it('reduces when the last map is done, and its result is what the reduces wrote', async () => {
    const fixture = new JobFixture(3);
    const running = fixture.run();
    const [first, ...others] = await fixture.live('map', 3);
    fixture.end(others, 'finished');
    fixture.cluster.offer(fixture.job);
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

  it('states what it could launch: first the splits to come, nothing while all are under way, then the reducers', async () => {
    const fixture = new JobFixture(4);
    const running = fixture.run();
    fixture.job.stateDemand();
    expect(fixture.cluster.demands.at(-1)).toMatchObject([{ count: 4 }]);
    fixture.end((await fixture.live('map', 4)).slice(0, 3), 'finished');
    fixture.job.stateDemand();
    expect(fixture.cluster.demands.at(-1)).toEqual([]);
    fixture.end(await fixture.live('map', 1), 'finished');
    expect(fixture.cluster.demands.at(-1)).toMatchObject([{ count: REDUCERS }]);
    fixture.end(await fixture.live('reduce', REDUCERS), 'finished');
    await running;
    fixture.job.stateDemand();
    expect(fixture.cluster.demands.at(-1)).toEqual([]);
  });

  it('refuses offers for a moment while maps are under way, for long when nothing is left', async () => {
    const fixture = new JobFixture(2);
    const running = fixture.run();
    const maps = await fixture.live('map', 2);
    expect(fixture.cluster.offer(fixture.job)).toBeLessThanOrEqual(1000);
    fixture.end(maps, 'finished');
    const reduces = await fixture.live('reduce', REDUCERS);
    expect(fixture.cluster.offer(fixture.job)).toBeGreaterThanOrEqual(10_000);
    fixture.end(reduces, 'finished');
    await running;
    expect(fixture.cluster.offer(fixture.job)).toBeGreaterThanOrEqual(10_000);
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

  it.each(['failed', 'gone', 'killed'] as const)(
    'as %s three times fails the job, and nothing more is launched',
    async (state) => {
      const fixture = new JobFixture(3);
      const running = fixture.run();
      await fixture.live('map', 3);
      for (let attempt = 1; attempt <= 3; attempt += 1)
        fixture.end((await fixture.live('map', 3)).filter(isOfFirstSplit), state);
      await expect(running).rejects.toBeInstanceOf(JobFailed);
      await expect(running).rejects.toThrow(`map task m0-3 ended as ${state}`);
      fixture.end((await fixture.live('map', 2)).slice(0, 1), 'failed');
      fixture.cluster.offer(fixture.job);
      expect(fixture.cluster.live.size).toBe(1);
    },
  );

  it('as error fails the job at once: it would be the same the next time', async () => {
    const fixture = new JobFixture(1);
    const running = fixture.run();
    fixture.end(await fixture.live('map', 1), 'error');
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
