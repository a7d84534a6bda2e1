// Tests of how a difference reads.
import { expect, it } from 'vitest';
import { describeDifference } from './difference-page.ts';

const from = { sequence: 3, storedMs: 0 };
const to = { sequence: 9, storedMs: 1000 };
const nothing = { leader: undefined, agents: [], frameworks: [], tasks: [], shares: [] };

it('says when nothing changed', () => {
  expect(describeDifference(from, to, nothing)).toBe(
    'from entry 3 (1970-01-01T00:00:00.000Z) to entry 9 (1970-01-01T00:00:01.000Z)\nnothing changed\n',
  );
});

it('shows what is new, what is gone, and what is different, in units that people use', () => {
  const page = describeDifference(from, to, {
    ...nothing,
    agents: [
      {
        key: 'a1',
        before: { allocated: {}, tasks: 0 },
        after: { allocated: { cpus: 1500, mem: 2_048_000 }, tasks: 1 },
      },
      {
        key: 'a2',
        before: undefined,
        after: { state: 'registered', deactivated: false, draining: undefined },
      },
      { key: 'a3', before: { state: 'gone' }, after: undefined },
    ],
    shares: [
      {
        key: 'role eng',
        before: { weight: 1000, limit: {} },
        after: { weight: 2500, limit: { cpus: 4000 } },
      },
    ],
    tasks: [
      {
        task: 'p/f/t1',
        agentId: 'a1',
        before: undefined,
        states: ['staging', 'running', 'finished'],
      },
      { task: 'p/f/t2', agentId: 'a1', before: 'running', states: ['unreachable'] },
      { task: 'p/f/t3', agentId: 'none', before: undefined, states: ['error'] },
    ],
  });
  expect(page.split('\n').slice(1)).toEqual([
    ...['', 'agents'],
    '  ~ a1: allocated nothing -> cpus 1.5, mem 2 GiB; tasks 0 -> 1',
    ...['  + a2: state registered', '  - a3'],
    ...['', 'what operators set', '  ~ role eng: weight 1 -> 2.5; limit nothing -> cpus 4'],
    ...['', 'tasks: 1 launched, 2 ended (finished 1 error 1)'],
    '  + p/f/t1 on a1: staging -> running -> finished',
    ...['  ~ p/f/t2 on a1: running -> unreachable', '  + p/f/t3 on none: error', ''],
  ]);
});

it('a long list is cut on the screen', () => {
  const tasks = Array.from({ length: 130 }, (_, index) => ({
    ...{ task: `p/f/t${index}`, agentId: 'a1', before: 'running' as const },
    states: ['finished' as const],
  }));
  expect(describeDifference(from, to, { ...nothing, tasks })).toContain(
    'and 30 more (--json has all)',
  );
});
