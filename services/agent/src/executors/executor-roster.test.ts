import { ExecutorId } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { EXECUTOR, KEY, ScriptedExecutors } from './scripted-executors.ts';

const OUT_OF_MEMORY = { state: 'memoryLimit', limitMib: 96, peakMib: 97 } as const;
const LEFT = { state: 'exited', code: 3 } as const;

test('an executor is started at its first task, once for all of them, and given them when it has subscribed', () => {
  const story = new ScriptedExecutors().run('t1').run('t2');
  expect(story.takeEffects('launch')).toHaveLength(1);
  story.happens({ kind: 'started' }).setLimits();
  expect(story.sentKinds()).toEqual([]);
  story.subscribes();
  expect(story.sentKinds()).toEqual(['subscribed', 'launch t1', 'launch t2']);
});

test('its program is not started before its record is on the disk', () => {
  const story = new ScriptedExecutors().run('t1');
  const kinds = story.effects.flatMap((each) => (each.kind === 'executor' ? each.effect.kind : []));
  expect(kinds).toEqual(['persist', 'launch']);
  expect(story.disk.executors.get(KEY)).toMatchObject({ executor: EXECUTOR, hasRegistered: false });
});

test('an executor that does not subscribe in time is destroyed and its tasks fail as executorNotRegistered', () => {
  const story = new ScriptedExecutors().run('t1').happens({ kind: 'started' });
  story.after(59_999);
  expect(story.takeEffects('destroy')).toHaveLength(0);
  story.after(1);
  expect(story.takeEffects('destroy')).toHaveLength(1);
  expect(story.task('t1').phase).toBe('queued');
  story.ends({ state: 'signaled', signal: 'SIGKILL' });
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'executorNotRegistered' });
  expect(story.confirmExits()).toMatchObject([{ body: { end: 'notRegistered' } }]);
});

test('the kill of an executor that hangs is repeated until its end is seen', () => {
  const story = new ScriptedExecutors().run('t1').happens({ kind: 'started' }).after(60_000);
  story.after(5000).after(5000);
  expect(story.takeEffects('destroy')).toHaveLength(3);
});

test('a program that cannot be started fails its tasks as launchFailed', () => {
  const story = new ScriptedExecutors().run('t1').run('t2');
  story.happens({ kind: 'launchFailed', failure: { code: 'failed', message: 'no such user' } });
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'launchFailed' });
  expect(story.end('t2')).toEqual({ state: 'failed', reason: 'launchFailed' });
  expect(story.confirmExits()).toMatchObject([{ body: { end: 'launchFailed' } }]);
});

test('what the executor says of a task becomes its status, with its data and in its order', () => {
  const story = new ScriptedExecutors().goesLive();
  story.updates('t1', 1, 'running', { healthy: true }).updates('t1', 2, 'running');
  story.updates('t1', 3, 'finished', { message: 'done' });
  expect(story.states('t1')).toEqual(['running', 'running', 'finished']);
  const [first, , last] = story.task('t1').outbox.updates;
  expect(first).toMatchObject({ healthy: true, executorId: 'e1', reason: 'executorReported' });
  expect(last).toMatchObject({ message: 'done', sequence: 3, source: 'agent' });
});

test('an update is acknowledged to the executor only when it is on the disk', () => {
  const story = new ScriptedExecutors().goesLive();
  story.isTaskDiskSlow = true;
  story.sent();
  story.updates('t1', 1, 'running');
  expect(story.acknowledged()).toEqual([]);
  story.writeTasks();
  expect(story.acknowledged()).toEqual([1]);
});

test('an update that is repeated is acknowledged again and makes no second status', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.sent();
  story.updates('t1', 1, 'running');
  expect(story.acknowledged()).toEqual([1]);
  expect(story.states('t1')).toEqual(['running']);
});

test('an update that is repeated while it is on its way to the disk waits for it', () => {
  const story = new ScriptedExecutors().goesLive();
  story.isTaskDiskSlow = true;
  story.updates('t1', 1, 'running').sent();
  story.updates('t1', 1, 'running');
  expect(story.acknowledged()).toEqual([]);
  story.writeTasks();
  expect(story.acknowledged()).toEqual([1]);
});

test('an update about a task that the agent does not have is refused, told, and need not come again', () => {
  const story = new ScriptedExecutors().goesLive();
  story.sent();
  story.updates('t9', 1, 'running');
  expect(story.acknowledged()).toEqual([1]);
  expect(story.reports().join()).toContain('t9');
});

test('an update about a task of another executor is refused', () => {
  const story = new ScriptedExecutors().goesLive();
  const { description } = story.task('t1').order;
  const executorId = 'e2';
  const other = { ...EXECUTOR, executorId: ExecutorId.parse(executorId) };
  story.run('t2', { executor: { ...description.executor, executorId } });
  const place = { executor: other, incarnation: story.incarnation };
  const lists = { executor: other, unacknowledgedTasks: [], unacknowledgedUpdates: [] };
  story.take({ kind: 'started', ...place });
  story.take({ kind: 'said', ...place, connection: 2, message: { kind: 'subscribe', ...lists } });
  expect(story.task('t2').phase).toBe('handed');
  story.updates('t2', 1, 'finished');
  expect(story.states('t2')).toEqual([]);
});

test('a repeated end of a task that is forgotten already is acknowledged without a word', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'finished');
  story.tasks.delete('team/fw/t1');
  story.forgotten.add('team/fw/t1');
  story.sent();
  story.updates('t1', 1, 'finished');
  expect(story.acknowledged()).toEqual([1]);
  expect(story.reports()).toEqual([]);
});

test('after its end a task takes no more updates of its executor', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'finished');
  story.updates('t1', 2, 'running');
  expect(story.states('t1')).toEqual(['finished']);
  expect(story.reports()).toHaveLength(1);
});

test('a kill is passed on to the executor with its grace, and each repetition too', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.sent();
  story.kill('t1', 900).kill('t1', 300).kill('t1', 500);
  const kills = story.sent();
  expect(kills).toMatchObject([
    { kind: 'kill', graceMs: 900 },
    { kind: 'kill', graceMs: 300 },
    { kind: 'kill', graceMs: 300 },
  ]);
});

test('a task that its executor does not end stays until the executor is shut down', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').kill('t1', 100);
  story.after(3_600_000);
  expect(story.task('t1').phase).toBe('handed');
  expect(story.takeEffects('destroy')).toEqual([]);
});

test('the end of a killed task says who wanted it', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').kill('t1');
  story.updates('t1', 2, 'killed');
  expect(story.end('t1')).toEqual({ state: 'killed', reason: 'killedByFramework' });
});

test('a task that is killed before it was handed over ends at once, and its executor never hears of it', () => {
  const story = new ScriptedExecutors().run('t1').run('t2').happens({ kind: 'started' });
  story.kill('t1');
  expect(story.end('t1')).toEqual({ state: 'killed', reason: 'killedBeforeStart' });
  story.setLimits().subscribes();
  expect(story.sentKinds()).toEqual(['subscribed', 'launch t2']);
});

test('the tasks of an executor that exits fail as executorExited', () => {
  const story = new ScriptedExecutors().goesLive().run('t2').updates('t1', 1, 'running').ends(LEFT);
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'executorExited' });
  expect(story.end('t2')).toEqual({ state: 'failed', reason: 'executorExited' });
  expect(story.confirmExits()).toMatchObject([{ body: { end: 'exited', exitCode: 3 } }]);
});

test('the tasks of an executor that the kernel killed at its memory limit fail as memoryLimit', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').ends(OUT_OF_MEMORY);
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'memoryLimit' });
  const [, last] = story.task('t1').outbox.updates;
  expect(last?.memory).toEqual({ limitMib: 96, peakMib: 97 });
});

test('a task that was being killed when its executor exited counts as killed', () => {
  const story = new ScriptedExecutors()
    .goesLive()
    .updates('t1', 1, 'running')
    .kill('t1')
    .ends(LEFT);
  expect(story.end('t1')).toEqual({ state: 'killed', reason: 'killedByFramework' });
});

test('a task that ended before its executor exited keeps its end', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'finished').ends(LEFT);
  expect(story.states('t1')).toEqual(['finished']);
});

test('an exit is told to the leader again until it is confirmed', () => {
  const story = new ScriptedExecutors().goesLive().ends(LEFT);
  expect(story.takeEffects('tellExited')).toEqual([]);
  story.connected();
  expect(story.takeEffects('tellExited')).toHaveLength(1);
  story.after(500);
  const [told] = story.takeEffects('tellExited');
  expect(told).toMatchObject({ counter: 1, body: { executor: EXECUTOR, end: 'exited' } });
  story.take({ kind: 'exitAnswered', counter: 1, answer: { ok: true, value: {} } });
  expect(story.takeEffects('forget')).toHaveLength(1);
  story.after(60_000);
  expect(story.takeEffects('tellExited')).toEqual([]);
});

test('an exit that the leader refuses is told anew a while later', () => {
  const story = new ScriptedExecutors().goesLive().ends(LEFT).connected();
  const failure = { code: 'unknownAgent', message: 'register first' } as const;
  story.take({ kind: 'exitAnswered', counter: 1, answer: { ok: false, failure } });
  story.takeEffects('tellExited');
  expect(story.takeEffects('forget')).toEqual([]);
  story.after(5000);
  expect(story.takeEffects('tellExited')).toMatchObject([{ counter: 2 }]);
});

test('a task that comes before the leader has confirmed the exit is not taken yet; after it, it starts a new executor', () => {
  const story = new ScriptedExecutors().goesLive().ends(LEFT);
  const { incarnation } = story;
  const { executor } = story.task('t1');
  expect(story.roster.refusal(EXECUTOR, executor)).toMatchObject({ code: 'unavailable' });
  story.takeEffects('launch');
  story.confirmExits();
  expect(story.roster.refusal(EXECUTOR, executor)).toBeUndefined();
  story.after(1).run('t2');
  expect(story.takeEffects('launch')).toHaveLength(1);
  expect(story.incarnation).not.toBe(incarnation);
});

test('an exit names the tasks that the executor had been given, but not those that were journalled as ended', () => {
  const story = new ScriptedExecutors()
    .goesLive()
    .run('t2')
    .setLimits()
    .run('old')
    .setLimits()
    .updates('old', 1, 'finished');
  story.tasks.delete('team/fw/old');
  story.ends(LEFT);
  expect(story.confirmExits()).toMatchObject([{ body: { tasks: ['t1', 't2'] } }]);
});

test('what is told of an executor that had the id before means nothing to the new one', () => {
  const story = new ScriptedExecutors().goesLive().ends(LEFT);
  const { incarnation } = story;
  story.confirmExits();
  story.after(1).goesLive('t2');
  story.take({ kind: 'ended', executor: EXECUTOR, incarnation, outcome: LEFT });
  expect(story.task('t2').phase).toBe('handed');
});

test('a later task must describe its executor as the first one did', () => {
  const story = new ScriptedExecutors().goesLive();
  const { executor } = story.task('t1');
  expect(story.roster.refusal(EXECUTOR, { ...executor })).toBeUndefined();
  const other = { ...executor, command: { argv: ['program', '--faster'], environment: {} } };
  expect(story.roster.refusal(EXECUTOR, other)).toMatchObject({ code: 'invalidTask' });
});

test('a shutdown asks first, and destroys what is left after the grace of the description', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.sent();
  story.shutsDown();
  expect(story.sent()).toEqual([{ kind: 'shutdown', graceMs: 5000 }]);
  story.updates('t1', 2, 'killed');
  expect(story.end('t1')).toEqual({ state: 'killed', reason: 'executorReported' });
  story.after(4999);
  expect(story.takeEffects('destroy')).toEqual([]);
  story.after(1);
  expect(story.takeEffects('destroy')).toHaveLength(1);
  story.ends({ state: 'signaled', signal: 'SIGKILL' });
  expect(story.confirmExits()).toMatchObject([{ body: { end: 'shutDown', signal: 'SIGKILL' } }]);
});

test('a grace is told in whole milliseconds, whatever fractions the clock has', () => {
  const story = new ScriptedExecutors().goesLive();
  story.nowMs += 0.1;
  story.shutsDown(3000);
  story.nowMs += 1000.3;
  story.sent();
  story.subscribes(['t1']);
  expect(story.sent()).toContainEqual({ kind: 'shutdown', graceMs: 2000 });
});

test('a repeated shutdown can only shorten the grace', () => {
  const story = new ScriptedExecutors().goesLive().shutsDown(2000);
  story.sent();
  story.shutsDown(4000);
  expect(story.sent()).toEqual([]);
  story.shutsDown(500);
  expect(story.sent()).toEqual([{ kind: 'shutdown', graceMs: 500 }]);
  story.after(500);
  expect(story.takeEffects('destroy')).toHaveLength(1);
});

test('a task that waits for its executor when that is to shut down is dropped, and no new one is taken', () => {
  const story = new ScriptedExecutors().goesLive().run('waits').shutsDown();
  expect(story.end('waits')).toEqual({ state: 'dropped', reason: 'executorExited' });
  const { executor } = story.task('waits');
  expect(story.roster.refusal(EXECUTOR, executor)).toMatchObject({ code: 'unavailable' });
});

test('an executor that is not there cannot be shut down', () => {
  const { roster } = new ScriptedExecutors();
  expect(roster.shutDown({ executor: EXECUTOR }, { nowMs: 0, wallTimeMs: 0 }, [])).toBe(false);
});

test('an executor that subscribes while it is to shut down is told so', () => {
  const story = new ScriptedExecutors().run('t1').happens({ kind: 'started' }).shutsDown(3000);
  story.after(1000).subscribes();
  expect(story.sent()).toMatchObject([{ kind: 'subscribed' }, { kind: 'shutdown', graceMs: 2000 }]);
});

test('an executor whose framework is removed is shut down with its tasks', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.sent();
  story.kill('t1', undefined, 'frameworkRemoved');
  expect(story.sentKinds()).toEqual(['shutdown', 'kill']);
  story.ends(LEFT);
  expect(story.end('t1')).toEqual({ state: 'killed', reason: 'frameworkRemoved' });
});

test('a register request names every executor whose exit the leader has not confirmed', () => {
  const story = new ScriptedExecutors().goesLive();
  expect(story.roster.describe()).toEqual([EXECUTOR]);
  story.ends(LEFT);
  expect(story.roster.describe()).toEqual([EXECUTOR]);
  story.confirmExits();
  expect(story.roster.describe()).toEqual([]);
});

test('an executor that the leader does not know is shut down, but not one that came after the request was made', () => {
  const story = new ScriptedExecutors().goesLive();
  story.roster.named(story.roster.describe());
  story.ends(LEFT);
  story.confirmExits();
  story.after(1).goesLive('t2');
  const now = { nowMs: story.nowMs, wallTimeMs: 0 };
  story.roster.unknownToMaster([EXECUTOR], now, []);
  expect(story.roster.executor(KEY)?.phase).toBe('live');
  story.roster.named(story.roster.describe());
  story.roster.unknownToMaster([EXECUTOR], now, []);
  expect(story.roster.executor(KEY)?.phase).toBe('shuttingDown');
});

test('a task whose outputs are copied out is acknowledged to its executor, and finished, when they are', () => {
  const outputs = [{ object: 'o', path: 'o' }];
  const story = new ScriptedExecutors().goesLive('t1', { outputs }).updates('t1', 1, 'running');
  story.sent();
  story.updates('t1', 2, 'finished').updates('t1', 2, 'finished');
  expect(story.effects.filter(({ kind }) => kind === 'copyOutputs')).toHaveLength(1);
  expect(story.acknowledged()).toEqual([]);
  story.ends(LEFT);
  story.outputsCopied('t1');
  expect(story.end('t1')).toEqual({ state: 'finished', reason: 'executorReported' });
});

test('a task that runs for as long as it may is killed and fails as maxCompletionTime', () => {
  const story = new ScriptedExecutors().goesLive('t1', { maxCompletionMs: 2000 });
  story.updates('t1', 1, 'running').sent();
  const task = story.task('t1');
  const now = { nowMs: story.nowMs + 2000, wallTimeMs: 0 };
  task.tick(now, []);
  story.roster.settle(task, now, story.effects);
  expect(story.sentKinds()).toEqual(['kill']);
  story.updates('t1', 2, 'killed');
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'maxCompletionTime' });
});

test('a task that is not put on the disk leaves no executor behind', () => {
  const story = new ScriptedExecutors();
  story.isTaskDiskSlow = true;
  story.run('t1');
  story.roster.forsake(story.task('t1'));
  expect(story.roster.executor(KEY)).toBeUndefined();
});
