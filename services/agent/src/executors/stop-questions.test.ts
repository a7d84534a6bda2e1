import { expect, test } from 'vitest';
import { ScriptedExecutors } from './scripted-executors.ts';

const asked = (graceMs = 30_000): ScriptedExecutors => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.sent();
  return story.asksToStop('t1', graceMs);
};

test('an executor is asked to stop a task, and what it says goes on its way to the leader', () => {
  const story = asked();
  expect(story.sent()).toEqual([{ kind: 'stopAsked', taskId: 't1', graceMs: 30_000 }]);
  story
    .saysToStop('t1', { kind: 'needsTime', needMs: 5000 })
    .saysToStop('t1', { kind: 'stopping' });
  expect(story.stopAnswers).toEqual([
    ['t1', { kind: 'needsTime', needMs: 5000 }],
    ['t1', { kind: 'stopping' }],
  ]);
});

test('it is asked once a connection, with what is left of the grace on the next one', () => {
  const story = asked();
  story.sent();
  story.updates('t1', 2, 'running', { message: 'saving' });
  expect(story.sentKinds()).not.toContain('stopAsked');
  story.nowMs += 12_000;
  story.subscribes(['t1']);
  expect(story.sent()).toContainEqual({ kind: 'stopAsked', taskId: 't1', graceMs: 18_000 });
});

test('it hears that the question is called off, and its answers do not count from then on', () => {
  const story = asked();
  story.sent();
  story.callsOff('t1');
  expect(story.sentKinds()).toEqual(['stopCalledOff']);
  story.saysToStop('t1', { kind: 'stopping' });
  expect(story.stopAnswers).toEqual([]);
});

test('an answer to no question is reported, and so is one more than the leader’s journal is to hold', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running');
  story.saysToStop('t1', { kind: 'stopping' });
  expect(story.stopAnswers).toEqual([]);
  expect(story.reports()).toContain('an answer about t1, which it was not asked to stop');
  story.asksToStop('t1', 1000);
  for (let count = 0; count < 20; count += 1) story.saysToStop('t1', { kind: 'stopping' });
  expect(story.stopAnswers).toHaveLength(16);
});

test('a task that its executor ended after the question ends as revoked, one that finished as finished', () => {
  const killed = asked().updates('t1', 2, 'killing').updates('t1', 3, 'killed');
  expect(killed.end('t1')).toEqual({ state: 'killed', reason: 'revoked' });
  const finished = asked().updates('t1', 2, 'finished');
  expect(finished.end('t1')).toEqual({ state: 'finished', reason: 'executorReported' });
});

test('one that it ended after the question was called off does not', () => {
  const story = asked().callsOff('t1').updates('t1', 2, 'killed');
  expect(story.end('t1')).toEqual({ state: 'killed', reason: 'executorReported' });
});

test('once the task is to be killed the question is not asked any more', () => {
  const story = new ScriptedExecutors().goesLive().updates('t1', 1, 'running').kill('t1', 0);
  story.sent();
  story.asksToStop('t1', 30_000);
  expect(story.sentKinds()).toEqual([]);
});
