// Owns the rules of sharing a cluster that hold in small: the paper's figures are the benchmark's.
import { describe, expect, it } from 'vitest';
import { measureDeviation } from './deviation-case.ts';
import { meanUntil, runShared, runStatic, type Sample, type SharingRun } from './sharing-run.ts';
import { workloads } from './workloads.ts';

/** A fourth of the benchmark's agents, a tenth of its tasks. */
const PLAN = { agents: 24, seed: 1, workloads: workloads(1, 0.1) };

describe('four frameworks', () => {
  const shared = runShared(PLAN);
  const apart = runStatic(PLAN);

  it('complete all their jobs, in one cluster as in parts of it', () => {
    const wanted = PLAN.workloads.map(({ name, jobs }) => [name, jobs.length]);
    for (const run of [shared, apart]) {
      const done = [...run.completions].map(([name, jobs]) => [name, jobs.length]);
      expect(done).toEqual(wanted);
    }
  });

  it('use more of a cluster that they share, of which parts would stand idle', () => {
    const mean = (run: SharingRun, pick: (sample: Sample) => number): number =>
      meanUntil(run, shared.endMs, pick);
    expect(mean(shared, ({ cpus }) => cpus)).toBeGreaterThan(mean(apart, ({ cpus }) => cpus));
    expect(mean(shared, ({ mem }) => mem)).toBeGreaterThan(mean(apart, ({ mem }) => mem));
  });

  it('never hold more than there is, and share what one alone could not have', () => {
    for (const { cpus, mem } of shared.samples) expect(Math.max(cpus, mem)).toBeLessThanOrEqual(1);
    const most = Math.max(...shared.samples.map(({ shares }) => shares['large'] ?? 0));
    expect(most).toBeGreaterThan(1 / 4);
  });

  it('are as long for the same seed', () => {
    expect(runShared(PLAN)).toEqual(shared);
  });
});

describe('shares of frameworks that all want more', () => {
  it('come less apart when tasks are allocated than when whole agents are', () => {
    const plan = { agents: 16, seed: 1, seconds: 60 };
    const tasks = measureDeviation({ ...plan, granularity: 'tasks' });
    const agents = measureDeviation({ ...plan, granularity: 'agents' });
    expect(tasks.greatest).toBeLessThan(agents.greatest);
    expect(tasks.mean).toBeLessThan(agents.mean);
  });
});
