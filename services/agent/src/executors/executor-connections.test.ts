// Tests how executors speak with their agent: connections that come, go and are taken over, and messages of the framework.
import { expect, test } from 'vitest';
import { EXECUTOR, ScriptedExecutors } from './scripted-executors.ts';

test('a connection that does not begin with a subscription, or with that of another executor, is refused', () => {
  const story = new ScriptedExecutors().run('t1').happens({ kind: 'started' });
  story.connection = 7;
  story.updates('t1', 1, 'running');
  expect(story.takeEffects('closeConnection')).toMatchObject([{ connection: 7 }]);
  const executor = { ...EXECUTOR, executorId: 'e2' as typeof EXECUTOR.executorId };
  const nothing = { unacknowledgedTasks: [], unacknowledgedUpdates: [] };
  story.says({ kind: 'subscribe', executor, ...nothing });
  expect(story.takeEffects('closeConnection')).toHaveLength(1);
  expect(story.sentKinds()).toEqual(['refused', 'refused']);
  expect(story.states('t1')).toEqual([]);
});

test('of two connections of one executor the newer counts', () => {
  const story = new ScriptedExecutors().goesLive().subscribes(['t1']);
  expect(story.takeEffects('closeConnection')).toMatchObject([{ connection: 1 }]);
  story.happens({ kind: 'connectionClosed', connection: 1 });
  story.sent();
  story.kill('t1');
  expect(story.sentKinds()).toEqual(['kill']);
});

test('an executor that lost its connection gets it back without harm to its tasks, with what it missed', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.happens({ kind: 'connectionClosed', connection: 1 }).kill('t1', 700);
  story.after(14_999).sent();
  story.subscribes();
  expect(story.sent()).toMatchObject([
    { kind: 'subscribed' },
    { kind: 'kill', taskId: 't1', graceMs: 700 },
  ]);
  story.after(60_000);
  expect(story.takeEffects('destroy')).toEqual([]);
});

test('an executor that lost its connection and does not come back in time is destroyed', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.happens({ kind: 'connectionClosed', connection: 1 }).after(15_000);
  expect(story.takeEffects('destroy')).toHaveLength(1);
  story.ends({ state: 'signaled', signal: 'SIGKILL' });
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'executorNotReturned' });
});

test('a message reaches an executor that is connected, and is counted when it is lost', () => {
  const story = new ScriptedExecutors().run('t1').happens({ kind: 'started' });
  const data = new Uint8Array([1, 2]);
  story.take({ kind: 'message', executor: EXECUTOR, data });
  expect(story.roster.droppedMessages).toBe(1);
  story.subscribes().sent();
  story.take({ kind: 'message', executor: EXECUTOR, data });
  expect(story.sent()).toEqual([{ kind: 'message', data }]);
  expect(story.roster.droppedMessages).toBe(1);
});

test('a message of an executor goes to its framework, unless it is too long', () => {
  const story = new ScriptedExecutors().goesLive();
  story.says({ kind: 'message', data: new Uint8Array(256 * 1024) });
  expect(story.takeEffects('publishMessage')).toHaveLength(1);
  story.says({ kind: 'message', data: new Uint8Array(256 * 1024 + 1) });
  expect(story.takeEffects('publishMessage')).toEqual([]);
  expect(story.reports()).toHaveLength(1);
});
