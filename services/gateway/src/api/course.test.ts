import { ClusterState } from '@parley/cluster/cluster-state';
import { type AgentRow, emptyView, type View } from '@parley/cluster-view/view';
import { expect, test } from 'vitest';
import { Course, MAX_SAMPLES } from './course.ts';

const agent = (agentId: string): AgentRow => ({
  ...{ agentId, hostname: 'h', state: 'registered', condition: 'active' },
  ...{ total: { cpus: 1000 }, allocated: {}, offered: {}, tasks: 0 },
});

function aCourse(view: View = emptyView()) {
  const state = new ClusterState();
  return { view, course: new Course(() => ({ view, state })) };
}

test('samples are told from a time on, the oldest first', () => {
  const { course, view } = aCourse();
  view.total = { cpus: 1000 };
  for (const atMs of [1000, 2000, 3000]) course.sample(atMs);
  expect(course.after(1000).map(({ wallTimeMs }) => wallTimeMs)).toStrictEqual([2000, 3000]);
  expect(course.after(2000)[0]).toStrictEqual({
    ...{ wallTimeMs: 3000, total: { cpus: 1000 }, allocated: {}, offered: {}, shares: [] },
  });
});

test('what agents measure adds up while they are there and not silent', () => {
  const { course, view } = aCourse();
  view.agents.set('a', agent('a'));
  view.agents.set('b', agent('b'));
  const report = (cpuMillis: number) => ({ wallTimeMs: 0, cpuMillis, memoryMib: 2 });
  course.measured('a', report(300), 0);
  course.measured('b', report(200), 20_000);
  course.measured('gone', report(900), 20_000);
  course.sample(20_000);
  course.sample(30_000);
  expect(course.after(0).map(({ used }) => used)).toStrictEqual([
    { cpus: 500, mem: 4000 },
    { cpus: 200, mem: 2000 },
  ]);
  view.agents.delete('b');
  course.sample(31_000);
  expect(course.after(30_000)[0]?.used).toBeUndefined();
});

test('the number of samples is bounded', () => {
  const { course } = aCourse();
  for (let atMs = 1; atMs <= 5 * MAX_SAMPLES; atMs += 1) course.sample(atMs);
  expect(course.after(0).length).toBeLessThanOrEqual(2 * MAX_SAMPLES);
  expect(course.after(0).at(-1)?.wallTimeMs).toBe(5 * MAX_SAMPLES);
});

test('an agent is sampled from when somebody looks, and no longer than a minute after', () => {
  const { course, view } = aCourse();
  view.agents.set('a', agent('a'));
  course.sample(1000);
  expect(course.ofAgent('a', 0, 1500)).toStrictEqual([]);
  expect(course.ofAgent('nobody', 0, 1500)).toStrictEqual([]);
  course.measured('a', { wallTimeMs: 0, cpuMillis: 300, memoryMib: 2 }, 1600);
  course.sample(2000);
  expect(course.ofAgent('a', 0, 2500)).toStrictEqual([
    {
      ...{ wallTimeMs: 2000, total: { cpus: 1000 }, allocated: {}, offered: {} },
      used: { cpus: 300, mem: 2000 },
    },
  ]);
  course.sample(63_000);
  course.sample(64_000);
  expect(course.ofAgent('a', 0, 65_000)).toStrictEqual([]);
});
