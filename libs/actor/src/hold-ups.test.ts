import { expect, test } from 'vitest';
import { HoldUps } from './hold-ups.ts';

test('a process that looks in time was not held up', () => {
  const holdUps = new HoldUps(0);
  for (let nowMs = 250; nowMs <= 5000; nowMs += 250) holdUps.look(nowMs);
  expect(holdUps.latestMs(5900)).toBe(0);
});

test('the longest time without a look counts, for half a minute after its end', () => {
  const holdUps = new HoldUps(0);
  holdUps.look(4000);
  holdUps.look(5500);
  expect(holdUps.latestMs(5500)).toBe(4000);
  for (let nowMs = 5750; nowMs <= 40_000; nowMs += 250) holdUps.look(nowMs);
  expect(holdUps.latestMs(34_000)).toBe(4000);
  expect(holdUps.latestMs(40_000)).toBe(0);
});

test('one that ends just now is known before the next look', () => {
  const holdUps = new HoldUps(0);
  holdUps.look(250);
  expect(holdUps.latestMs(12_250)).toBe(12_000);
});

test('a later one that is shorter does not hide the longer one while that is remembered, and shows afterwards', () => {
  const holdUps = new HoldUps(0);
  holdUps.look(9000);
  holdUps.look(40_000);
  expect(holdUps.latestMs(40_000)).toBe(31_000);
});
