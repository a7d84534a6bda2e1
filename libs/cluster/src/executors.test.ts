// Tests executors from launch to end: who holds what, who is told, and the races between an exit, a launch and a shutdown.
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  eventsOf,
  of,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  aDefaultExecutor,
  anExecutor,
  executorExits,
  groupOf,
  launchAnswered,
  launchOf,
  launchRaw,
  operatorCalls,
  raw,
  registers,
  shutsDown,
  taskRef,
  toldOf,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
const custom = anExecutor({ resources: some(2) });
const task = (taskId: string) => raw(taskId, { executor: custom });
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(20));
});

const allocated = () => cluster.state.books.agent(agentId).allocated.scalars['cpus'] ?? 0;
const record = () => [...cluster.state.executors.rows()][0];
const ref = { ...framework, executorId: custom.executorId };

describe('the exit of an executor', () => {
  beforeEach(() => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
  });

  test('frees what it held and is told; its tasks end by the updates of their agent', () => {
    expect(allocated()).toBe(3000);
    const effects = executorExits(cluster, framework, { exitCode: 7, message: 'no' });
    expect(allocated()).toBe(1000);
    expect(toldOf(effects)).toEqual([
      {
        kind: 'executorExited',
        eventId: 1,
        agentId,
        executorId: 'e1',
        end: 'exited',
        exitCode: 7,
        message: 'no',
      },
    ]);
    cluster.update(taskRef(framework, 't1'), 'failed', { reason: 'executorExited' });
    expect(allocated()).toBe(0);
  });

  test('that is told again, or of one that nobody knows, changes nothing and is no failure', () => {
    executorExits(cluster, framework);
    const effects = executorExits(cluster, framework);
    expect(answerOf(effects)).toEqual({ ok: true, value: {} });
    expect(toldOf(effects)).toEqual([]);
  });

  test('outlives its tasks: what it holds is free only when its agent says that it is no more', () => {
    cluster.update(taskRef(framework, 't1'), 'finished');
    expect(allocated()).toBe(2000);
    executorExits(cluster, framework);
    expect(allocated()).toBe(0);
  });

  test('while a new task for it is on its way starts it anew: what it holds stays taken', () => {
    const [order] = of(launchRaw(cluster, framework, launchOf(task('t2'))), 'order');
    const effects = executorExits(cluster, framework, { tasks: ['t1'] });
    expect(toldOf(effects)).toMatchObject([{ kind: 'executorExited' }]);
    expect(eventsOf(effects).map(({ type }) => type)).toEqual([
      'executorExited',
      'executorLaunched',
    ]);
    expect(allocated()).toBe(4000);
    cluster.answerOrder(order?.order.orderId ?? '');
    expect(record()).toMatchObject({ isConfirmed: true });
  });

  test('that names a task whose launch is not answered ends with it: nothing stays taken', () => {
    launchRaw(cluster, framework, launchOf(task('t2')));
    executorExits(cluster, framework, { tasks: ['t1', 't2'] });
    expect(record()).toBeUndefined();
    expect(cluster.state.orders.size).toBe(0);
  });
});

describe('an executor', () => {
  test('whose first task the agent refuses was never started, and that is told', () => {
    const [order] = of(launchRaw(cluster, framework, launchOf(task('t1'))), 'order');
    const effects = cluster.answerOrder(order?.order.orderId ?? '', agentId, 'diskFull');
    expect(toldOf(effects)).toMatchObject([{ kind: 'executorExited', end: 'launchFailed' }]);
    expect(allocated()).toBe(1000);
  });

  test('with a confirmed task stays when the agent refuses another one', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    const [order] = of(launchRaw(cluster, framework, launchOf(task('t2'))), 'order');
    cluster.answerOrder(order?.order.orderId ?? '', agentId, 'diskFull');
    expect(record()).toBeDefined();
  });

  test('by default ends with the last task of its groups, and nobody is told', () => {
    const pod = aDefaultExecutor({ resources: some(1) });
    launchAnswered(cluster, framework, groupOf(pod, aCommandTask('t1')), { resources: some(2) });
    launchAnswered(cluster, framework, groupOf(pod, aCommandTask('t2')), { resources: some(1) });
    expect(allocated()).toBe(3000);
    cluster.update(taskRef(framework, 't1'), 'finished');
    expect(allocated()).toBe(2000);
    const effects = cluster.update(taskRef(framework, 't2'), 'finished');
    expect(allocated()).toBe(0);
    expect(toldOf(effects)).toEqual([]);
  });

  test('is in the offers of its agent while it lives', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')), { resources: some(3) });
    const offered = () => of(cluster.propose(framework, some(1)), 'offers')[0]?.message.offers[0];
    expect(offered()?.executors).toEqual(['e1']);
    executorExits(cluster, framework);
    expect(offered()?.executors).toEqual([]);
  });
});

describe('the shutdown of an executor', () => {
  test('is ordered until it is answered, again when it is asked for again, and frees nothing', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    const first = of(shutsDown(cluster, framework, { graceMs: 9 }), 'order');
    const second = of(shutsDown(cluster, framework), 'order');
    expect(first).toMatchObject([{ order: { kind: 'shutdownExecutor', body: { graceMs: 9 } } }]);
    expect(second[0]?.order.orderId).toBe(first[0]?.order.orderId);
    cluster.answerOrder(first[0]?.order.orderId ?? '');
    expect(cluster.state.orders.size).toBe(0);
    expect(allocated()).toBe(3000);
  });

  test('of one that is not there needs nothing and is no failure', () => {
    const effects = shutsDown(cluster, framework);
    expect(answerOf(effects)).toEqual({ ok: true, value: {} });
    expect(of(effects, 'order')).toEqual([]);
  });

  test('that overtook its launch goes out again when the launch is confirmed', () => {
    const [run] = of(launchRaw(cluster, framework, launchOf(task('t1'))), 'order');
    const [shutdown] = of(shutsDown(cluster, framework), 'order');
    cluster.answerOrder(shutdown?.order.orderId ?? '', agentId, 'unknownTask');
    expect(record()).toMatchObject({ isShuttingDown: true });
    const effects = cluster.answerOrder(run?.order.orderId ?? '');
    expect(of(effects, 'order')).toMatchObject([{ order: { kind: 'shutdownExecutor' } }]);
  });

  test('that its agent does not know any more is its end', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    const [order] = of(shutsDown(cluster, framework), 'order');
    const effects = cluster.answerOrder(order?.order.orderId ?? '', agentId, 'unknownTask');
    expect(toldOf(effects)).toMatchObject([{ end: 'unknown' }]);
    expect(record()).toBeUndefined();
  });

  test('that its agent refuses for another reason stands', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    const [order] = of(shutsDown(cluster, framework), 'order');
    cluster.answerOrder(order?.order.orderId ?? '', agentId, 'diskFull');
    expect(cluster.state.orders.has(order?.order.orderId ?? '')).toBe(true);
  });

  test('of a default one kills the tasks of its groups', () => {
    launchAnswered(
      cluster,
      framework,
      groupOf(aDefaultExecutor(), aCommandTask('t1'), aCommandTask('t2')),
    );
    const effects = shutsDown(cluster, framework, { executorId: 'pod' });
    expect(of(effects, 'order').map(({ order }) => order.kind)).toEqual(['kill', 'kill']);
  });
});

describe('an agent that registers', () => {
  test('with an executor that nobody knows is told to shut it down', () => {
    const effects = registers(cluster, agentId, { executors: [ref] });
    expect(answerOf(effects)).toMatchObject({ value: { unknownExecutors: [ref] } });
  });

  test('without an executor that it had confirmed has lost it, and the framework is told', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    const effects = registers(cluster, agentId, { tasks: [taskRef(framework, 't1')] });
    expect(toldOf(effects)).toMatchObject([{ kind: 'executorExited', end: 'unknown' }]);
    expect(record()).toBeUndefined();
  });

  test('without an executor whose launch it has not answered gets the order again', () => {
    launchRaw(cluster, framework, launchOf(task('t1')));
    const effects = registers(cluster, agentId, {});
    expect(toldOf(effects)).toEqual([]);
    expect(of(effects, 'order')).toMatchObject([{ order: { kind: 'run' } }]);
    expect(record()).toBeDefined();
  });

  test('with what it had keeps it', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    const effects = registers(cluster, agentId, {
      tasks: [taskRef(framework, 't1')],
      executors: [ref],
    });
    expect(answerOf(effects)).toMatchObject({ value: { unknownExecutors: [], unknownTasks: [] } });
    expect(record()).toBeDefined();
  });
});

describe('the removal of a framework', () => {
  test('by an operator ends its tasks and executors, and frees them only when they are gone', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    const effects = operatorCalls(cluster, { verb: 'operatorTeardown', body: { framework } });
    expect(of(effects, 'order').map(({ order }) => order.kind)).toEqual([
      'kill',
      'shutdownExecutor',
    ]);
    expect(cluster.state.tombstones.get('alice/f1')?.reason).toBe('teardownByOperator');
    expect(allocated()).toBe(3000);
    cluster.update(taskRef(framework, 't1'), 'killed');
    expect(cluster.state.frameworks.has('alice/f1')).toBe(true);
    executorExits(cluster, framework, { end: 'shutDown' });
    expect(allocated()).toBe(0);
    expect(cluster.state.frameworks.has('alice/f1')).toBe(false);
    expect(answerOf(cluster.subscribe(framework))).toMatchObject({
      failure: { code: 'frameworkRemoved' },
    });
  });
});
