import { taskKey } from '@parley/protocol/ids';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import { agentId, aKillOrder, cluster, epoch } from './scripted-master.ts';
import { UpdateDesk } from './update-desk.ts';

const { task } = aKillOrder().order.body;
const gone = (sequence: number): StatusUpdate => ({
  source: 'master',
  task,
  sequence,
  agentId,
  state: 'gone',
  wallTimeMs: 1,
});
const keyOf = ({ sequence }: StatusUpdate) => `${taskKey(task)}#${sequence}`;

/** The desk over books in which these are not read back. */
function aDesk(...updates: StatusUpdate[]) {
  const unwritten = new Map(updates.map((update) => [keyOf(update), update]));
  const view = {
    unwrittenUpdate: (key: string) => unwritten.get(key),
    unwrittenOf: () => unwritten.values(),
  };
  const desk = new UpdateDesk({ cluster, epoch, view });
  for (const update of updates) desk.add(update, 0);
  const written = (nowMs: number) =>
    desk.takeDue(nowMs).map((output) => (output.kind === 'writeUpdate' ? output.key : ''));
  return { desk, unwritten, written };
}

test('an update that was stored, and read back damaged, is written again until it is read back', () => {
  const update = gone(1);
  const { desk, unwritten, written } = aDesk(update);
  const key = keyOf(update);
  expect(written(0)).toEqual([key]);
  desk.done(key, 1);
  expect(written(60_000)).toEqual([]);
  for (let nowMs = 100_000; nowMs < 103_000; nowMs += 1000) {
    desk.writeAgain(task, nowMs);
    expect(written(nowMs + 500)).toEqual([key]);
    desk.done(key, nowMs + 501);
  }
  desk.writeAgain(task, 200_000);
  unwritten.delete(key);
  expect(written(260_000)).toEqual([]);
});

test('one that is read back damaged before its writer hears that it is stored is written again after that', () => {
  const update = gone(1);
  const { desk, written } = aDesk(update);
  const key = keyOf(update);
  written(0);
  desk.writeAgain(task, 1);
  expect(written(5000)).toEqual([]);
  desk.done(key, 5000);
  expect(written(6000)).toEqual([key]);
  desk.done(key, 6001);
  expect(written(60_000)).toEqual([]);
});

test('of several on a task, those that were read back are not written again', () => {
  const [first, second] = [gone(1), gone(2)];
  const { desk, unwritten, written } = aDesk(first, second);
  for (const key of written(0)) desk.done(key, 1);
  desk.writeAgain(task, 2);
  unwritten.delete(keyOf(second));
  expect(written(1000)).toEqual([keyOf(first)]);
});
