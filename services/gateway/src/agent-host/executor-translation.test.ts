import { ExecutorDescription } from '@parley/protocol/executor-description';
import { AgentId, ExecutorRef } from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import { ownIdOf } from '../mesos/foreign-id.ts';
import type { ExecutorStatus } from './executor-call.ts';
import { mesosExecutor, mesosFramework, mesosTask, ownUpdate } from './executor-translation.ts';

const ref = ExecutorRef.parse({ principal: 'alice', frameworkId: 'fw', executorId: 'e' });
const executor = ExecutorDescription.parse({
  executorId: 'e',
  mesos: { checkpoint: true },
  command: { argv: ['run', '--fast'] },
  resources: { scalars: { cpus: 500 } },
  data: Uint8Array.of(1, 2),
});
const status = (changes: Partial<ExecutorStatus>): ExecutorStatus => ({
  task_id: { value: 't' },
  state: 'TASK_RUNNING',
  ...changes,
});

test.each([
  ['TASK_STARTING', 'starting'],
  ['TASK_RUNNING', 'running'],
  ['TASK_KILLING', 'killing'],
  ['TASK_FINISHED', 'finished'],
  ['TASK_FAILED', 'failed'],
  ['TASK_KILLED', 'killed'],
] as const)('%s is %s here', (state, own) => {
  expect(ownUpdate(status({ state, message: 'm', healthy: false }))).toEqual({
    ...{ taskId: 't', state: own, message: 'm', healthy: false },
  });
});

test.each(['TASK_ERROR', 'TASK_LOST', 'TASK_DROPPED', 'TASK_GONE'] as const)(
  '%s is a failure whose message says so',
  (state) => {
    const told = ownUpdate(status({ state, message: 'why' }));
    expect(told).toMatchObject({ state: 'failed', message: `${state}: why` });
  },
);

test.each<Partial<ExecutorStatus>>([
  { state: 'TASK_UNREACHABLE' },
  { state: 'TASK_UNKNOWN' },
  { data: new Uint8Array(32 * 1024 + 1) },
])('what has no meaning here is refused: %j', (changes) =>
  expect(() => ownUpdate(status(changes))).toThrow('status.'),
);

test('a message that is too long is cut', () => {
  expect(ownUpdate(status({ message: 'x'.repeat(5000) })).message).toHaveLength(4096);
});

test('an executor is told of itself and its framework by the ids that its environment has', () => {
  const info = mesosExecutor(ref, executor, 'e');
  expect(info).toMatchObject({
    ...{ type: 'CUSTOM', executor_id: { value: 'e' }, framework_id: { value: 'alice.fw' } },
    command: { shell: false, value: 'run', arguments: ['run', '--fast'] },
    resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 }, role: '*' }],
    data: Uint8Array.of(1, 2),
    shutdown_grace_period: { nanoseconds: 5_000_000_000n },
  });
  expect(mesosFramework(ref, undefined, executor)).toMatchObject({
    ...{ id: { value: 'alice.fw' }, name: 'fw', checkpoint: true, principal: 'alice' },
  });
});

test('a task is given with the id and the name that its framework gave it', () => {
  const foreign = `task:${'x'.repeat(100)}`;
  const description = TaskDescription.parse({
    ...{ taskId: ownIdOf(foreign), name: foreign, executor, resources: {} },
    labels: { 'mesos.name': 'nice', tier: 'web' },
    data: Uint8Array.of(7),
  });
  const info = mesosExecutor(ref, executor, 'e');
  expect(mesosTask(description, info, AgentId.parse('a1'))).toMatchObject({
    ...{ name: 'nice', task_id: { value: foreign }, agent_id: { value: 'a1' } },
    labels: { labels: [{ key: 'tier', value: 'web' }] },
    ...{ data: Uint8Array.of(7), executor: info },
  });
});
