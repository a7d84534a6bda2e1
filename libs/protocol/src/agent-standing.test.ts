import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AgentStanding, standingOf } from './agent-standing.ts';
import { ExecutorRef, TaskRef } from './ids.ts';

const taskOf = (taskId: string) =>
  TaskRef.parse({ principal: 'alice', frameworkId: 'f1', taskId: `t${taskId}` });
const executor = ExecutorRef.parse({ principal: 'alice', frameworkId: 'f1', executorId: 'e1' });
const total = { scalars: { cpus: 4000, mem: 1000 }, ports: [], sets: {} };
const running = { task: taskOf('1'), state: 'running', lastSequence: 2 } as const;
const standing: AgentStanding = {
  total,
  free: { ...total, scalars: { cpus: 3000, mem: 1000 } },
  tasks: [running, { task: taskOf('2'), state: 'staging', lastSequence: 0 }],
  executors: [executor],
  revocable: undefined,
};

test('a standing is the same in whatever order its parts come, and whatever has ended besides', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(99), { maxLength: 8 }), fc.integer(), (ids, seed) => {
      const tasks = ids.map((id) => ({ ...running, task: taskOf(String(id)) }));
      const ended = { ...running, task: taskOf('ended'), state: 'finished' } as const;
      const turned = tasks.toSorted(
        (a, b) => ((a.task.taskId.length * seed) % 7) - b.task.taskId.length,
      );
      const named = { ...total, scalars: { mem: 1000, cpus: 4000 } };
      expect(standingOf({ ...standing, tasks: [...turned, ended], total: named })).toBe(
        standingOf({ ...standing, tasks }),
      );
    }),
  );
});

test('each difference in what an agent has, has free or runs is another standing', () => {
  const [first, ...rest] = standing.tasks;
  const others: AgentStanding[] = [
    { ...standing, total: { ...total, scalars: { ...total.scalars, cpus: 4001 } } },
    { ...standing, total: { ...total, ports: [[1, 2]] } },
    { ...standing, total: { ...total, sets: { disks: ['a'] } } },
    { ...standing, revocable: { ...total, scalars: { cpus: 1 } } },
    { ...standing, free: total },
    { ...standing, free: undefined },
    { ...standing, executors: [] },
    { ...standing, tasks: rest },
    { ...standing, tasks: [{ ...running, state: 'killing' }, ...rest] },
    { ...standing, tasks: [{ ...running, lastSequence: 3 }, ...rest] },
    { ...standing, tasks: [{ ...running, task: taskOf('3') }, ...rest] },
  ];
  // Of what it lends only whether it does.
  const lends = (cpus: number) => ({ ...standing, revocable: { ...total, scalars: { cpus } } });
  expect(standingOf(lends(1))).toBe(standingOf(lends(2)));
  expect(standingOf(lends(0))).toBe(standingOf(standing));
  expect(first).toEqual(running);
  expect(new Set([standing, ...others].map(standingOf)).size).toBe(others.length + 1);
  expect(standingOf(standing)).toMatch(/^[\w-]{22}$/);
});
