// Tests what is launched and what is not: one test a rule of Mesos's task validation, groups, and executors beside
// their first task. Each rejected task learns why, by a message that begins with the field.
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  anAgentId,
  of,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import {
  aCommand,
  aCommandTask,
  acceptResultOf,
  aDefaultExecutor,
  anExecutor,
  executorExits,
  groupOf,
  launchAnswered,
  launchOf,
  launchRaw,
  raw,
  shutsDown,
  taskRef,
  writtenOf,
} from './scripted-tasks.ts';

const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(20));
});

const launch = (...tasks: Parameters<typeof launchOf>) =>
  launchRaw(cluster, framework, launchOf(...tasks));
const group = (...args: Parameters<typeof groupOf>) =>
  launchRaw(cluster, framework, groupOf(...args));
const live = () => [...cluster.state.tasks.rows()].map(({ task }) => task.taskId).sort();

const probe = { probe: { kind: 'tcp', port: 80 } };
const transfer = [{ object: 'o', path: 'p' }];
const INVALID: Record<string, [field: string, more: Record<string, unknown>]> = {
  'with a negative kill grace': ['killGraceMs', { command: aCommand, killGraceMs: -1 }],
  'with a malformed check': [
    'check.probe.kind',
    { command: aCommand, check: { probe: { kind: 'x' } } },
  ],
  'with a malformed health check': [
    'healthCheck.failures',
    { command: aCommand, healthCheck: { ...probe, failures: 0 } },
  ],
  'with malformed resources': [
    'resources.scalars.cpus',
    { command: aCommand, resources: { scalars: { cpus: -1 } } },
  ],
  'with a completion time of nothing': [
    'maxCompletionMs',
    { command: aCommand, maxCompletionMs: 0 },
  ],
  'that is meant for another agent': ['agentId', { command: aCommand, agentId: 'a2' }],
  'without resources': ['resources', { command: aCommand, resources: {} }],
  'that names a volume twice': [
    'volumes',
    {
      command: aCommand,
      volumes: [
        { volumeId: 'v', path: 'a' },
        { volumeId: 'v', path: 'b' },
      ],
    },
  ],
  'with two volumes at one path': [
    'volumes',
    {
      command: aCommand,
      volumes: [
        { volumeId: 'v', path: 'a' },
        { volumeId: 'w', path: 'a' },
      ],
    },
  ],
  'with neither command nor executor': ['command', {}],
  'with both command and executor': ['command', { command: aCommand, executor: anExecutor() }],
  'of a custom executor without a command': ['executor.command', { executor: { executorId: 'e' } }],
  'by itself of a default executor': ['executor.kind', { executor: aDefaultExecutor() }],
  'of an executor with inputs': ['inputs', { executor: anExecutor(), inputs: transfer }],
  'of an executor with outputs': ['outputs', { executor: anExecutor(), outputs: transfer }],
  'of an executor with a check': ['check', { executor: anExecutor(), check: probe }],
  'of an executor with a health check': [
    'healthCheck',
    { executor: anExecutor(), healthCheck: probe },
  ],
};

describe('a task', () => {
  test.each(Object.entries(INVALID))('%s is an error that names the field', (_title, rule) => {
    const [field, more] = rule;
    const effects = launch(raw('bad', more), aCommandTask('good'));
    const { launched, rejected } = acceptResultOf(effects);
    expect(launched).toEqual(['good']);
    expect(rejected).toMatchObject([{ taskId: 'bad', failure: { code: 'invalidTask' } }]);
    const [written] = writtenOf(effects);
    expect(written).toMatchObject({ taskId: 'bad', state: 'error', reason: 'invalidTask' });
    expect(written?.message).toMatch(new RegExp(`^${field.replaceAll('.', '\\.')}: `));
  });

  test('whose id is that of a live, an ended or a rejected one is refused without an update', () => {
    launchAnswered(cluster, framework, launchOf(aCommandTask('live'), aCommandTask('over')));
    cluster.update(taskRef(framework, 'over'), 'finished');
    launch(raw('unwritten'));
    const effects = launch(
      aCommandTask('live'),
      aCommandTask('over'),
      aCommandTask('unwritten'),
      aCommandTask('twice'),
      aCommandTask('twice'),
    );
    const { launched, rejected } = acceptResultOf(effects);
    expect(launched).toEqual(['twice']);
    expect(rejected.map(({ taskId }) => taskId)).toEqual(['live', 'over', 'unwritten', 'twice']);
    for (const { failure } of rejected) expect(failure.message).toMatch(/^taskId: /);
    expect(writtenOf(effects)).toEqual([]);
  });

  test('whose id is that of an unreachable one is refused without an update', () => {
    launchAnswered(cluster, framework, launchOf(aCommandTask('t1')));
    cluster.register(anAgentId('a2'), some(9));
    cluster.readBack(cluster.agentSilent());
    expect([...cluster.state.tasks.rows()][0]?.state).toBe('unreachable');
    const place = { agentId: anAgentId('a2') };
    const effects = launchRaw(cluster, framework, launchOf(aCommandTask('t1')), place);
    expect(acceptResultOf(effects).launched).toEqual([]);
    expect(writtenOf(effects)).toEqual([]);
  });

  test('that asks for more than is left is an error, the next one that fits is launched', () => {
    const effects = launch(
      aCommandTask('big', { resources: some(9) }),
      aCommandTask('fits', { resources: some(8) }),
      aCommandTask('late'),
    );
    expect(acceptResultOf(effects).launched).toEqual(['fits']);
    expect(writtenOf(effects)).toMatchObject([
      { taskId: 'big', state: 'error', reason: 'insufficientResources' },
      { taskId: 'late', state: 'error', reason: 'insufficientResources' },
    ]);
  });

  test('that does not fit because one of the offers was stale is dropped, not an error', () => {
    const offerId = cluster.offer(framework, some(1));
    const operation = launchOf(aCommandTask('t1', { resources: some(2) }));
    const effects = cluster.operate(framework, [offerId, 'o1-99'], [operation]);
    expect(writtenOf(effects)).toMatchObject([{ state: 'dropped', reason: 'invalidOffers' }]);
  });

  test('with a volume that the offers do not hold is an error', () => {
    const effects = launch(aCommandTask('t1', { volumes: [{ volumeId: 'v', path: 'a' }] }));
    expect(writtenOf(effects)[0]).toMatchObject({ state: 'error' });
    expect(writtenOf(effects)[0]?.message).toMatch(/^volumes: /);
  });
});

describe('a task of a custom executor', () => {
  const task = (taskId: string, more = {}) => raw(taskId, { executor: anExecutor(more) });

  test('is ordered with its executor, whose resources are held beside those of its tasks', () => {
    const effects = launch(task('t1', { resources: some(2) }), task('t2', { resources: some(2) }));
    expect(of(effects, 'order').map(({ order }) => order)).toMatchObject([
      { kind: 'run', body: { role: 'r', description: { executor: { executorId: 'e1' } } } },
      { kind: 'run', body: { role: 'r', description: { executor: { executorId: 'e1' } } } },
    ]);
    expect(cluster.state.executors.size).toBe(1);
    expect(cluster.state.books.agent(anAgentId()).allocated.scalars['cpus']).toBe(4000);
  });

  test('that does not fit beside its new executor is an error, and the executor holds nothing', () => {
    const effects = launch(
      task('t1', { resources: some(8) }),
      aCommandTask('t2', { resources: some(8) }),
    );
    expect(acceptResultOf(effects).launched).toEqual(['t2']);
    expect(cluster.state.executors.size).toBe(0);
  });

  test('whose new executor alone is too large is an error that names the executor', () => {
    const [written] = writtenOf(launch(task('t1', { resources: some(9) })));
    expect(written).toMatchObject({ state: 'error', reason: 'insufficientResources' });
    expect(written?.message).toMatch(/^executor\.resources: /);
  });

  test('must describe a live executor identically, also one that came with the same accept', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    const effects = launch(
      task('t2', { shutdownGraceMs: 1 }),
      task('t3'),
      task('t4', { executorId: 'e2' }),
      task('t5', { executorId: 'e2', resources: some(1) }),
    );
    expect(acceptResultOf(effects).launched).toEqual(['t3', 't4']);
    const written = writtenOf(effects);
    expect(written.map(({ taskId }) => taskId)).toEqual(['t2', 't5']);
    for (const { message } of written) expect(message).toMatch(/^executor: /);
  });

  test('that is shutting down is dropped; after its exit the same description starts it anew', () => {
    launchAnswered(cluster, framework, launchOf(task('t1')));
    shutsDown(cluster, framework);
    const effects = launch(task('t2'));
    expect(writtenOf(effects)).toMatchObject([{ state: 'dropped', reason: 'executorExited' }]);
    executorExits(cluster, framework, { end: 'shutDown' });
    expect(acceptResultOf(launch(task('t3', { shutdownGraceMs: 1 }))).launched).toEqual(['t3']);
  });
});

describe('a group', () => {
  const pod = aDefaultExecutor();

  test('is one order, which is answered for all of its tasks', () => {
    const effects = group(pod, aCommandTask('t1'), aCommandTask('t2'));
    const [order] = of(effects, 'order');
    expect(of(effects, 'order')).toHaveLength(1);
    expect(order?.order).toMatchObject({
      kind: 'runGroup',
      body: { executor: { kind: 'default' }, descriptions: [{ taskId: 't1' }, { taskId: 't2' }] },
    });
    const runOrders = () => [...cluster.state.tasks.rows()].map(({ runOrder }) => runOrder);
    expect(runOrders()).toEqual([order?.order.orderId, order?.order.orderId]);
    cluster.answerOrder(order?.order.orderId ?? '');
    expect(runOrders()).toEqual([undefined, undefined]);
  });

  test('that its agent refuses is dropped as a whole, and its executor is no more', () => {
    const effects = group(anExecutor(), raw('t1'), raw('t2'));
    const [order] = of(effects, 'order');
    const refused = cluster.answerOrder(order?.order.orderId ?? '', anAgentId(), 'diskFull');
    expect(writtenOf(refused)).toMatchObject([
      { taskId: 't1', state: 'dropped', reason: 'agentRefused' },
      { taskId: 't2', state: 'dropped', reason: 'agentRefused' },
    ]);
    expect(cluster.state.executors.size).toBe(0);
  });

  test('is not launched for one invalid task; each is told whose fault it was', () => {
    const effects = group(pod, aCommandTask('t1'), raw('t2'), aCommandTask('t3'));
    expect(live()).toEqual([]);
    const written = writtenOf(effects);
    expect(written.map(({ state, reason }) => [state, reason])).toEqual([
      ['error', 'invalidGroup'],
      ['error', 'invalidGroup'],
      ['error', 'invalidGroup'],
    ]);
    expect(written.map(({ message }) => message?.split(':')[0])).toEqual([
      'taskId',
      'command',
      'taskId',
    ]);
    expect(written[0]?.message).toContain('t2');
  });

  test('that does not fit as a whole takes nothing, and what comes after it may', () => {
    const large = aCommandTask('t2', { resources: some(8) });
    const effects = cluster.operate(
      framework,
      [cluster.offer(framework, some(8))],
      [
        groupOf(pod, aCommandTask('t1'), large),
        launchOf(aCommandTask('t3', { resources: some(8) })),
      ],
    );
    expect(acceptResultOf(effects).launched).toEqual(['t3']);
    expect(cluster.state.executors.size).toBe(0);
  });

  test('with an id that another task has is not launched, and that task hears nothing of it', () => {
    launchAnswered(cluster, framework, launchOf(aCommandTask('t1')));
    const effects = group(pod, aCommandTask('t1'), aCommandTask('t2'));
    expect(writtenOf(effects)).toMatchObject([{ taskId: 't2', reason: 'invalidGroup' }]);
    expect(live()).toEqual(['t1']);
  });

  test.each([
    ['a task names an executor', 'executor', pod, raw('t1', { executor: anExecutor() })],
    ['a task of a default executor has no command', 'command', pod, raw('t1')],
    ['a task of a custom executor has a command', 'command', anExecutor(), aCommandTask('t1')],
    ['a task of a custom executor has a check', 'check', anExecutor(), raw('t1', { check: probe })],
    [
      'a default executor has a command',
      'executor.command',
      aDefaultExecutor({ command: aCommand }),
      aCommandTask('t1'),
    ],
    [
      'its executor does not fit',
      'executor.resources',
      aDefaultExecutor({ resources: some(9) }),
      aCommandTask('t1'),
    ],
  ])('is an error when %s', (_title, field, executor, task) => {
    const [written] = writtenOf(group(executor, task));
    expect(written).toMatchObject({ state: 'error', reason: 'invalidGroup' });
    expect(written?.message?.startsWith(`${field}: `)).toBe(true);
  });

  test('under an executor that is shutting down is dropped', () => {
    launchAnswered(cluster, framework, groupOf(anExecutor(), raw('t1')));
    shutsDown(cluster, framework);
    const effects = group(anExecutor(), raw('t2'), raw('t3'));
    expect(writtenOf(effects)).toMatchObject([
      { taskId: 't2', state: 'dropped', reason: 'executorExited' },
      { taskId: 't3', state: 'dropped', reason: 'executorExited' },
    ]);
  });
});
