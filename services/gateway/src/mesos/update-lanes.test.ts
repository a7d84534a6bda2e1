import { StatusUpdate } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import { UpdateLanes } from './update-lanes.ts';

const one = (taskId: string, streamSequence: number) => ({
  streamSequence,
  update: StatusUpdate.parse({
    task: { principal: 'alice', frameworkId: 'fw', taskId },
    ...{ agentId: 'a1', source: 'agent', sequence: 1, state: 'running', wallTimeMs: 0 },
  }),
});

test('the next update of a task is told when the one before it is acknowledged, and not before', () => {
  const lanes = new UpdateLanes();
  const [first, second] = [one('t', 1), one('t', 3)];
  const { taskId } = first.update.task;
  expect(lanes.add(first, 0)).toBe(true);
  expect(lanes.add(second, 0)).toBe(false);
  expect(lanes.add(one('other', 2), 0)).toBe(true);
  expect(lanes.acknowledge(taskId, 3, 0)).toStrictEqual({ isDue: false, next: undefined });
  expect(lanes.told(taskId)).toBe(first.update);
  expect(lanes.acknowledge(taskId, 1, 0)).toStrictEqual({ isDue: true, next: second });
  expect(lanes.acknowledge(taskId, 1, 0).isDue).toBe(false);
  expect(lanes.acknowledge(taskId, 3, 0)).toStrictEqual({ isDue: true, next: undefined });
  expect(lanes.told(taskId)).toBeUndefined();
});

test('one that is not acknowledged is told again after 10 s, then 20 s later, and so on to 10 minutes', () => {
  const lanes = new UpdateLanes();
  const first = one('t', 1);
  lanes.add(first, 0);
  const told: number[] = [];
  for (let nowMs = 0; nowMs < 3_000_000; nowMs += 1000) {
    if (lanes.takeDue(nowMs).length > 0) told.push(nowMs / 1000);
  }
  expect(told).toStrictEqual([10, 30, 70, 150, 310, 630, 1230, 1830, 2430]);
});
