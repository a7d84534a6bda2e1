// Tests what rules version 6 brought: limits, `uris`, users and images of tasks and executors, networks of tasks and what they
// ask of their host, the sizes of their volumes, and the finer cause of an end. What releases before
// journalled is stepped as they stepped it: they left both out.
import { expect, test } from 'vitest';
import type { Input } from './inputs.ts';
import { inputSince } from './rules.ts';
import { aFramework, aLaunch, anAgentId, of, ScriptedCluster, some } from './scripted-cluster.ts';
import { cpusAndDisk, createVolume, mount, reserve, taskWith } from './scripted-reservations.ts';

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

test('the user that a task or an executor names reaches the agent since version 6, and is left out before', () => {
  const named = { user: 'www-data' };
  expect(launch(6, aLimitedTask(named)).effects).toContainEqual(
    ordered(expect.objectContaining(named)),
  );
  const executor = { executorId: 'e1', command, resources: some(1), ...named };
  const inExecutor = aLimitedTask({ command: undefined, executor });
  expect(launch(6, inExecutor).effects).toContainEqual(
    ordered(expect.objectContaining({ executor: expect.objectContaining(named) })),
  );
  for (const task of [aLimitedTask(named), inExecutor]) {
    const { cluster, effects } = launch(5, task);
    expect(cluster.taskState('t1')).toBe('staging');
    expect(JSON.stringify(effects)).not.toContain('www-data');
  }
});

test('a user is named by its name: a number, an option, a path or a line is refused', () => {
  for (const user of ['0', '-r', '+0', 'a/b', 'a:b', 'a\nb', '', 'a'.repeat(33)]) {
    expect(launch(6, aLimitedTask({ user })).cluster.taskState('t1')).not.toBe('staging');
  }
});

test('a task of a custom executor has no user of its own', () => {
  const executor = { executorId: 'e1', command, resources: some(1) };
  const { effects } = launch(6, aLimitedTask({ command: undefined, executor, user: 'nobody' }));
  expect(JSON.stringify(effects)).toContain("user: a task of a custom executor has its executor's");
});

test('what a task asks of its host reaches the agent since version 6, is left out before, and needs a command', () => {
  const hostVolumes = [{ hostPath: '/srv/data', path: 'data', readOnly: false }];
  const wanted = { devices: ['/dev/kvm'], hostVolumes };
  const task = aLimitedTask(wanted);
  expect(launch(6, task).effects).toContainEqual(ordered(expect.objectContaining(wanted)));
  expect(JSON.stringify(launch(5, task).effects)).not.toMatch(/devices|hostVolumes/);
  const executor = { executorId: 'e1', command, resources: some(1) };
  for (const name of ['devices', 'hostVolumes'] as const) {
    const inside = aLimitedTask({ command: undefined, executor, [name]: wanted[name] });
    expect(JSON.stringify(launch(6, inside).effects)).toContain(`${name}: only for a task with`);
    const operation = { kind: 'launch', tasks: [{ taskId: 't1', [name]: wanted[name] }] };
    const call = { verb: 'accept', body: { offerIds: [], operations: [operation] } };
    expect(inputSince({ kind: 'call', call } as unknown as Input)).toBe(6);
  }
});

test.each([
  [{ devices: ['/etc/passwd'] }, 'devices.0: must be a path below /dev'],
  [{ devices: ['/dev/../etc'] }, 'devices.0: must be an absolute path'],
  [{ hostVolumes: [{ hostPath: 'data', path: 'a' }] }, 'hostVolumes.0.hostPath: must be'],
  [{ hostVolumes: [{ hostPath: '/srv//data', path: 'a' }] }, 'hostVolumes.0.hostPath: must be'],
  [{ hostVolumes: [{ hostPath: '/srv', path: '../a' }] }, 'hostVolumes.0.path: must be'],
  [
    {
      hostVolumes: [
        { hostPath: '/srv/a', path: 'a' },
        { hostPath: '/srv/b', path: 'a/b' },
      ],
    },
    'hostVolumes: the path of one is that of another volume, or in it',
  ],
])('a task that asks its host for %j is refused, with the field', (wish, fault) => {
  const { cluster, effects } = launch(6, aLimitedTask(wish));
  expect(cluster.taskState('t1')).not.toBe('staging');
  expect(JSON.stringify(effects)).toContain(fault);
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

test('a task that may be killed at any time has no CPUs of its own', () => {
  const { cluster, effects } = launch(
    6,
    aLimitedTask({ revocable: true, limits: { pinCpus: true } }),
  );
  expect(cluster.taskState('t1')).not.toBe('staging');
  expect(JSON.stringify(effects)).toContain('limits.pinCpus: a revocable task');
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

test('only whole CPUs can belong to a task alone, and only to one that the agent runs itself', () => {
  const pinned = (task: object) => {
    const { cluster, effects } = launch(6, aLimitedTask({ limits: { pinCpus: true }, ...task }));
    return { state: cluster.taskState('t1'), text: JSON.stringify(effects) };
  };
  const of = (cpus: number) => ({ resources: { scalars: { cpus, mem: 1000 } } });
  expect(pinned(of(1000)).state).toBe('staging');
  expect(pinned(of(1500)).text).toContain('limits.pinCpus: only whole CPUs');
  expect(pinned({ resources: { scalars: { mem: 1000 } } }).text).toContain('only whole CPUs');
  const executor = { executorId: 'e1', command, resources: some(1) };
  const inExecutor = { ...of(1000), command: undefined, executor };
  expect(pinned(inExecutor).text).toContain('limits.pinCpus: only for a task that the agent');
  const own = { ...inExecutor, limits: undefined };
  const limited = { ...executor, limits: { pinCpus: true } };
  expect(pinned({ ...own, executor: limited }).text).toContain('executor.limits.pinCpus: only');
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
  expect(since({ kind: 'launch', tasks: [{ ...plain, user: 'nobody' }] })).toBe(6);
  expect(since({ kind: 'launch', tasks: [{ ...plain, executor: { ...executor, limits } }] })).toBe(
    6,
  );
  expect(since({ kind: 'launchGroup', executor: { ...executor, limits }, tasks: [plain] })).toBe(6);
});

test('how large the volumes of a task are reaches the agent since version 6', () => {
  const told = (rulesVersion: number): unknown => {
    const cluster = new ScriptedCluster();
    cluster.rulesVersion = rulesVersion;
    cluster.startTerm();
    cluster.register(anAgentId(), cpusAndDisk(4, 50));
    cluster.subscribe(aFramework(), { roles: ['eng'] });
    const offer = cluster.offer(aFramework(), cpusAndDisk(4, 50), anAgentId(), { role: 'eng' });
    const task = taskWith('t1', { reservationId: 'x', ...mount });
    const operations = [reserve(3, 40), createVolume('v', 10), aLaunch(task)];
    const effects = cluster.operate(aFramework(), [offer], operations);
    return of(effects, 'order').map(({ order }) => order.body)[0];
  };
  expect(told(6)).toMatchObject({ volumeSizes: [{ volumeId: 'v', mib: 10 }] });
  expect(told(5)).toMatchObject({ role: 'eng' });
  expect(told(5)).not.toHaveProperty('volumeSizes');
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
