import { TaskId, TaskRef, VolumeId } from '@parley/protocol/ids';
import type { AskToStopOrder } from '@parley/protocol/revocations';
import { expect, test } from 'vitest';
import { EPOCH, KEY, keyOf, REF, ScriptedSupervisor } from './scripted-supervisor.ts';
import type { SupervisorInput } from './supervisor-messages.ts';

const GRACE_MS = 30_000;

const asks = (changes: Partial<AskToStopOrder> = {}, reply = 5): SupervisorInput => ({
  kind: 'askToStop',
  epoch: EPOCH,
  order: { task: REF, graceMs: GRACE_MS, isCalledOff: false, ...changes },
  reply,
});

test('a command that is asked to stop is told to end, and the leader that it is stopping', () => {
  const story = new ScriptedSupervisor().registered().running();
  story.answers();
  story.send(asks());
  expect(story.take('stop')).toMatchObject([{ task: KEY, signal: 'SIGTERM' }]);
  expect(story.answers()).toEqual([true]);
  expect(story.take('tellStop')).toMatchObject([
    { counter: 1, body: { task: REF, answer: { kind: 'stopping' } } },
  ]);
});

test('it is killed when its grace is over, and ends as revoked however it ends', () => {
  const story = new ScriptedSupervisor().registered().running().send(asks());
  story.take('stop');
  story.after(GRACE_MS - 1);
  expect(story.take('stop')).toEqual([]);
  story.after(1);
  expect(story.take('stop')).toMatchObject([{ signal: 'SIGKILL' }]);
  story.send({ kind: 'ended', task: KEY, outcome: { state: 'exited', code: 0 } });
  expect(story.ends('t1')).toEqual([['killed', 'revoked']]);
});

test('a task that has not started yet never does', () => {
  const story = new ScriptedSupervisor().registered();
  story.send({
    kind: 'run',
    epoch: EPOCH,
    order: {
      framework: { principal: REF.principal, frameworkId: REF.frameworkId },
      role: 'r' as never,
      description: {
        taskId: TaskId.parse('t1'),
        name: '',
        priority: 0,
        resources: { scalars: {}, ports: [], sets: {} },
        command: { argv: ['true'] } as never,
        inputs: [],
        outputs: [],
        volumes: [],
        killGraceMs: 3000,
        labels: {},
      },
    },
    reply: 1,
  });
  story.send(asks());
  expect(story.ends('t1')).toEqual([['killed', 'revoked']]);
});

test('the other tasks of its group end with it', () => {
  const story = new ScriptedSupervisor().registered().runningGroup(['t1', 't2']);
  story.send(asks());
  story.send({ kind: 'ended', task: KEY, outcome: { state: 'signaled', signal: 'SIGTERM' } });
  story.send({ kind: 'ended', task: keyOf('t2'), outcome: { state: 'exited', code: 0 } });
  expect(story.ends('t1', 't2')).toEqual([
    ['killed', 'revoked'],
    ['killed', 'groupMemberEnded'],
  ]);
});

test('a question that is called off does nothing to a command', () => {
  const story = new ScriptedSupervisor().registered().running();
  story.answers();
  story.send(asks({ isCalledOff: true }));
  expect(story.take('stop')).toEqual([]);
  expect(story.answers()).toEqual([true]);
});

test('a task that the agent does not know is answered as such', () => {
  const task = TaskRef.parse({ ...REF, taskId: 'none' });
  const story = new ScriptedSupervisor().registered().send(asks({ task }));
  expect(story.answers()).toEqual(['unknownTask']);
});

test('what a task says is told again until the leader has it, and at once when the bus is back', () => {
  const story = new ScriptedSupervisor().registered().running().send(asks());
  expect(story.take('tellStop')).toHaveLength(1);
  story.after(500);
  expect(story.take('tellStop')).toMatchObject([{ counter: 1 }]);
  const failure = { code: 'unavailable', message: 'no leader' } as const;
  story.send({ kind: 'stopTold', counter: 1, answer: { ok: false, failure } });
  story.send({ kind: 'disconnected' }).after(60_000);
  expect(story.take('tellStop')).toEqual([]);
  story.send({ kind: 'connected' });
  expect(story.take('tellStop')).toHaveLength(1);
  story.send({ kind: 'stopTold', counter: 1, answer: { ok: true, value: {} } }).after(60_000);
  expect(story.take('tellStop')).toEqual([]);
});

test('an answer that the leader refuses for good is not told again', () => {
  const story = new ScriptedSupervisor().registered().running().send(asks());
  story.take('tellStop');
  const failure = { code: 'agentGone', message: 'gone' } as const;
  story.send({ kind: 'stopTold', counter: 1, answer: { ok: false, failure } }).after(60_000);
  expect(story.take('tellStop')).toEqual([]);
});

const EXCESS = { limitMib: 20, peakMib: 31 };

test('a task whose sandbox holds more than it may is killed at once, and its end tells limit and peak', () => {
  const story = new ScriptedSupervisor().registered().running();
  story.send({ kind: 'overDisk', ref: REF, ...EXCESS });
  expect(story.take('stop')).toMatchObject([{ task: KEY, signal: 'SIGKILL' }]);
  story.send({ kind: 'ended', task: KEY, outcome: { state: 'signaled', signal: 'SIGKILL' } });
  const last = story.supervisor.task(KEY)?.outbox.updates.at(-1);
  expect(last).toMatchObject({ cause: { kind: 'diskLimit', limit: 20, peak: 31 } });
  expect(story.ends('t1')).toEqual([['failed', 'diskFull']]);
});

test('a task whose volume holds more than its size ends likewise, and the message names the volume', () => {
  const story = new ScriptedSupervisor().registered().running();
  story.send({ kind: 'overDisk', ref: REF, volumeId: VolumeId.parse('v1'), ...EXCESS });
  story.send({ kind: 'ended', task: KEY, outcome: { state: 'signaled', signal: 'SIGKILL' } });
  expect(story.ends('t1')).toEqual([['failed', 'diskFull']]);
  expect(story.supervisor.task(KEY)?.outbox.updates.at(-1)).toMatchObject({
    cause: { kind: 'diskLimit', limit: 20, peak: 31 },
    message: 'its volume v1 held 31 MiB, more than its limit of 20 MiB',
  });
});

test('who was told to stop before ends for that, and not for its disk', () => {
  const story = new ScriptedSupervisor().registered().running().send(asks());
  story.take('stop');
  story.send({ kind: 'overDisk', ref: REF, ...EXCESS });
  expect(story.take('stop')).toMatchObject([{ signal: 'SIGKILL' }]);
  story.send({ kind: 'ended', task: KEY, outcome: { state: 'signaled', signal: 'SIGKILL' } });
  expect(story.ends('t1')).toEqual([['killed', 'revoked']]);
});
