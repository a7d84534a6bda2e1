// Owns the proof that emulated agents carry real work through the death of a leader, and that the benchmark which says so
// counts and measures: a small run of it, with real masters, allocators and frameworks.
import { expect, it } from 'vitest';
import { failoverBenchmark } from './failover-benchmark.ts';

const TIMEOUT_MS = 240_000;

it(
  'of tasks on emulated agents none is lost or doubled when the leader is killed again and again',
  async () => {
    const said: string[] = [];
    const size = { agents: '60', frameworks: '6', kills: '2' };
    const times = { 'task-seconds': '1', 'pause-seconds': '0.5', 'launch-rate': '100' };
    const results = await failoverBenchmark.run((line) => said.push(line), 'kill9', {
      ...size,
      ...times,
    });
    const value = (name: string): number | undefined =>
      results.find((result) => result.name === name)?.value;
    expect(value('failover.lost'), said.join('\n')).toBe(0);
    expect(value('failover.doubled'), said.join('\n')).toBe(0);
    const counted = /(\d+) tasks accepted, (\d+) finished, .*; (\d+) launches/.exec(
      said.join('\n'),
    );
    const [accepted, finished, launches] = (counted ?? []).slice(1).map(Number);
    expect(accepted).toBeGreaterThanOrEqual(60);
    expect([finished, launches]).toEqual([accepted, accepted]);
    // Nothing is known before the dead leader was missed.
    for (const name of ['kill9.p50', 'agents.mean', 'agents.all', 'frameworks.all']) {
      expect(value(`failover.${name}`), name).toBeGreaterThan(0);
    }
    expect(said.filter((line) => line.startsWith('kill9 '))).toHaveLength(2);
  },
  TIMEOUT_MS,
);
