// Tests that a page of rows that change is that of the rows as they are, made anew; and the order in which texts are read.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Query, query } from './query.ts';
import { compareValues, readingKey } from './row-order.ts';
import { type AgentRow, emptyView, putBounded, type TaskRow, type View } from './view.ts';
import { fromJson, toJson } from './view-json.ts';

const task = (taskId: string, cpus: number, state: TaskRow['state']): TaskRow => ({
  ...{ principal: 'alice', frameworkId: 'f1', taskId, name: `job ${cpus % 3}`, agentId: 'a1' },
  ...{ state, resources: cpus === 0 ? {} : { cpus } },
});
const id = fc.integer({ min: 0, max: 30 }).map((number) => `t${number}`);
const change = fc.record({
  id,
  cpus: fc.integer({ min: 0, max: 9 }),
  kind: fc.constantFrom('running', 'staging', 'finished', 'gone'),
  isAsked: fc.boolean(),
});
type Change = { id: string; cpus: number; kind: 'running' | 'staging' | 'finished' | 'gone' };

function happen(view: View, { id: taskId, cpus, kind }: Change): void {
  if (kind === 'running' || kind === 'staging') view.tasks.set(taskId, task(taskId, cpus, kind));
  else view.tasks.delete(taskId);
  if (kind === 'finished') putBounded(view.endedTasks, taskId, task(taskId, cpus, 'finished'), 5);
}

const QUESTIONS: readonly Query[] = [
  { filter: 'state:running' },
  { filter: 'job 1', sort: 'name' },
  { sort: '-resources.cpus', offset: 2, limit: 7 },
  { sort: 'taskId', filter: 'T1' },
  { offset: 3, limit: 4 },
];

test('a page of rows that have changed is that of the same rows made anew (property)', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const view = emptyView();
      for (const one of changes) {
        happen(view, one);
        if (!one.isAsked) continue;
        const anew = fromJson(toJson(view));
        for (const asked of QUESTIONS)
          expect(query(view, 'tasks', asked)).toStrictEqual(query(anew, 'tasks', asked));
        expect(view.tasks.states).toStrictEqual(anew.tasks.states);
      }
    }),
    { numRuns: 200 },
  );
});

test('more questions than are kept, and more changes than rows, are answered as well', () => {
  const view = emptyView();
  for (let round = 0; round < 3; round += 1) {
    for (let number = 0; number < 3000; number += 1)
      happen(view, { id: `t${number % 20}`, cpus: round + (number % 4), kind: 'running' });
    for (let cpus = 0; cpus < 12; cpus += 1) {
      const asked = { filter: `resources.cpus:${cpus}`, sort: 'taskId' };
      const anew = query(fromJson(toJson(view)), 'tasks', asked);
      expect(query(view, 'tasks', asked)).toStrictEqual(anew);
    }
  }
});

test('rows are counted by their states, whatever becomes of them', () => {
  const view = emptyView();
  happen(view, { id: 't1', cpus: 1, kind: 'staging' });
  happen(view, { id: 't2', cpus: 1, kind: 'staging' });
  happen(view, { id: 't1', cpus: 1, kind: 'running' });
  expect(view.tasks.states).toStrictEqual({ staging: 1, running: 1 });
  happen(view, { id: 't2', cpus: 1, kind: 'finished' });
  view.tasks.clear();
  expect([view.tasks.states, view.tasks.size]).toStrictEqual([{}, 0]);
});

test('texts are read without capitals and accents, and numbers in them by size', () => {
  const inOrder = ['a', 'A1', 'a2', 'a10', 'a010b', 'a99999999999999999999', 'Äb', 'b-2', 'b-10-x'];
  const shuffled = inOrder.toReversed();
  const compare = (a: string, b: string): number =>
    compareValues(readingKey(a), readingKey(b), false);
  expect(shuffled.sort(compare)).toStrictEqual(inOrder);
});

test('asking again after a little has happened costs a small part of asking first', () => {
  const view = emptyView();
  const agent = (number: number, cpus: number): AgentRow => ({
    ...{ agentId: `a${number}`, hostname: `h${number}`, state: 'registered', condition: 'active' },
    ...{ total: {}, allocated: { cpus }, offered: {}, tasks: 0 },
  });
  for (let number = 0; number < 50_000; number += 1)
    view.agents.set(`a${number}`, agent(number, number));
  const tookMs = (): number => {
    const began = performance.now();
    query(view, 'agents', { sort: 'hostname', filter: 'state:registered' });
    return performance.now() - began;
  };
  // Of the first question nothing is kept.
  tookMs();
  const firstMs = tookMs();
  const again = Array.from({ length: 9 }, (_, run) => {
    for (let number = 0; number < 100; number += 1)
      view.agents.set(`a${number * 7}`, agent(number * 7, run));
    return tookMs();
  });
  expect(Math.min(...again)).toBeLessThan(firstMs / 4);
});
