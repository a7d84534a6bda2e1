// Tests that the cluster in virtual time is one: agents are busy, tasks end, nothing is left over; and that its benchmark tells
// finite figures. How large these are is never judged.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { beyondBenchmark } from './beyond-benchmark.ts';
import { PlayedCluster } from './played-cluster.ts';
import type { Part } from './played-leader.ts';
import { Stopwatch } from './stopwatch.ts';

const AGENTS = 300;
const MAX_TURNS = 2000;

test('every agent has a task, one after the other, and all end when no more are launched', () => {
  const plan = { agents: AGENTS, frameworks: 20, tasksATurn: 3 };
  const cluster = new PlayedCluster(plan, new Stopwatch<Part>());
  cluster.fill();
  const { state } = cluster;
  expect(state.agents.size).toBe(AGENTS);
  expect([...state.frameworks.rows()].map((one) => one.state)).toEqual(
    Array.from({ length: plan.frameworks }, () => 'subscribed'),
  );
  for (let turn = 0; turn < MAX_TURNS && cluster.counts.ended < 3 * AGENTS; turn += 1)
    cluster.turn();
  expect(cluster.counts.ended).toBeGreaterThanOrEqual(3 * AGENTS);
  // Between the end of one task and the beginning of the next, agents wait for a few turns.
  expect(state.tasks.size).toBeGreaterThan(0.9 * AGENTS);
  expect(state.tasks.size).toBeLessThanOrEqual(AGENTS);
  cluster.drain(MAX_TURNS);
  expect(state.tasks.size).toBe(0);
  expect(state.orders.size).toBe(0);
  expect(new Set([...state.ended.rows()].map((one) => one.state))).toEqual(new Set(['finished']));
}, 60_000);

test('the benchmark tells finite figures of each size, and draws them', async () => {
  const pictures = mkdtempSync(path.join(tmpdir(), 'parley-beyond-'));
  try {
    const results = await beyondBenchmark.run(() => undefined, '', {
      ...{ agents: '100,200', frameworks: '10', tasks: '200', 'tasks-a-turn': '2', pictures },
    });
    for (const { name, value } of results) {
      expect(value, name).toSatisfy(Number.isFinite);
      expect(value, name).toBeGreaterThanOrEqual(0);
    }
    const value = (name: string): number =>
      results.find((result) => result.name === name)?.value ?? Number.NaN;
    for (const agents of [100, 200]) {
      expect(value(`beyond.${agents}.leader`)).toBeGreaterThan(0);
      expect(value(`beyond.${agents}.allocator`)).toBeGreaterThan(0);
      expect(value(`beyond.${agents}.leader.heap`)).toBeGreaterThan(0);
      expect(value(`beyond.${agents}.snapshot`)).toBeGreaterThan(0);
      // A task is in the journal with an accept, the answer of its agent and two updates.
      expect(value(`beyond.${agents}.journal`)).toBeGreaterThan(300);
    }
    const picture = readFileSync(path.join(pictures, 'beyond.svg'), 'utf8');
    expect(picture).toMatch(/^<svg .*<\/svg>\n$/s);
    expect(picture).not.toContain('NaN');
  } finally {
    rmSync(pictures, { recursive: true, force: true });
  }
}, 120_000);

test('a size that is no number is refused', async () => {
  const run = beyondBenchmark.run(() => undefined, '', { agents: 'many,10' });
  await expect(run).rejects.toThrow('--agents takes a whole number above 0, not "many"');
});
