// Tests what the leader finds in an agent's report beside which tasks there are: tasks in other states, other amounts held.
// What is only older, or on its way, is no difference.
import type { StatusUpdate } from '@parley/protocol/tasks';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  anAgentId,
  eventsOf,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  anExecutor,
  launchAnswered,
  launchOf,
  raw,
  taskRef,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
const t1 = taskRef(framework, 't1');
const t2 = taskRef(framework, 't2');

let cluster: ScriptedCluster;
beforeEach(() => {
  cluster = aCluster(some(20));
  launchAnswered(cluster, framework, launchOf(aCommandTask('t1')), { resources: some(1) });
  cluster.update(t1, 'starting');
  cluster.update(t1, 'running');
  cluster.startTerm();
});

type Named = { task?: typeof t1; state?: StatusUpdate['state']; lastSequence?: number };
const told = (named: readonly Named[], more: Record<string, unknown> = {}) => {
  const tasks = named.map(
    (one) => ({ task: t1, state: 'running', lastSequence: 2, ...one }) as const,
  );
  const body = { hostname: 'a1.example', total: some(20), attributes: {}, tasks, ...more };
  const effects = cluster.call({ kind: 'agent', agentId }, { verb: 'register', body });
  return eventsOf(effects).filter(({ type }) => type === 'agentDiffers');
};

describe('what an agent reports of a task that the books know', () => {
  test('is no difference where it is as they say', () => {
    expect(told([{}])).toEqual([]);
    expect(told([{}], { free: some(19) })).toEqual([]);
  });

  test('differs where its state is another one after the same update', () => {
    expect(told([{ state: 'starting' }])).toMatchObject([{ agentId, tasks: [t1] }]);
    // As often as it says so.
    expect(told([{ state: 'finished' }])).toMatchObject([{ tasks: [t1] }]);
  });

  test('is no difference while one of them has heard of more updates, or the leader has said something of it', () => {
    expect(told([{ state: 'killing', lastSequence: 3 }])).toEqual([]);
    expect(told([{ state: 'starting', lastSequence: 1 }])).toEqual([]);
    cluster.readBack(cluster.agentSilent(cluster.state.agents.get(agentId)?.registration));
    expect(told([{}])).toEqual([]);
  });

  test('differs where more or less is held than the books say', () => {
    expect(told([{}], { free: some(18) })).toMatchObject([
      { tasks: [], held: { told: some(2), known: some(1) } },
    ]);
    expect(told([{}], { free: some(20) })).toMatchObject([{ held: { known: some(1) } }]);
  });

  test('is not compared in its amounts where one knows of something that the other does not', () => {
    const stranger = taskRef(framework, 'never');
    expect(told([{}, { task: stranger }], { free: some(10) })).toEqual([]);
    const executor = { ...framework, executorId: 'never' };
    expect(told([{}], { free: some(10), executors: [executor] })).toEqual([]);
    // More free than there is: nothing that could be compared.
    expect(told([{}], { free: some(21) })).toEqual([]);
  });

  test('holds what is reserved too, and what its executor holds beside it, but nothing that has ended', () => {
    const custom = anExecutor({ resources: some(2) });
    const task = raw('t2', { executor: custom });
    launchAnswered(cluster, framework, launchOf(task), { resources: some(3) });
    cluster.update(t2, 'running');
    const executors = [{ ...framework, executorId: custom.executorId }];
    const second = { task: t2, lastSequence: 1 };
    expect(told([{}, second], { free: some(16), executors })).toEqual([]);
    const ended = { ...second, state: 'finished', lastSequence: 2 } as const;
    expect(told([{}, ended], { free: some(17), executors })).toEqual([]);
    expect(told([{}, second], { free: some(17), executors })).toMatchObject([
      { held: { told: some(3), known: some(4) } },
    ]);
  });
});
