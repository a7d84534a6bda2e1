// Tests the bound on what waits for all readers, with readers that leave unread what the test says.
import { beforeEach, expect, test, vi } from 'vitest';
import { type Reader, SlowReaders } from './slow-readers.ts';

const warn = vi.fn();
const count = vi.fn();
let readers: SlowReaders;
let ended: string[];

beforeEach(() => {
  vi.clearAllMocks();
  ended = [];
  readers = new SlowReaders({ warn }, { count }, 100);
});

const aReader = (name: string, bytes: number, stream: Reader['stream'] = 'operator') =>
  readers.add({ stream, unreadBytes: () => bytes, end: () => ended.push(name) });

test('while little waits for all together nobody is ended', () => {
  aReader('one', 60);
  aReader('other', 40);
  readers.look();
  expect(ended).toEqual([]);
  expect(readers.totalBytes()).toBe(100);
});

test('where too much waits for all, those that leave the most unread are ended, until it is not', () => {
  aReader('little', 20);
  aReader('much', 70, 'scheduler');
  aReader('most', 90);
  readers.look();
  expect(ended).toEqual(['most']);
  expect(readers.totalBytes()).toBe(90);
  aReader('more', 60);
  readers.look();
  expect(ended).toEqual(['most', 'much']);
  expect(count.mock.calls).toEqual([
    ['parley_gateway_slow_readers_ended_total', { stream: 'operator' }],
    ['parley_gateway_slow_readers_ended_total', { stream: 'scheduler' }],
  ]);
  expect(warn).toHaveBeenCalledTimes(2);
});

test('of those for which the same waits the oldest is ended', () => {
  for (const name of ['first', 'second', 'third']) aReader(name, 50);
  readers.look();
  expect(ended).toEqual(['first']);
});

test('who has left is not counted', () => {
  const forget = aReader('gone', 90);
  aReader('there', 50);
  forget();
  readers.look();
  expect(ended).toEqual([]);
  expect(readers.count).toBe(1);
});
