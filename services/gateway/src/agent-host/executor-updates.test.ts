import { beforeEach, expect, test } from 'vitest';
import type { ExecutorStatus } from './executor-call.ts';
import { ExecutorUpdates } from './executor-updates.ts';

let updates: ExecutorUpdates;
beforeEach(() => {
  updates = new ExecutorUpdates();
});

const uuidOf = (byte: number): Uint8Array<ArrayBuffer> => new Uint8Array(16).fill(byte);
const status = (byte: number): ExecutorStatus => ({
  ...{ task_id: { value: 'my.task' }, state: 'TASK_RUNNING', uuid: uuidOf(byte) },
});
const sequenceOf = (byte: number): number | undefined => updates.number(status(byte))?.sequence;

test('updates are numbered in their order, behind those that the agent has taken', () => {
  updates.countFrom(5);
  expect([sequenceOf(1), sequenceOf(2)]).toEqual([6, 7]);
  updates.countFrom(3);
  expect(sequenceOf(3)).toBe(8);
});

test('one that is said again is the same update', () => {
  expect([sequenceOf(1), sequenceOf(2), sequenceOf(1)]).toEqual([1, 2, 1]);
});

test('an acknowledgement names the task and the bytes that the executor knows', () => {
  updates.number(status(1));
  expect(updates.acknowledged(1)).toEqual({ taskId: 'my.task', uuid: uuidOf(1) });
  expect(updates.acknowledged(1)).toBeUndefined();
});

test('one that was acknowledged, and is said again, is not told to the agent again', () => {
  updates.number(status(1));
  updates.acknowledged(1);
  expect(updates.number(status(1))).toBeUndefined();
  expect(sequenceOf(2)).toBe(2);
});
