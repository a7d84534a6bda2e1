// Owns the rules of locality that hold in small: the paper's figures are the benchmark's.
import { describe, expect, it } from 'vitest';
import { measureLocality, type Sharing } from './locality-run.ts';

const PLAN = { agents: 24, frameworks: 4, blocks: 60, seed: 1 };
const delayed = (delayMs: number): Sharing => ({ kind: 'shared', delayMs, waits: 'job' });

describe('jobs that read blocks of one file', () => {
  const apart = measureLocality(PLAN, { kind: 'static' });
  const [none, one, five] = [0, 1000, 5000].map((delayMs) =>
    measureLocality(PLAN, delayed(delayMs)),
  );

  it('run more tasks where their block lies when they share all agents', () => {
    expect(none?.near).toBeGreaterThan(apart.near);
  });

  it('run the more tasks there the longer they wait', () => {
    expect(one?.near).toBeGreaterThan(none?.near ?? 1);
    expect(five?.near).toBeGreaterThanOrEqual(one?.near ?? 1);
  });

  it('end sooner with a short wait than in static parts, and than without one', () => {
    expect(one?.seconds).toBeLessThan(apart.seconds);
    expect(one?.seconds).toBeLessThan(none?.seconds ?? 0);
  });

  it('gain nothing by a wait that all their tasks begin at once and none begins anew', () => {
    const each = measureLocality(PLAN, { kind: 'shared', delayMs: 1000, waits: 'task' });
    expect(each.near).toBeLessThan(one?.near ?? 0);
  });

  it('need the wait to begin anew with each task that found its block', () => {
    const once = measureLocality(PLAN, { kind: 'shared', delayMs: 1000, waits: 'jobOnce' });
    expect(once.near).toBeLessThan(one?.near ?? 0);
  });

  it('are the same for the same seed', () => {
    expect(measureLocality(PLAN, delayed(1000))).toEqual(one);
  });
});
