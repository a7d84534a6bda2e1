import { AgentId } from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import { ownTask } from './launch-translation.ts';
import type { TaskInfo } from './mesos-types.ts';

const place = {
  mesosFrameworkId: 'alice.fw',
  checkpoint: true,
  agentId: AgentId.parse('a1'),
  volumeIdOf: ({ persistenceId }: { readonly persistenceId: string }) => persistenceId,
};

const task = (more: Partial<TaskInfo> = {}): TaskInfo => ({
  name: 'web',
  task_id: { value: 'app.web:1' },
  agent_id: { value: 'a1' },
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
    { name: 'disk', type: 'SCALAR', scalar: { value: 2861.022_949_218_75 } },
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000n, end: 31_001n }] } },
  ],
  command: { value: 'sleep 1' },
  ...more,
});

const own = (more?: Partial<TaskInfo>): TaskDescription =>
  TaskDescription.parse(ownTask(task(more), place));

test('amounts are in thousandths, ports are ranges, the rest has the defaults of Mesos', () => {
  expect(own()).toMatchObject({
    ...{ taskId: '__e_app_pweb_k1', name: 'web', agentId: 'a1', killGraceMs: 3000 },
    resources: { scalars: { cpus: 100, disk: 2_861_023 }, ports: [[31_000, 31_001]] },
  });
});

test('a shell runs the value, else it is the program and the first argument its other name', () => {
  expect(own().command?.argv.at(-1)).toBe('sleep 1');
  const exec = { shell: false, value: '/bin/sleep', arguments: ['sleep', '1'] };
  expect(own({ command: exec }).command?.argv).toStrictEqual(['/bin/sleep', '1']);
});

test("the task is told whose it is, and its own variables win over the cluster's", () => {
  const variables = [{ name: 'MESOS_SLAVE_ID', value: 'mine' }, { name: 'A' }];
  const { command } = own({ command: { value: 'x', environment: { variables } } });
  expect(command?.environment).toStrictEqual({
    MESOS_FRAMEWORK_ID: 'alice.fw',
    MESOS_EXECUTOR_ID: 'app.web:1',
    MESOS_SLAVE_ID: 'mine',
    A: '',
  });
});

test('where the id becomes a digest, the name keeps the id and a label the name', () => {
  const id = 'i.'.repeat(40);
  const { name, labels } = own({ task_id: { value: id } });
  expect({ name, labels }).toStrictEqual({ name: id, labels: { 'mesos.name': 'web' } });
});

test('checks, limits, grace and the longest time are told in our units', () => {
  const described = own({
    health_check: { http: { port: 80, path: '/up' }, interval_seconds: 0.5 },
    check: { type: 'COMMAND', command: { command: { value: 'true' } } },
    limits: { cpus: { value: Number.POSITIVE_INFINITY }, mem: { value: 64 } },
    kill_policy: { grace_period: { nanoseconds: 1_500_000_000n } },
    max_completion_time: { nanoseconds: 60_000_000_000n },
  });
  expect(described).toMatchObject({
    healthCheck: {
      probe: { kind: 'http', port: 80, path: '/up' },
      ...{
        delayMs: 15_000,
        intervalMs: 500,
        timeoutMs: 20_000,
        failures: 3,
        gracePeriodMs: 10_000,
      },
    },
    check: { probe: { kind: 'command' } },
    limits: { cpus: 'infinity', mem: 64_000 },
    killGraceMs: 1500,
    maxCompletionMs: 60_000,
  });
});

test('the address of an image is one of ours', () => {
  const image = { type: 'DOCKER', docker: { name: 'https://images.test/busybox.tar' } };
  expect(own({ container: { type: 'MESOS', mesos: { image } } }).image).toStrictEqual({
    source: 'https://images.test/busybox.tar',
  });
});

const scalar = { name: 'cpus', type: 'SCALAR', scalar: { value: 1 } };
test.each<[string, Partial<TaskInfo>]>([
  ['task_id', { task_id: { value: 'a/b' } }],
  ['agent_id', { agent_id: { value: 'a2' } }],
  ['command', { executor: { executor_id: { value: 'e' }, command: { value: 'x' } } }],
  ['container.type', { container: { type: 'DOCKER' } }],
  ['container.linux_info', { container: { type: 'MESOS', linux_info: {} } }],
  ['container.network_infos', { container: { type: 'MESOS', network_infos: [{ name: 'net' }] } }],
  [
    'container.mesos.image',
    { container: { type: 'MESOS', mesos: { image: { docker: { name: 'busybox' } } } } },
  ],
  [
    'container.volumes',
    { container: { type: 'MESOS', volumes: [{ mode: 'RW', container_path: 'x' }] } },
  ],
  ['limits.disk', { limits: { disk: { value: 1 } } }],
  ['labels', { labels: { labels: [{ key: 'a' }, { key: 'a' }] } }],
  ['resources.0.name', { resources: [{ ...scalar, name: 'CPU' }] }],
  ['resources.0.shared', { resources: [{ ...scalar, shared: {} }] }],
  ['resources.0.disk.source', { resources: [{ ...scalar, disk: { source: {} } }] }],
  ['resources.0.type', { resources: [{ name: 'x', type: 'RANGES', ranges: { range: [] } }] }],
  ['resources', { resources: [scalar, { ...scalar, revocable: {} }] }],
  [
    'command.environment.S',
    { command: { value: 'x', environment: { variables: [{ name: 'S', type: 'SECRET' }] } } },
  ],
  ['command.uris', { command: { value: 'x', uris: [{ value: 'hdfs://x/y' }] } }],
  ['kill_policy.grace_period', { kill_policy: { grace_period: { nanoseconds: -1_000_000n } } }],
  ['health_check', { health_check: { type: 'HTTP', tcp: { port: 1 } } }],
])('what agents do not do is refused by the name of its field: %s', (field, more) => {
  expect(() => own(more)).toThrow(new RegExp(`^${field.replaceAll('.', '\\.')}: `));
});
