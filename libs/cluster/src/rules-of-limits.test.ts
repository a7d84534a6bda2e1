// Tests what rules version 6 brought: limits, `uris` and images of tasks and executors, networks of tasks, and the finer cause of an end. What releases before
// journalled is stepped as they stepped it: they left both out.
import { expect, test } from 'vitest';
import type { Input } from './inputs.ts';
import { inputSince } from './rules.ts';
import { aFramework, anAgentId, ScriptedCluster, some } from './scripted-cluster.ts';

const limits = { cpus: 'infinity', mem: 2000, pids: 50 } as const;
const command = { argv: ['true'] };
const aLimitedTask = (more: object): { taskId: string } & Record<string, unknown> => ({
  ...{ taskId: 't1', resources: some(1), command },
  ...more,
});

/** A launch of this task under these rules: the orders and updates that come of it. */
function launch(rulesVersion: number, task: ReturnType<typeof aLimitedTask>) {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = rulesVersion;
  cluster.startTerm();
  cluster.register(anAgentId(), some(10));
  cluster.subscribe(aFramework());
  const offer = cluster.offer(aFramework(), some(2));
  const effects = cluster.operate(aFramework(), [offer], [{ kind: 'launch', tasks: [task] }]);
  return { cluster, effects };
}

const ordered = (description: object) =>
  expect.objectContaining({
    kind: 'order',
    order: expect.objectContaining({ body: expect.objectContaining({ description }) }),
  });

test('limits reach the agent since version 6, and are left out before', () => {
  const task = aLimitedTask({ limits });
  expect(launch(6, task).effects).toContainEqual(ordered(expect.objectContaining({ limits })));
  const { effects } = launch(5, task);
  expect(effects).toContainEqual(ordered(expect.not.objectContaining({ limits })));
});

test('the network that a task wants reaches the agent since version 6, and is left out before', () => {
  const task = aLimitedTask({ network: 'private' });
  const wanted = { network: 'private' };
  expect(launch(6, task).effects).toContainEqual(ordered(expect.objectContaining(wanted)));
  expect(launch(5, task).effects).toContainEqual(ordered(expect.not.objectContaining(wanted)));
  expect(launch(6, aLimitedTask({ network: 'public' })).cluster.taskState('t1')).not.toBe(
    'staging',
  );
});

test('a task of a custom executor has no network of its own', () => {
  const executor = { executorId: 'e1', command, resources: some(1) };
  const task = aLimitedTask({ command: undefined, executor, network: 'none' });
  const { cluster, effects } = launch(6, task);
  expect(cluster.taskState('t1')).not.toBe('staging');
  expect(JSON.stringify(effects)).toContain(
    "network: a task of a custom executor has its executor's",
  );
});

test('a task without a network is asked how it is by commands only', () => {
  const asked = (probe: object) => {
    const healthCheck = { probe };
    const task = aLimitedTask({ network: 'none', healthCheck });
    return launch(6, task).cluster.taskState('t1');
  };
  expect(asked({ kind: 'command', command })).toBe('staging');
  expect(asked({ kind: 'tcp', port: 80 })).not.toBe('staging');
});

test('limits that are none refuse the task since version 6, and before it is launched without', () => {
  for (const wrong of [{ mem: 999 }, { cpus: 0 }, 'none']) {
    const task = aLimitedTask({ limits: wrong });
    expect(launch(6, task).cluster.taskState('t1')).not.toBe('staging');
    expect(launch(5, task).cluster.taskState('t1')).toBe('staging');
  }
});

test('a limit below the request is answered with both numbers and what to do', () => {
  const { effects } = launch(6, aLimitedTask({ limits: { mem: 999 } }));
  const message =
    'limits.mem: the limit of 999 is below the 1000 that are requested in resources; it must be at least that, or "infinity"';
  expect(JSON.stringify(effects)).toContain(JSON.stringify(message).slice(1, -1));
});

test('the limits of an executor are checked likewise; a default executor has none', () => {
  const executor = { executorId: 'e1', command, resources: some(1) };
  const inTask = (changes: object) => {
    const own = { command: undefined, executor: { ...executor, ...changes } };
    const { cluster, effects } = launch(6, aLimitedTask(own));
    return { text: JSON.stringify(effects), state: cluster.taskState('t1') };
  };
  expect(inTask({ limits: { cpus: 1000 } }).state).toBe('staging');
  expect(inTask({ limits: { cpus: 10 } }).text).toContain('executor.limits.cpus: the limit of 10');
});

test('a leader refuses an accept with limits until every master knows them', () => {
  const accept = (operation: object): Input =>
    ({
      kind: 'call',
      call: { verb: 'accept', body: { offerIds: [], operations: [operation] } },
    }) as unknown as Input;
  const since = (operation: object): number => inputSince(accept(operation));
  const executor = { executorId: 'e1', kind: 'custom' };
  const plain = { taskId: 't1' };
  expect(since({ kind: 'launch', tasks: [plain] })).toBeLessThan(6);
  expect(since({ kind: 'launchGroup', executor, tasks: [plain] })).toBeLessThan(6);
  expect(since({ kind: 'launch', tasks: [plain, { ...plain, limits }] })).toBe(6);
  expect(since({ kind: 'launch', tasks: [{ ...plain, network: 'none' }] })).toBe(6);
  expect(since({ kind: 'launch', tasks: [{ ...plain, executor: { ...executor, limits } }] })).toBe(
    6,
  );
  expect(since({ kind: 'launchGroup', executor: { ...executor, limits }, tasks: [plain] })).toBe(6);
});

const uris = [{ value: 'https://example.org/tool.tar.gz' }];

test('uris reach the agent since version 6, and are left out before', () => {
  const read = expect.objectContaining({
    uris: [{ ...uris[0], executable: false, extract: true, cache: false }],
  });
  expect(launch(6, aLimitedTask({ uris })).effects).toContainEqual(ordered(read));
  expect(JSON.stringify(launch(5, aLimitedTask({ uris })).effects)).not.toContain('uris');
});

test.each([
  'ftp://example.org/x',
  'https://user:word@example.org/x',
  'file://elsewhere/x',
  '/etc/passwd',
])('a task that wants %s fetched is refused, with the field', (value) => {
  const { cluster, effects } = launch(6, aLimitedTask({ uris: [{ value }] }));
  expect(cluster.taskState('t1')).not.toBe('staging');
  expect(JSON.stringify(effects)).toContain('uris.0.value: must be an http:, https: or file:');
});

test('a custom executor has uris, and its tasks have none', () => {
  const executor = { executorId: 'e1', command, resources: some(1), uris };
  const own = launch(6, aLimitedTask({ command: undefined, executor }));
  expect(own.cluster.taskState('t1')).toBe('staging');
  const inside = launch(6, aLimitedTask({ command: undefined, executor, uris }));
  expect(JSON.stringify(inside.effects)).toContain('uris: only for a task with a command');
});

test('a leader refuses an accept with uris until every master knows them', () => {
  const operation = { kind: 'launch', tasks: [{ taskId: 't1', uris }] };
  const call = { verb: 'accept', body: { offerIds: [], operations: [operation] } };
  expect(inputSince({ kind: 'call', call } as unknown as Input)).toBe(6);
});

const image = { source: 'https://example.org/images/base', digest: `sha256:${'0'.repeat(64)}` };

test('an image reaches the agent since version 6, and is left out before', () => {
  const read = expect.objectContaining({ image });
  expect(launch(6, aLimitedTask({ image })).effects).toContainEqual(ordered(read));
  expect(JSON.stringify(launch(5, aLimitedTask({ image })).effects)).not.toContain('image');
  const operation = { kind: 'launch', tasks: [{ taskId: 't1', image }] };
  const call = { verb: 'accept', body: { offerIds: [], operations: [operation] } };
  expect(inputSince({ kind: 'call', call } as unknown as Input)).toBe(6);
});

test('a custom executor has an image, and its tasks have none of their own', () => {
  const executor = { executorId: 'e1', command, resources: some(1), image };
  const own = launch(6, aLimitedTask({ command: undefined, executor }));
  expect(own.cluster.taskState('t1')).toBe('staging');
  const inside = launch(6, aLimitedTask({ command: undefined, executor, image }));
  expect(JSON.stringify(inside.effects)).toContain('image: a task of a custom executor has its');
});

test('the cause of an end stands in the books since version 6', () => {
  const cause = { kind: 'pidsLimit', limit: 50, peak: 50 };
  const kept = (rulesVersion: number) => {
    const { cluster } = launch(rulesVersion, aLimitedTask({}));
    const [task] = [...cluster.state.tasks.rows()];
    if (task === undefined) throw new Error('the task was launched');
    cluster.update(task.task, 'running');
    cluster.update(task.task, 'failed', { reason: 'commandExited', cause });
    return [...cluster.state.ended.rows()][0];
  };
  expect(kept(6)).toMatchObject({ state: 'failed', cause });
  expect(kept(5)).toMatchObject({ state: 'failed' });
  expect(kept(5)).not.toHaveProperty('cause');
});
