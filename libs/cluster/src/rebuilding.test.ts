// Tests books that are made anew: what agents tell is taken over, nothing is killed, what operators had set is back.
import type { ToldTask } from '@parley/protocol/adoption';
import { AgentId } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import { beforeEach, describe, expect, test } from 'vitest';
import { ClusterSettings } from './inputs.ts';
import { inOrder, keptRecords, keptThings } from './kept-settings.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  type Effects,
  factsOf,
  of,
  ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import { anExecutor, operatorCalls, taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
/** The wall clock of a scripted cluster whose core time is 0. */
const WALL_MS = 1_700_000_000_000;
const aWindow = {
  windowId: 'w1',
  agents: [agentId],
  durationMs: 600_000,
  noticeMs: 1000,
  reason: 'a new kernel',
};
const KIND = { kind: 'recreated', message: 'the journal was made anew' } as const;

/** Its books are lost, and `before` is what was kept beside them. */
function rebuilding(before?: ScriptedCluster): ScriptedCluster {
  const cluster = new ScriptedCluster();
  cluster.nowMs = 5;
  cluster.revision = 7;
  cluster.enter({
    kind: 'termStarted',
    epoch: cluster.epoch,
    masterId: 'master-1',
    settings: ClusterSettings.parse({ outstandingCapPermille: 1000 }),
    rebuilding: KIND,
  });
  const items = before === undefined ? [] : inOrder(kept(before));
  cluster.enter({ kind: 'settingsRestored', items, isLast: true });
  return cluster;
}

const kept = ({ state }: ScriptedCluster) =>
  [...keptThings(state)].flatMap((thing) => keptRecords(state, thing));

const toldTask = (taskId: string, more: Partial<Record<keyof ToldTask, unknown>> = {}) => ({
  task: taskRef(framework, taskId),
  state: 'running',
  lastSequence: 2,
  name: taskId,
  role: 'r',
  resources: some(1),
  ...more,
});

function registers(cluster: ScriptedCluster, tasks: readonly object[], total = some(4)): Effects {
  const named = tasks.map((task) => {
    const { task: ref, state, lastSequence } = task as ToldTask;
    return { task: ref, state, lastSequence };
  });
  const body = { hostname: 'h', total, attributes: {}, tasks: named, tellsTasks: true as const };
  return cluster.call({ kind: 'agent', agentId }, { verb: 'register', body });
}

function tells(cluster: ScriptedCluster, body: Record<string, unknown>): Effects {
  return cluster.call(
    { kind: 'agent', agentId },
    { verb: 'tellTasks', body: { tasks: [], executors: [], isLast: true, ...body } as never },
  );
}

const resultOf = (effects: Effects): unknown => {
  const answer = answerOf(effects);
  assert(answer.ok, 'the call succeeded');
  return answer.value;
};

let cluster: ScriptedCluster;
beforeEach(() => {
  cluster = rebuilding();
});

describe('a framework of books that were lost', () => {
  const silenceMs = 75_000;
  const asks = () =>
    cluster.frameworkCall(framework, {
      verb: 'reconcile',
      body: { tasks: [{ taskId: taskRef(framework, 't1').taskId, agentId }] },
    });

  test('is told what became of its tasks when agents had time to tell, and no sooner', () => {
    cluster.subscribe(framework);
    expect(answerOf(asks())).toMatchObject({ failure: { code: 'unavailable' } });
    registers(cluster, [toldTask('t1')]);
    cluster.pass(10_000);
    // One that is known tells it still.
    expect(answerOf(asks())).toMatchObject({ failure: { code: 'unavailable' } });
    tells(cluster, { tasks: [toldTask('t1')] });
    expect(resultOf(asks())).toMatchObject({ statuses: [{ taskId: 't1', state: 'running' }] });
  });

  test('is told that tasks are back when their agent comes later than that, by an update with a number that was never given', () => {
    const before = aCluster(some(4));
    cluster = rebuilding(before);
    cluster.subscribe(framework);
    cluster.pass(silenceMs);
    expect(resultOf(asks())).toMatchObject({ statuses: [{ taskId: 't1', state: 'unreachable' }] });
    registers(cluster, [toldTask('t1')]);
    const effects = tells(cluster, { tasks: [toldTask('t1')] });
    const [written] = of(effects, 'writeUpdate');
    expect(written?.update).toMatchObject({ state: 'running', reason: 'agentReturned' });
    expect(written?.update.sequence).toBeGreaterThan(cluster.state.record.rebuilt?.wallTimeMs ?? 0);
    expect(cluster.taskState('t1')).toBe('unreachable');
    cluster.update(taskRef(framework, 't1'), 'running', { source: 'master', ...written?.update });
    expect(cluster.taskState('t1')).toBe('running');
  });
});

describe('an agent that is new to books that were lost', () => {
  test('and is to be emptied has its tasks asked to stop once it has told them', () => {
    const before = aCluster(some(4));
    operatorCalls(before, {
      verb: 'operatorAgent',
      body: { agentId, change: 'drain', emptying: { marksGone: false } },
    });
    cluster = rebuilding(before);
    registers(cluster, [toldTask('t1')]);
    const effects = tells(cluster, { tasks: [toldTask('t1')] });
    expect(of(effects, 'order').map(({ order }) => order.kind)).toEqual(['kill']);
  });

  test('is asked for what it has, and nothing of it is offered before it has told all', () => {
    const tasks = [toldTask('t1'), toldTask('t2')];
    const registered = registers(cluster, tasks);
    expect(resultOf(registered)).toMatchObject({ unknownTasks: [], wantsTasks: true });
    expect(factsOf(registered)).not.toContainEqual(expect.objectContaining({ kind: 'agent' }));
    const first = tells(cluster, { tasks: tasks.slice(0, 1), isLast: false });
    expect(factsOf(first)).not.toContainEqual(expect.objectContaining({ kind: 'agent' }));
    const last = tells(cluster, { tasks: tasks.slice(1) });
    expect(factsOf(last)).toContainEqual(
      expect.objectContaining({ kind: 'agent', free: expect.objectContaining(some(2)) }),
    );
    expect([cluster.taskState('t1'), cluster.taskState('t2')]).toEqual(['running', 'running']);
    expect(cluster.state.record.rebuilt).toMatchObject({ agents: 1, tasks: 2 });
  });

  test('that does not tell tasks, being of an earlier release, has them killed as ever', () => {
    const effects = cluster.register(agentId, some(4), [
      { task: taskRef(framework, 't1'), state: 'running', lastSequence: 2 },
    ]);
    expect(resultOf(effects)).toMatchObject({ unknownTasks: [{ taskId: 't1' }] });
  });

  test('is not asked when the books know it', () => {
    const known = aCluster(some(4));
    const effects = registers(known, [toldTask('t1')]);
    expect(resultOf(effects)).toMatchObject({ unknownTasks: [{ taskId: 't1' }] });
    expect(resultOf(tells(known, { tasks: [toldTask('t1')] }))).toEqual({
      unknownTasks: [],
      unknownExecutors: [],
    });
    expect(known.taskState('t1')).toBeUndefined();
  });

  test('ends a task that it told, by an update, as if the books had launched it', () => {
    registers(cluster, [toldTask('t1')]);
    tells(cluster, { tasks: [toldTask('t1')] });
    cluster.update(taskRef(framework, 't1'), 'finished', { sequence: 3 });
    expect(cluster.taskState('t1')).toBe('finished');
    expect(cluster.state.books.agent(agentId).allocated.scalars).toEqual({});
  });

  test('may tell a page twice', () => {
    registers(cluster, [toldTask('t1')]);
    tells(cluster, { tasks: [toldTask('t1')], isLast: false });
    tells(cluster, { tasks: [toldTask('t1')] });
    expect(cluster.state.books.agent(agentId).allocated).toMatchObject(some(1));
  });

  test('with more than it has now, holds it all and offers nothing until it fits', () => {
    const tasks = [toldTask('t1', { resources: some(3) }), toldTask('t2', { resources: some(3) })];
    registers(cluster, tasks);
    tells(cluster, { tasks });
    expect(cluster.state.agents.get(agentId)).toMatchObject({ isOvercommitted: true });
    cluster.update(taskRef(framework, 't1'), 'finished', { sequence: 3 });
    expect(cluster.state.agents.get(agentId)).toMatchObject({ isOvercommitted: false });
  });

  test('brings its executors, and what they hold', () => {
    const description = anExecutor({ resources: some(1) });
    const executor = { ...framework, executorId: description.executorId };
    registers(cluster, [toldTask('t1')]);
    tells(cluster, {
      tasks: [toldTask('t1', { executorId: description.executorId })],
      executors: [{ executor, role: 'r', description }],
    });
    expect([...cluster.state.executors.rows()]).toMatchObject([{ agentId, isConfirmed: true }]);
    expect(cluster.state.books.agent(agentId).allocated).toMatchObject(some(2));
  });
});

describe('a framework that is lost to the books', () => {
  beforeEach(() => {
    registers(cluster, [toldTask('t1')]);
    tells(cluster, { tasks: [toldTask('t1')] });
  });

  test('keeps its tasks while it is away, and has them when it subscribes', () => {
    expect(cluster.framework(framework)).toMatchObject({ state: 'disconnected' });
    cluster.pass(3_600_000);
    expect(cluster.taskState('t1')).toBe('running');
    cluster.subscribe(framework);
    const effects = cluster.frameworkCall(framework, { verb: 'reconcile', body: {} });
    expect(resultOf(effects)).toMatchObject({ statuses: [{ taskId: 't1', state: 'running' }] });
  });

  test('gets a session above all those that it ever had', () => {
    const effects = cluster.subscribe(framework);
    expect((resultOf(effects) as { session: number }).session).toBeGreaterThan(1_000_000_000);
  });

  test('is told that a task is away, not gone, while its agent has not told all, however long that takes', () => {
    cluster.subscribe(framework);
    cluster.pass(75_000);
    const other = AgentId.parse('a2');
    const named = { task: taskRef(framework, 't9'), state: 'running', lastSequence: 1 } as const;
    cluster.call(
      { kind: 'agent', agentId: other },
      {
        verb: 'register',
        body: { hostname: 'h', total: some(1), attributes: {}, tasks: [named], tellsTasks: true },
      },
    );
    const asked = { tasks: [{ taskId: 't9', agentId: other }] };
    const effects = cluster.frameworkCall(framework, { verb: 'reconcile', body: asked });
    expect(resultOf(effects)).toMatchObject({ statuses: [{ state: 'unreachable' }] });
  });
});

describe('what was kept beside the books', () => {
  const other = AgentId.parse('a2');
  let before: ScriptedCluster;

  beforeEach(() => {
    before = aCluster(some(8));
    before.register(other, some(8));
    operatorCalls(before, {
      verb: 'operatorSharing',
      body: {
        changes: [
          { kind: 'role', role: 'r', weight: 3000, limit: { cpus: 6000 } },
          { kind: 'framework', framework, guarantee: { cpus: 1000 } },
        ],
      },
    });
    operatorCalls(before, {
      verb: 'operatorAgent',
      body: { agentId, change: 'drain', reason: 'disk' },
    });
    operatorCalls(before, { verb: 'operatorAgent', body: { agentId: other, change: 'gone' } });
    const removed = aFramework('f2');
    before.subscribe(removed);
    operatorCalls(before, { verb: 'operatorTeardown', body: { framework: removed } });
    operatorCalls(before, {
      verb: 'operatorMaintenance',
      body: { change: 'schedule', window: { ...aWindow, startWallTimeMs: WALL_MS + 60_000 } },
    });
  });

  test('a window that was planned begins in its time', () => {
    const after = rebuilding(before);
    registers(after, []);
    expect(after.state.maintenance.get('w1')).toMatchObject({ state: 'planned', by: 'admin' });
    after.pass(61_000);
    expect(after.state.maintenance.get('w1')).toMatchObject({ state: 'underWay' });
    expect(after.state.agents.get(agentId)?.maintenance).toMatchObject({ windowId: 'w1' });
  });

  test('is in the new books as it was in the old ones', () => {
    const { state } = rebuilding(before);
    expect(state.roleSettings.get('r')).toEqual(before.state.roleSettings.get('r'));
    expect([...state.frameworkSettings.rows()]).toEqual([...before.state.frameworkSettings.rows()]);
    expect([...state.tombstones.keys()]).toEqual(['alice/f2']);
    expect(state.agents.get(agentId)).toMatchObject({
      state: 'unreachable',
      draining: { reason: 'disk' },
    });
    expect(state.record.rebuilt).toMatchObject({ ...KIND, isRestored: true });
  });

  test('a drained agent that is back is not offered', () => {
    const after = rebuilding(before);
    registers(after, [toldTask('t1')]);
    const effects = tells(after, { tasks: [toldTask('t1')] });
    expect(after.taskState('t1')).toBe('running');
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
  });

  test('an agent that was declared gone is refused, a removed framework stays removed', () => {
    const after = rebuilding(before);
    const body = { hostname: 'h', total: some(1), attributes: {}, tasks: [] };
    const refused = after.call({ kind: 'agent', agentId: other }, { verb: 'register', body });
    expect(answerOf(refused)).toMatchObject({ ok: false, failure: { code: 'agentGone' } });
    expect(answerOf(after.subscribe(aFramework('f2')))).toMatchObject({
      failure: { code: 'frameworkRemoved' },
    });
  });

  test('tasks of a removed framework are not taken over', () => {
    const after = rebuilding(before);
    const task = toldTask('t1', { task: taskRef(aFramework('f2'), 't1') });
    registers(after, [task]);
    expect(resultOf(tells(after, { tasks: [task] }))).toMatchObject({
      unknownTasks: [{ frameworkId: 'f2', taskId: 't1' }],
    });
  });

  test('is put back once: what comes twice changes nothing', () => {
    const after = rebuilding(before);
    operatorCalls(after, {
      verb: 'operatorSharing',
      body: { changes: [{ kind: 'role', role: 'r', weight: 5000 }] },
    });
    after.enter({ kind: 'settingsRestored', items: inOrder(kept(before)), isLast: true });
    expect(after.state.roleSettings.get('r')).toMatchObject({ weight: 5000 });
  });

  test('is not read into books that were not lost', () => {
    const whole = aCluster(some(4));
    whole.enter({ kind: 'settingsRestored', items: inOrder(kept(before)), isLast: true });
    expect(whole.state.roleSettings.size).toBe(0);
  });

  test('is kept again from the new books as it was', () => {
    const after = rebuilding(before);
    // Core time of the removal is that of the new books.
    const withoutTimes = (one: ScriptedCluster) =>
      JSON.parse(
        JSON.stringify(inOrder(kept(one))).replaceAll(/"removedAtMs":\d+/g, '"removedAtMs":0'),
      );
    expect(withoutTimes(after)).toEqual(withoutTimes(before));
  });
});

test('nothing is sent to an agent by taking over what it has', () => {
  registers(cluster, [toldTask('t1')]);
  expect(of(tells(cluster, { tasks: [toldTask('t1')] }), 'order')).toEqual([]);
});
