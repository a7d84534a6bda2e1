// Orders for custom executors through the whole supervisor, with what the disk and the leader do to them.
import { fail } from '@parley/protocol/errors';
import { ExecutorDescription } from '@parley/protocol/executor-description';
import { AgentId, ExecutorRef, FrameworkRef, RoleName } from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';
import { beforeEach, describe, expect, test } from 'vitest';
import { Supervisor } from '../supervisor.ts';
import type { SupervisorEffect, SupervisorInput } from '../supervisor-messages.ts';

const framework = FrameworkRef.parse({ principal: 'team', frameworkId: 'fw' });
const role = RoleName.parse('web');
const epoch = { bucketCreatedMs: 1, revision: 1 };
const ref = ExecutorRef.parse({ ...framework, executorId: 'e1' });
const executor = ExecutorDescription.parse({
  executorId: 'e1',
  command: { argv: ['program'] },
  resources: { scalars: { cpus: 100, mem: 32_000 } },
});
const aTask = (taskId: string): TaskDescription => TaskDescription.parse({ taskId, resources: {} });

let supervisor: Supervisor;
let effects: SupervisorEffect[];
/** Records whose writing fails, by task. */
let broken: Set<string>;
/** Writes that the test lets through itself. */
let held: SupervisorInput[] | undefined;

beforeEach(() => {
  effects = [];
  broken = new Set();
  held = undefined;
  supervisor = new Supervisor({
    agentId: AgentId.parse('a1'),
    host: { hostname: 'h', total: { scalars: {}, ports: [], sets: {} }, attributes: {} },
    registration: { session: 's', jitter: 0 },
  });
});

function send(input: SupervisorInput): void {
  const made = supervisor.handle(input, { nowMs: 1000, wallTimeMs: 5 });
  effects.push(...made);
  for (const effect of made) {
    if (effect.kind === 'persist') {
      const { task, revision, record } = effect;
      const { failure } = fail('diskFull', 'no space');
      const written: SupervisorInput = broken.has(record.task.taskId)
        ? { kind: 'recordFailed', task, revision, failure }
        : { kind: 'recorded', task, revision };
      if (held === undefined) send(written);
      else held.push(written);
    }
    if (effect.kind !== 'executor' || effect.effect.kind !== 'persist') continue;
    const { incarnation, revision } = effect.effect;
    send({ kind: 'executor', input: { kind: 'recorded', executor: ref, incarnation, revision } });
  }
}

const runGroup = (reply: number, ...taskIds: string[]): void =>
  send({
    kind: 'runGroup',
    epoch,
    reply,
    order: { framework, role, executor, descriptions: taskIds.map(aTask) },
  });

const run = (reply: number, taskId: string, described: ExecutorDescription = executor): void =>
  send({
    kind: 'run',
    epoch,
    reply,
    order: { framework, role, description: { ...aTask(taskId), executor: described } },
  });

const answers = (): (readonly [number, string])[] =>
  effects.flatMap((effect) =>
    effect.kind === 'answer'
      ? [[effect.reply, effect.answer.ok ? 'ok' : effect.answer.failure.code] as const]
      : [],
  );

const known = (): string[] => [...supervisor.tasks()].map(({ ref: { taskId } }) => taskId);

test('a task for a custom executor is answered when it is on the disk, and starts the executor', () => {
  held = [];
  run(1, 't1');
  expect(answers()).toEqual([]);
  for (const written of held.splice(0)) send(written);
  expect(answers()).toEqual([[1, 'ok']]);
  const kinds = effects.flatMap((each) => (each.kind === 'executor' ? each.effect.kind : []));
  expect(kinds).toEqual(['persist', 'launch']);
});

test('a repeated order makes no second task', () => {
  run(1, 't1');
  run(2, 't1');
  expect(answers()).toEqual([
    [1, 'ok'],
    [2, 'ok'],
  ]);
  expect(known()).toEqual(['t1']);
});

describe('a task whose record could not be written while its kill is being written', () => {
  const written = (outcome: 'recorded' | 'recordFailed'): SupervisorInput => {
    const [first = { kind: 'tick' }] = held?.splice(0, 1) ?? [];
    return first.kind === 'recorded' && outcome === 'recordFailed'
      ? { ...first, kind: outcome, failure: { code: 'diskFull', message: 'no space' } }
      : first;
  };

  beforeEach(() => {
    held = [];
    run(1, 't1');
    const task = { ...framework, taskId: aTask('t1').taskId };
    send({ kind: 'kill', epoch, reply: 2, order: { task, reason: 'framework' } });
    send(written('recordFailed'));
    expect(answers()).toEqual([]);
  });

  test('is accepted with the kill', () => {
    send(written('recorded'));
    expect(answers()).toEqual([
      [1, 'ok'],
      [2, 'ok'],
    ]);
    expect([...supervisor.tasks()].map(({ state }) => state)).toEqual(['killed']);
  });

  test('is refused when that cannot be written either', () => {
    send(written('recordFailed'));
    expect(answers()).toEqual([
      [1, 'diskFull'],
      [2, 'diskFull'],
    ]);
    expect(known()).toEqual([]);
  });
});

test('a task that describes its executor otherwise than it runs is refused as invalid', () => {
  run(1, 't1');
  run(2, 't2', { ...executor, shutdownGraceMs: 1 });
  expect(answers()).toEqual([
    [1, 'ok'],
    [2, 'invalidTask'],
  ]);
  expect(known()).toEqual(['t1']);
});

test('an executor without a command is refused as invalid', () => {
  const { command: _, ...bare } = executor;
  run(1, 't1', bare);
  expect(answers()).toEqual([[1, 'invalidTask']]);
});

test('a group is answered when all of its tasks are on the disk', () => {
  held = [];
  runGroup(1, 't1', 't2');
  const [first, second] = held.splice(0);
  if (first !== undefined) send(first);
  expect(answers()).toEqual([]);
  if (second !== undefined) send(second);
  expect(answers()).toEqual([[1, 'ok']]);
});

test('a group of which one task cannot be written is refused as a whole and leaves nothing', () => {
  broken.add('t2');
  runGroup(1, 't1', 't2');
  expect(answers()).toEqual([[1, 'diskFull']]);
  expect(known()).toEqual([]);
  broken.clear();
  runGroup(2, 't1', 't2');
  expect(answers().at(-1)).toEqual([2, 'ok']);
});

test('a group is refused only when no record of it is under way, so that it may come again at once', () => {
  held = [];
  broken.add('t2');
  runGroup(1, 't1', 't2');
  const [first, second] = held.splice(0);
  if (second !== undefined) send(second);
  expect(answers()).toEqual([]);
  if (first !== undefined) send(first);
  expect(answers()).toEqual([[1, 'diskFull']]);
  expect(known()).toEqual([]);
});

test('a group of which one task was killed before the order came ends as a whole', () => {
  const task = { ...framework, taskId: aTask('t1').taskId };
  send({ kind: 'kill', epoch, reply: 1, order: { task, reason: 'framework' } });
  runGroup(2, 't1', 't2');
  const states = [...supervisor.tasks()].map(({ ref: { taskId }, state }) => [taskId, state]);
  expect(states).toEqual([
    ['t1', 'killed'],
    ['t2', 'killed'],
  ]);
});

test('a shutdown of an executor that is not there is answered so', () => {
  send({ kind: 'shutdownExecutor', epoch, reply: 1, order: { executor: ref } });
  run(2, 't1');
  send({ kind: 'shutdownExecutor', epoch, reply: 3, order: { executor: ref, graceMs: 10 } });
  expect(answers()).toEqual([
    [1, 'unknownTask'],
    [2, 'ok'],
    [3, 'ok'],
  ]);
});

test('a register request names the executors beside the tasks', () => {
  run(1, 't1');
  send({ kind: 'connected' });
  const bodies = effects.flatMap((effect) => (effect.kind === 'register' ? [effect.body] : []));
  expect(bodies).toMatchObject([{ executors: [ref], tasks: [{ task: { taskId: 't1' } }] }]);
});

test('an executor that the leader names as unknown is shut down, another one goes on', () => {
  run(1, 't1');
  const records = () =>
    effects.flatMap((each) =>
      each.kind === 'executor' && each.effect.kind === 'persist' ? [each.effect.record] : [],
    );
  const ending = () => records().at(-1)?.ending;
  for (const unknown of [ExecutorRef.parse({ ...framework, executorId: 'other' }), ref]) {
    expect(ending()).toBeUndefined();
    send({ kind: 'disconnected' });
    send({ kind: 'connected' });
    const request = effects.findLast((effect) => effect.kind === 'register');
    expect(request?.body.executors).toEqual([ref]);
    send({
      kind: 'registerAnswered',
      counter: request?.counter ?? 0,
      epoch,
      answer: {
        ok: true,
        value: { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [unknown] },
      },
    });
  }
  expect(ending()).toBe('shutDown');
});
