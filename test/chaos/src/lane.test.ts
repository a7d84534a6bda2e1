// When a frame is written.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Lane } from './lane.ts';

let written: string[] = [];
let lane: Lane;
const send = (text: string, lateMs = 0, more: { apart?: true; copyLateMs?: number } = {}): void => {
  const { apart, copyLateMs } = more;
  lane.send(Buffer.from(text), {
    keepsOrder: apart !== true,
    lateMs,
    ...(copyLateMs !== undefined && { copyLateMs }),
  });
};

beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  lane = new Lane({
    nowMs: () => Date.now(),
    write: (bytes) => void written.push(bytes.toString()),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is not late is written at once', () => {
  send('a');
  expect(written).toEqual(['a']);
});

test('what follows something late waits for it', () => {
  send('a', 100);
  send('b');
  send('c', 10);
  vi.advanceTimersByTime(99);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(written).toEqual(['a', 'b', 'c']);
  send('d');
  expect(written).toEqual(['a', 'b', 'c', 'd']);
});

test('what goes apart holds nothing back', () => {
  send('a', 100, { apart: true });
  send('b');
  expect(written).toEqual(['b']);
  vi.advanceTimersByTime(100);
  expect(written).toEqual(['b', 'a']);
});

test('a copy comes after its original', () => {
  send('a', 0, { copyLateMs: 50 });
  send('b');
  vi.advanceTimersByTime(50);
  expect(written).toEqual(['a', 'b', 'a']);
});

test('what waits is lost when the connection ends', () => {
  send('a', 100);
  send('b', 100, { apart: true });
  lane.close();
  vi.advanceTimersByTime(1000);
  expect(written).toEqual([]);
});
