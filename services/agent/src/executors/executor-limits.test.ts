import { expect, test } from 'vitest';
import { ScriptedExecutors } from './scripted-executors.ts';

test('the limits of the scope are those of the executor and of its live tasks together', () => {
  const story = new ScriptedExecutors().run('t1');
  expect(story.takeEffects('launch')).toMatchObject([
    { limits: { cpuMillis: 300, memoryMib: 96 } },
  ]);
  story.happens({ kind: 'started' }).subscribes().run('t2');
  expect(story.takeEffects('setLimits')).toMatchObject([
    { limits: { cpuMillis: 400, memoryMib: 128 } },
  ]);
});

test('a task is handed over only when the limits have room for it', () => {
  const story = new ScriptedExecutors().goesLive();
  story.sent();
  story.run('t2');
  expect(story.sentKinds()).toEqual([]);
  story.setLimits();
  expect(story.sentKinds()).toEqual(['launch t2']);
});

test('the limits shrink after a task has ended', () => {
  const story = new ScriptedExecutors().goesLive().run('t2').setLimits();
  story.updates('t2', 1, 'finished');
  expect(story.takeEffects('setLimits')).toMatchObject([
    { limits: { cpuMillis: 300, memoryMib: 96 } },
  ]);
});

test('one change of limits is under way at a time, and the last wish counts', () => {
  const story = new ScriptedExecutors().goesLive().run('t2').run('t3');
  const [first, ...more] = story.takeEffects('setLimits');
  expect(more).toEqual([]);
  story.happens({ kind: 'limitsSet', revision: first?.revision ?? 0 });
  expect(story.takeEffects('setLimits')).toMatchObject([
    { limits: { cpuMillis: 500, memoryMib: 160 } },
  ]);
});

test('a task for which the limits cannot be raised fails, and the others go on', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').run('t2');
  const [change] = story.takeEffects('setLimits');
  story.happens({ kind: 'limitsNotSet', revision: change?.revision ?? 0, reason: 'busy' });
  expect(story.end('t2')).toEqual({ state: 'failed', reason: 'launchFailed' });
  expect(story.task('t1').phase).toBe('handed');
});

test('all tasks of a group are handed over together, when the last is ready', () => {
  const story = new ScriptedExecutors().run('first').happens({ kind: 'started' }).subscribes();
  story.sent();
  story.run('t1', {}, ['t1', 't2']).setLimits();
  expect(story.sentKinds()).toEqual([]);
  story.run('t2', {}, ['t1', 't2']).setLimits();
  const [launch] = story.sent();
  expect(launch).toMatchObject({
    kind: 'launchGroup',
    tasks: [{ taskId: 't1' }, { taskId: 't2' }],
  });
});

test('a group of which one task is killed before the hand-over ends as a whole', () => {
  const story = new ScriptedExecutors().run('t1', {}, ['t1', 't2']).run('t2', {}, ['t1', 't2']);
  story.kill('t2');
  expect(story.end('t2')).toEqual({ state: 'killed', reason: 'killedBeforeStart' });
  expect(story.end('t1')).toEqual({ state: 'killed', reason: 'groupMemberEnded' });
  story.happens({ kind: 'started' }).subscribes();
  expect(story.sentKinds()).toEqual(['subscribed']);
});

test('once a group is handed over, what the end of one task means is for its executor to say', () => {
  const story = new ScriptedExecutors().run('t1', {}, ['t1', 't2']).run('t2', {}, ['t1', 't2']);
  story.happens({ kind: 'started' }).setLimits().subscribes();
  story.updates('t1', 1, 'failed');
  expect(story.task('t2').phase).toBe('handed');
});
