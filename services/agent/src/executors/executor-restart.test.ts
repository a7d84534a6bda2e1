import { expect, test } from 'vitest';
import { EXECUTOR, KEY, ScriptedExecutors } from './scripted-executors.ts';

const RUNS = { state: 'running' } as const;

test('an executor goes on over a restart of the agent, and its limits are set anew when it is back', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').restart(RUNS);
  expect(story.takeEffects('launch')).toEqual([]);
  story.subscribes();
  expect(story.sentKinds()).toEqual(['subscribed']);
  expect(story.states('t1')).toEqual(['running']);
  story.after(60_000);
  expect(story.takeEffects('destroy')).toEqual([]);
  expect(story.takeEffects('setLimits')).toMatchObject([{ limits: { memoryMib: 96 } }]);
});

test('an executor that does not come back after a restart is destroyed and its tasks fail as executorNotReturned', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').restart(RUNS);
  story.after(14_999);
  expect(story.takeEffects('destroy')).toEqual([]);
  story.after(1);
  expect(story.takeEffects('destroy')).toHaveLength(1);
  story.ends({ state: 'signaled', signal: 'SIGKILL' });
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'executorNotReturned' });
  expect(story.confirmExits()).toMatchObject([{ body: { end: 'notReturned' } }]);
});

test('an executor that had not subscribed before the restart has its registration time again', () => {
  const story = new ScriptedExecutors().run('t1').happens({ kind: 'started' }).restart(RUNS);
  story.after(59_999);
  expect(story.takeEffects('destroy')).toEqual([]);
  story.after(1);
  expect(story.takeEffects('destroy')).toHaveLength(1);
});

test('an update that the restart kept from being acknowledged counts once', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').restart(RUNS);
  const t1 = story.task('t1').ref.taskId;
  const said = { taskId: t1, sequence: 1, state: 'running' } as const;
  const news = { taskId: t1, sequence: 2, state: 'finished' } as const;
  story.subscribes(['t1'], [said, news]);
  expect(story.acknowledged()).toEqual([1, 2]);
  expect(story.states('t1')).toEqual(['running', 'finished']);
});

test('an update that did not get to the disk before the restart is taken when it comes again', () => {
  const story = new ScriptedExecutors().goesLive();
  story.isTaskDiskSlow = true;
  story.updates('t1', 1, 'running').restart(RUNS);
  expect(story.states('t1')).toEqual([]);
  story.isTaskDiskSlow = false;
  const t1 = story.task('t1').ref.taskId;
  story.subscribes(['t1'], [{ taskId: t1, sequence: 1, state: 'running' }]);
  expect(story.acknowledged()).toEqual([1]);
  expect(story.states('t1')).toEqual(['running']);
});

test('a task that was sent and that the executor does not list never reached it, and is sent again', () => {
  const story = new ScriptedExecutors().goesLive().restart(RUNS).subscribes().setLimits();
  expect(story.sentKinds()).toEqual(['subscribed', 'launch t1']);
});

test('a task that the executor lists is not sent again', () => {
  const story = new ScriptedExecutors().goesLive().restart(RUNS).subscribes(['t1']).setLimits();
  expect(story.sentKinds()).toEqual(['subscribed']);
});

test('a task of which the executor has told something is not sent again, though it lists it no more', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').restart(RUNS);
  story.subscribes().setLimits();
  expect(story.sentKinds()).toEqual(['subscribed']);
});

test('a task that was killed and that the executor does not list ends as killed before its start', () => {
  const story = new ScriptedExecutors().goesLive().kill('t1').restart(RUNS).subscribes();
  expect(story.end('t1')).toEqual({ state: 'killed', reason: 'killedBeforeStart' });
});

test('a kill order from before the restart is passed on again', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').kill('t1', 400);
  story.restart(RUNS).subscribes();
  expect(story.sent()).toMatchObject([{ kind: 'subscribed' }, { kind: 'kill', graceMs: 400 }]);
});

test('a task that the executor has and the agent has not is to be killed', () => {
  const story = new ScriptedExecutors().goesLive().restart(RUNS).subscribes(['t1', 't8']);
  expect(story.sent()).toMatchObject([
    { kind: 'subscribed' },
    { kind: 'kill', taskId: 't8', graceMs: 0 },
  ]);
});

test('an executor that exited while the agent was away fails its tasks and is told as exited', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.restart({ state: 'exited', code: 9 });
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'executorExited' });
  expect(story.confirmExits()).toMatchObject([{ body: { end: 'exited', exitCode: 9 } }]);
});

test('an exit that was not confirmed before the restart is told after it, with the same reason', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.happens({ kind: 'connectionClosed', connection: 1 }).after(15_000);
  story.ends({ state: 'signaled', signal: 'SIGKILL' }).restart({ state: 'unknown' });
  expect(story.confirmExits()).toMatchObject([
    { body: { executor: EXECUTOR, end: 'notReturned', signal: 'SIGKILL' } },
  ]);
  expect(story.disk.executors.size).toBe(0);
});

test('an executor whose program was not started before the restart is started by it', () => {
  const story = new ScriptedExecutors().run('t1');
  const { incarnation } = story;
  story.restart({ state: 'notStarted' });
  expect(story.takeEffects('launch')).toMatchObject([{ incarnation }]);
  story.happens({ kind: 'started' }).subscribes().setLimits();
  expect(story.sentKinds()).toEqual(['subscribed', 'launch t1']);
});

test('a task that was accepted before its executor was begun gets one after the restart', () => {
  const story = new ScriptedExecutors().run('t1');
  story.disk.executors.clear();
  story.restart({ state: 'notStarted' });
  expect(story.takeEffects('launch')).toHaveLength(1);
  expect(story.roster.executor(KEY)?.phase).toBe('launching');
});

test('of a group that the executor has in part, the tasks that it does not have are dropped and the others go on', () => {
  const group = ['t1', 't2', 't3'];
  const story = new ScriptedExecutors().run('t1', {}, group).run('t2', {}, group);
  story.run('t3', {}, group).happens({ kind: 'started' }).setLimits().subscribes();
  expect(story.sentKinds()).toEqual(['subscribed', 'launchGroup']);
  story.subscribes(['t2']).setLimits();
  expect(story.sentKinds()).toEqual(['subscribed']);
  expect(story.end('t1')).toEqual({ state: 'dropped', reason: 'executorExited' });
  expect(story.end('t3')).toEqual({ state: 'dropped', reason: 'executorExited' });
  expect(story.task('t2').phase).toBe('handed');
});

test('a group of which the executor has nothing is sent again as a whole', () => {
  const group = ['t1', 't2'];
  const story = new ScriptedExecutors().run('t1', {}, group).run('t2', {}, group);
  story.happens({ kind: 'started' }).setLimits().subscribes().sent();
  story.subscribes().setLimits();
  expect(story.sentKinds()).toEqual(['subscribed', 'launchGroup']);
});

test('a shutdown goes on over a restart', () => {
  const story = new ScriptedExecutors().goesLive().shutsDown(2000).restart(RUNS);
  story.subscribes();
  expect(story.sentKinds()).toEqual(['subscribed', 'shutdown']);
  story.after(5000);
  expect(story.takeEffects('destroy')).toHaveLength(1);
});

test('of a group of which a task ended before the restart, one that was not handed over ends after it', () => {
  const group = ['t1', 't2'];
  const story = new ScriptedExecutors().goesLive('t0').setLimits();
  story.isTaskDiskSlow = true;
  story.run('t1', {}, group).run('t2', {}, group).writeTasks();
  story.kill('t1').writeOneTask().restart(RUNS);
  expect(story.states('t1')).toEqual(['killed']);
  expect(story.states('t2')).toEqual([]);
  story.isTaskDiskSlow = false;
  story.subscribes(['t0']).setLimits();
  expect(story.sentKinds()).toEqual(['subscribed']);
  expect(story.end('t2')).toEqual({ state: 'killed', reason: 'groupMemberEnded' });
});
