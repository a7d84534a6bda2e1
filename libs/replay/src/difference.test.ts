// Tests of what differs between two moments.
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import { beforeEach, expect, test } from 'vitest';
import { differenceOf, pictureOf, TaskChanges } from './difference.ts';
import { ScriptedHistory } from './scripted-history.ts';

let history: ScriptedHistory;

beforeEach(() => {
  history = new ScriptedHistory();
  history.startTerm();
  history.register(anAgentId(), some(8));
  history.subscribe(aFramework());
});

function whatChanged(happen: () => readonly unknown[]) {
  const before = pictureOf(history.state);
  const changes = new TaskChanges();
  const enter = history.enter.bind(history);
  history.enter = (...inputs) => {
    const effects = enter(...inputs);
    changes.apply(effects);
    return effects;
  };
  happen();
  return differenceOf(before, pictureOf(history.state), changes.list());
}

test('where nothing changed nothing is told', () => {
  expect(whatChanged(() => history.pass(5))).toEqual({
    ...{ leader: undefined, agents: [], frameworks: [], tasks: [], shares: [] },
  });
});

test('a task that began and ended in between is told with all that it went through', () => {
  const difference = whatChanged(() => {
    const task = history.launch(aFramework(), 't1', some(2));
    history.update(task, 'running');
    return history.update(task, 'finished');
  });
  expect(difference.tasks).toEqual([
    {
      task: 'alice/f1/t1',
      agentId: 'a1',
      before: undefined,
      states: ['staging', 'running', 'finished'],
    },
  ]);
  // What it held came back.
  expect(difference.agents).toEqual([]);
});

test('agents and frameworks tell only the fields that differ, new ones and lost ones all', () => {
  const difference = whatChanged(() => {
    history.launch(aFramework(), 't1', some(2));
    history.register(anAgentId('a2'), some(2));
    return history.subscribe(aFramework('f2'));
  });
  expect(difference.agents).toEqual([
    {
      key: 'a1',
      before: { allocated: {}, tasks: 0 },
      after: { allocated: { cpus: 2000, mem: 2000 }, tasks: 1 },
    },
    { key: 'a2', before: undefined, after: expect.objectContaining({ state: 'registered' }) },
  ]);
  expect(difference.frameworks).toEqual([
    {
      key: 'alice/f1',
      before: { liveTasks: 0, allocated: {}, share: 0 },
      after: { liveTasks: 1, allocated: { cpus: 2000, mem: 2000 }, share: 0.2 },
    },
    { key: 'alice/f2', before: undefined, after: expect.objectContaining({ name: 'f2' }) },
  ]);
});

test('what operators set and a new leader are told', () => {
  const difference = whatChanged(() => {
    history.share([{ kind: 'role', role: 'r', weight: 2000 }]);
    return history.startTerm();
  });
  expect(difference.shares).toEqual([
    {
      key: 'role r',
      before: undefined,
      after: expect.objectContaining({ weight: 2000, by: 'olga' }),
    },
  ]);
  expect(difference.leader).toEqual({
    key: 'leader',
    before: { epoch: '1/1' },
    after: { epoch: '1/2' },
  });
});
