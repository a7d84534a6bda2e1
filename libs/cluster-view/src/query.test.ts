// Owns the rules of asking for a page of a list.
import { describe, expect, test } from 'vitest';
import { query } from './query.ts';
import { type AgentRow, emptyView, type TaskRow, type View } from './view.ts';

const agent = (
  agentId: string,
  cpus: number,
  state: AgentRow['state'] = 'registered',
): AgentRow => ({
  ...{ agentId, hostname: `${agentId}.test`, state, condition: 'active' },
  ...{ total: { cpus: 4000 }, allocated: cpus > 0 ? { cpus } : {}, offered: {}, tasks: 0 },
});
const task = (taskId: string, state: TaskRow['state']): TaskRow => ({
  ...{ principal: 'alice', frameworkId: 'f1', taskId, name: taskId, agentId: 'a1', state },
  resources: { cpus: 1 },
});

function viewWith(agents: readonly AgentRow[], tasks: readonly TaskRow[] = []): View {
  const view = emptyView();
  for (const row of agents) view.agents.set(row.agentId, row);
  for (const row of tasks)
    (row.state === 'finished' ? view.endedTasks : view.tasks).set(row.taskId, row);
  return view;
}
const three = viewWith([agent('a2', 500), agent('a10', 0), agent('b1', 1500, 'unreachable')]);
const ids = (asked: Parameters<typeof query>[2]): string[] =>
  query(three, 'agents', asked).items.map(({ agentId }) => agentId);

describe('a filter', () => {
  test('lets through what holds all its words, in any text and in any case', () => {
    expect(ids({ filter: 'A2.TEST' })).toStrictEqual(['a2']);
    expect(ids({ filter: 'a 10' })).toStrictEqual(['a10']);
    expect(ids({ filter: 'a nowhere' })).toStrictEqual([]);
  });

  test('with a field asks for exactly that, also inside', () => {
    expect(ids({ filter: 'state:unreachable' })).toStrictEqual(['b1']);
    expect(ids({ filter: 'state:unreach' })).toStrictEqual([]);
    expect(ids({ filter: 'allocated.cpus:500' })).toStrictEqual(['a2']);
    expect(ids({ filter: 'agentId:a2,b1' })).toStrictEqual(['a2', 'b1']);
    expect(ids({ filter: 'allocated.cpus:' })).toStrictEqual(['a10']);
    expect(ids({ filter: '__proto__.x:1 constructor:y' })).toStrictEqual([]);
  });
});

describe('an order', () => {
  test('is of numbers by size, and of names with their numbers by size', () => {
    expect(ids({ sort: 'agentId' })).toStrictEqual(['a2', 'a10', 'b1']);
    expect(ids({ sort: '-allocated.cpus' })).toStrictEqual(['b1', 'a2', 'a10']);
  });

  test('puts what is missing last, up and down', () => {
    expect(ids({ sort: 'allocated.cpus' }).at(-1)).toBe('a10');
    expect(ids({ sort: '-allocated.cpus' }).at(-1)).toBe('a10');
  });
});

test('a page is a cut of what the filter lets through, and tells how many that are', () => {
  expect(query(three, 'agents', { sort: 'agentId', offset: 1, limit: 1 })).toMatchObject({
    total: 3,
    items: [{ agentId: 'a10' }],
  });
  expect(query(three, 'agents', { offset: 9 })).toStrictEqual({ total: 3, items: [] });
});

test('tasks that have ended come after those that live', () => {
  const view = viewWith([], [task('t1', 'finished'), task('t2', 'running')]);
  expect(query(view, 'tasks', {}).items.map(({ taskId }) => taskId)).toStrictEqual(['t2', 't1']);
});

test('asking 20,000 agents for the first time costs no more an agent than asking 2,000, within a factor of eight', () => {
  const many = (count: number): View =>
    viewWith(Array.from({ length: count }, (_, index) => agent(`agent-${index}`, index)));
  const costOf = (count: number): number => {
    const times = Array.from({ length: 15 }, () => {
      const view = many(count);
      const began = performance.now();
      query(view, 'agents', { filter: 'agent-4 state:registered', sort: '-allocated.cpus' });
      return performance.now() - began;
    });
    return Math.min(...times) / count;
  };
  expect(costOf(20_000)).toBeLessThan(8 * costOf(2000));
});
