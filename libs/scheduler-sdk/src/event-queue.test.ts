// Owns the order in which a reader gets what was pushed, and the end.
import { expect, it } from 'vitest';
import { EventQueue } from './event-queue.ts';

it('items are read in the order in which they were pushed, before and after somebody waits', async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  const first = queue.next();
  const second = queue.next();
  queue.push(2);
  expect([await first, await second]).toEqual([
    { done: false, value: 1 },
    { done: false, value: 2 },
  ]);
});

it('what waits at the end is still read, and nothing that comes later', async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  queue.end();
  queue.push(2);
  const read: number[] = [];
  for await (const item of queue) read.push(item);
  expect(read).toEqual([1]);
});

it('a reader that leaves the loop ends the queue', async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  queue.push(2);
  for await (const _ of queue) break;
  expect(await queue.next()).toEqual({ done: true, value: undefined });
});
