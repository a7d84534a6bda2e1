import { expect, test } from 'vitest';
import type { Sample } from '../data/course.ts';
import { MAX_LINES, resourceLines, shareLines } from './course-lines.ts';

const sample = (wallTimeMs: number, more: Partial<Sample> = {}): Sample => ({
  ...{ wallTimeMs, total: { cpus: 4000, mem: 100 }, allocated: { cpus: 1000 }, offered: {} },
  ...{ shares: [], ...more },
});

test('lines of a resource are parts of all there is; what is not measured is a gap', () => {
  const samples = [sample(1000), sample(2000, { used: { cpus: 400 }, offered: { cpus: 1000 } })];
  expect(resourceLines(samples, 'cpus').data).toStrictEqual([
    [1, 2],
    [null, 10],
    [25, 25],
    [25, 50],
  ]);
  expect(resourceLines(samples, 'mem').data[1]).toStrictEqual([null, null]);
  expect(resourceLines(samples, 'gpus').data[2]).toStrictEqual([null, null]);
});

test('the largest frameworks have a line each, with a gap where they were not there', () => {
  const share = (framework: string, part: number) => ({
    framework,
    name: '',
    share: part,
    resource: 'cpus',
  });
  const lines = shareLines([
    sample(1000, { shares: [share('a', 0.5)] }),
    sample(2000, { shares: [share('b', 0.75), share('a', 0.25)] }),
  ]);
  expect(lines).toStrictEqual({
    names: ['b (cpus)', 'a (cpus)'],
    data: [
      [1, 2],
      [null, 75],
      [50, 25],
    ],
  });
});

test('more frameworks than lines are cut to the largest', () => {
  const shares = Array.from({ length: MAX_LINES + 5 }, (_, index) => ({
    ...{ framework: `f${index}`, name: `f${index}`, share: index / 100 },
  }));
  const { names } = shareLines([sample(1, { shares })]);
  expect(names.length).toBe(MAX_LINES);
  expect(names[0]).toBe(`f${MAX_LINES + 4}`);
});
