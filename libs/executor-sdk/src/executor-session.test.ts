import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import { AgentId, ExecutorRef, TaskId } from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';
import { beforeEach, expect, test } from 'vitest';
import { ExecutorSession, type SessionEffect, type TaskReport } from './executor-session.ts';

const executor = ExecutorRef.parse({ principal: 'team', frameworkId: 'fw', executorId: 'e1' });
const aTask = (taskId: string): TaskDescription => TaskDescription.parse({ taskId, resources: {} });
const aReport = (taskId: string, state: TaskReport['state'] = 'running'): TaskReport => ({
  taskId: TaskId.parse(taskId),
  state,
});
const SUBSCRIBED: ToExecutor = {
  kind: 'subscribed',
  executor,
  agentId: AgentId.parse('a1'),
  hostname: 'host',
  labels: {},
};

let session: ExecutorSession;
let nowMs: number;
beforeEach(() => {
  session = new ExecutorSession({ executor, recoveryTimeoutMs: 60_000 });
  nowMs = 1000;
});

const hear = (message: ToExecutor): SessionEffect[] => session.received(message, nowMs);
const kindsOf = (effects: readonly SessionEffect[]): string[] => effects.map(({ kind }) => kind);
const sentOf = (effects: readonly SessionEffect[]): FromExecutor[] =>
  effects.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []));

function subscribe(): FromExecutor | undefined {
  const [said] = sentOf(session.connected());
  hear(SUBSCRIBED);
  return said;
}

function launch(...taskIds: string[]): void {
  for (const taskId of taskIds) hear({ kind: 'launch', task: aTask(taskId) });
}

test('the first word on every connection is a subscription', () => {
  expect(session.begin(nowMs)).toEqual([{ kind: 'connect' }]);
  const nothing = { unacknowledgedTasks: [], unacknowledgedUpdates: [] };
  expect(subscribe()).toEqual({ kind: 'subscribe', executor, ...nothing });
});

test('an update is kept until it is acknowledged, and repeated with each subscription until then', () => {
  subscribe();
  launch('t1');
  session.report(aReport('t1'));
  session.disconnected(nowMs);
  const update = { taskId: 't1', state: 'running', sequence: 1 };
  expect(subscribe()).toMatchObject({ unacknowledgedUpdates: [update] });
  hear({ kind: 'acknowledged', sequence: 1 });
  session.disconnected(nowMs);
  expect(subscribe()).toMatchObject({ unacknowledgedUpdates: [] });
});

test('a task is listed until an update of it is acknowledged', () => {
  subscribe();
  launch('t1', 't2');
  session.report(aReport('t1'));
  hear({ kind: 'acknowledged', sequence: 1 });
  session.disconnected(nowMs);
  expect(subscribe()).toMatchObject({ unacknowledgedTasks: ['t2'] });
});

test('updates are numbered over all tasks', () => {
  subscribe();
  launch('t1', 't2');
  const reports = [aReport('t1'), aReport('t2'), aReport('t1', 'finished')];
  const sent = reports.flatMap((report) => sentOf(session.report(report).effects));
  expect(sent).toMatchObject([
    { update: { sequence: 1 } },
    { update: { sequence: 2 } },
    { update: { sequence: 3, state: 'finished' } },
  ]);
});

test('what is reported while the agent is away, or while the subscription is under way, is told once it is there', () => {
  subscribe();
  launch('t1');
  session.disconnected(nowMs);
  expect(session.report(aReport('t1'))).toEqual({ isTold: true, effects: [] });
  const [said] = sentOf(session.connected());
  expect(said).toMatchObject({ unacknowledgedUpdates: [{ sequence: 1 }] });
  session.report(aReport('t1', 'finished'));
  expect(sentOf(hear(SUBSCRIBED))).toMatchObject([{ update: { sequence: 2 } }]);
});

test('more updates than one message holds follow the subscription', () => {
  subscribe();
  launch('t1');
  session.disconnected(nowMs);
  const data = new Uint8Array(32 * 1024);
  for (let count = 0; count < 20; count += 1) session.report({ ...aReport('t1'), data });
  const [said] = sentOf(session.connected());
  const listed = said?.kind === 'subscribe' ? said.unacknowledgedUpdates.length : 0;
  expect(listed).toBeGreaterThan(0);
  expect(listed).toBeLessThan(20);
  expect(sentOf(hear(SUBSCRIBED))).toHaveLength(20 - listed);
});

test('a task that comes again is not started again, also after its end until that is acknowledged', () => {
  subscribe();
  expect(kindsOf(hear({ kind: 'launch', task: aTask('t1') }))).toEqual(['start']);
  expect(hear({ kind: 'launch', task: aTask('t1') })).toEqual([]);
  session.report(aReport('t1', 'finished'));
  expect(hear({ kind: 'launch', task: aTask('t1') })).toEqual([]);
});

test('the tasks of a group are started in one go', () => {
  subscribe();
  const started = hear({ kind: 'launchGroup', tasks: [aTask('t1'), aTask('t2')] });
  expect(started).toMatchObject([{ kind: 'start', tasks: [{ taskId: 't1' }, { taskId: 't2' }] }]);
});

test('after its end nothing more is told of a task', () => {
  subscribe();
  launch('t1');
  session.report(aReport('t1', 'failed'));
  expect(session.report(aReport('t1', 'finished'))).toEqual({ isTold: false, effects: [] });
});

test('progress is left out while too much waits, ends are not', () => {
  launch('t1');
  const told = Array.from({ length: 1001 }, () => session.report(aReport('t1')).isTold);
  expect(told.filter(Boolean)).toHaveLength(1000);
  expect(session.report(aReport('t1', 'finished')).isTold).toBe(true);
});

test('the end of a task is told however much waits: progress gives way to it', () => {
  const taskIds = Array.from({ length: 10_000 }, (_, index) => `t${index}`);
  hear({ kind: 'launchGroup', tasks: taskIds.map(aTask) });
  for (const message of ['first', 'progress']) session.report({ ...aReport('t0'), message });
  for (const taskId of taskIds.slice(2)) session.report(aReport(taskId, 'killing'));
  expect(session.report(aReport('t1', 'killing')).isTold).toBe(false);
  const ends = ['t0', 't1'].map((taskId) => session.report(aReport(taskId, 'finished')).isTold);
  expect(ends).toEqual([true, true]);
  expect(subscribe()).toMatchObject({
    unacknowledgedUpdates: expect.not.arrayContaining([
      expect.objectContaining({ message: 'progress' }),
    ]),
  });
  session.disconnected(nowMs);
  session.connected();
  const last = sentOf(hear(SUBSCRIBED)).slice(-2);
  expect(last).toMatchObject([
    { update: { taskId: 't0', state: 'finished' } },
    { update: { taskId: 't1', state: 'finished' } },
  ]);
});

test('a kill is told and asked for; a repeated one only when its grace is shorter', () => {
  subscribe();
  launch('t1');
  const kill = (graceMs: number): SessionEffect[] =>
    hear({ kind: 'kill', taskId: TaskId.parse('t1'), graceMs });
  const [told, stop] = kill(500);
  expect(told).toMatchObject({ message: { update: { state: 'killing' } } });
  expect(stop).toEqual({ kind: 'stop', taskId: 't1', graceMs: 500 });
  expect(kill(800)).toEqual([]);
  expect(kill(100)).toEqual([{ kind: 'stop', taskId: 't1', graceMs: 100 }]);
});

test('a kill of a task that it does not have asks for nothing', () => {
  subscribe();
  expect(hear({ kind: 'kill', taskId: TaskId.parse('t9'), graceMs: 0 })).toEqual([]);
});

test('it looks for its agent again, with growing pauses up to two seconds', () => {
  session.begin(nowMs);
  const pauses: number[] = [];
  for (let count = 0; count < 8; count += 1) {
    session.disconnected(nowMs);
    const dueMs = session.nextDueMs() ?? 0;
    pauses.push(dueMs - nowMs);
    nowMs = dueMs;
    expect(session.tick(nowMs)).toEqual([{ kind: 'connect' }]);
  }
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000]);
});

test('an agent that stays away for the recovery timeout is given up: the tasks are killed, then it exits', () => {
  subscribe();
  launch('t1');
  session.disconnected(nowMs);
  expect(kindsOf(session.tick(nowMs + 59_999))).not.toContain('shutDown');
  expect(kindsOf(session.tick(nowMs + 60_000))).toEqual(['shutDown', 'stop']);
  session.report(aReport('t1', 'killed'));
  expect(kindsOf(session.tick(nowMs + 65_000))).toEqual(['exit']);
});

test('an agent that comes back in time is not given up', () => {
  subscribe();
  session.disconnected(nowMs);
  subscribe();
  expect(session.tick(nowMs + 60_000)).toEqual([]);
});

test('a shutdown kills all tasks and exits when their ends are acknowledged', () => {
  subscribe();
  launch('t1');
  expect(kindsOf(hear({ kind: 'shutdown', graceMs: 3000 }))).toEqual(['shutDown', 'send', 'stop']);
  session.report(aReport('t1', 'killed'));
  expect(hear({ kind: 'acknowledged', sequence: 1 })).toEqual([]);
  expect(kindsOf(hear({ kind: 'acknowledged', sequence: 2 }))).toEqual(['exit']);
});

test('a shutdown with nothing to end exits at once, and starts nothing that comes later', () => {
  subscribe();
  expect(kindsOf(hear({ kind: 'shutdown', graceMs: 3000 }))).toEqual(['shutDown', 'exit']);
  expect(hear({ kind: 'launch', task: aTask('t1') })).toEqual([]);
});

test('a shutdown whose tasks do not end exits before its grace is over', () => {
  subscribe();
  launch('t1');
  hear({ kind: 'shutdown', graceMs: 3000 });
  expect(session.tick(nowMs + 2799)).toEqual([]);
  expect(kindsOf(session.tick(nowMs + 2800))).toEqual(['exit']);
});

test('an executor that its agent refuses ends its tasks and exits', () => {
  session.connected();
  expect(kindsOf(hear({ kind: 'refused', message: 'who?' }))).toEqual(['shutDown', 'exit']);
});

test('a message is sent while there is a connection, and lost otherwise', () => {
  const data = new Uint8Array([1]);
  expect(session.message(data)).toBe(false);
  subscribe();
  expect(session.message(data)).toEqual([{ kind: 'send', message: { kind: 'message', data } }]);
});

test('a task is asked to stop, and the answer goes to the agent', () => {
  subscribe();
  launch('t1');
  const taskId = TaskId.parse('t1');
  const asked = hear({ kind: 'stopAsked', taskId, graceMs: 5000 });
  expect(asked).toEqual([{ kind: 'askToStop', taskId, graceMs: 5000 }]);
  const said = session.answerStop(taskId, { kind: 'needsTime', needMs: 100 });
  expect(said && sentOf(said)).toEqual([
    { kind: 'stopAnswered', taskId, answer: { kind: 'needsTime', needMs: 100 } },
  ]);
  expect(hear({ kind: 'stopCalledOff', taskId })).toEqual([{ kind: 'stopCalledOff', taskId }]);
});

test('a task that has ended, or that is to end already, is not asked to stop', () => {
  subscribe();
  launch('t1', 't2');
  session.report(aReport('t1', 'finished'));
  hear({ kind: 'kill', taskId: TaskId.parse('t2'), graceMs: 1000 });
  for (const id of ['t1', 't2', 'none']) {
    expect(hear({ kind: 'stopAsked', taskId: TaskId.parse(id), graceMs: 1 })).toEqual([]);
  }
  expect(hear({ kind: 'stopCalledOff', taskId: TaskId.parse('t1') })).toEqual([]);
});

test('an answer without a connection is lost, and says so', () => {
  subscribe();
  launch('t1');
  session.disconnected(nowMs);
  expect(session.answerStop(TaskId.parse('t1'), { kind: 'stopping' })).toBe(false);
});
