// Owns the rules of sharing a cluster that hold in small: the paper's figures are the benchmark's.
import { describe, expect, it } from 'vitest';
import { measureDeviation } from './deviation-case.ts';
import { meanUntil, runShared, runStatic, type Sample, type SharingRun } from './sharing-run.ts';
import { workloads } from './workloads.ts';

/** Fewer agents, and a tenth of the tasks; a gang is half of a part, which is what unanswered offers may hold. */
const PLAN = { agents: 56, seed: 1, workloads: workloads(1, 0.1) };

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

  it('use more of a cluster that they share, as long as one of them could use more than its part', () => {
    const endMs = shared.completions.get('large')?.at(-1)?.endMs ?? Number.NaN;
    const mean = (run: SharingRun, pick: (sample: Sample) => number): number =>
      meanUntil(run, endMs, pick);
    expect(mean(shared, ({ cpus }) => cpus)).toBeGreaterThan(mean(apart, ({ cpus }) => cpus));
    expect(mean(shared, ({ mem }) => mem)).toBeGreaterThan(mean(apart, ({ mem }) => mem));
  });

  it('never hold more than there is, and one may hold more than its part', () => {
    for (const { cpus, mem } of shared.samples) expect(Math.max(cpus, mem)).toBeLessThanOrEqual(1);
    const most = Math.max(...shared.samples.map(({ shares }) => shares['large'] ?? 0));
    expect(most).toBeGreaterThan(1 / 4);
  });

  it('end their jobs at the same times for the same seed', () => {
    const plan = { ...PLAN, workloads: workloads(2, 0.02) };
    expect(runShared(plan)).toEqual(runShared(plan));
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
