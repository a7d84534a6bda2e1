// Tests waiting for something new, in a time that the test lets pass.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { News } from './news.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Which of those that wait go on, as they do. */
function waiting(news: News, waits: Readonly<Record<string, number>>): string[] {
  const gone: string[] = [];
  for (const [who, waitMs] of Object.entries(waits)) {
    void news.next(waitMs).then(() => gone.push(who));
  }
  return gone;
}

it('all who wait go on when it is told, and nothing of them is left to wait for', async () => {
  const news = new News();
  const gone = waiting(news, { one: 1000, other: 2000 });
  await vi.advanceTimersByTimeAsync(999);
  expect(gone).toEqual([]);
  news.tell();
  await vi.advanceTimersByTimeAsync(0);
  expect(gone).toEqual(['one', 'other']);
  expect([vi.getTimerCount(), news.waiting]).toEqual([0, 0]);
});

it('who asks after it was told waits for the next time, and at most as long as it wants', async () => {
  const news = new News();
  news.tell();
  const gone = waiting(news, { patient: 2000, hasty: 1000 });
  await vi.advanceTimersByTimeAsync(1000);
  expect(gone).toEqual(['hasty']);
  expect(news.waiting).toBe(1);
  news.tell();
  await vi.advanceTimersByTimeAsync(0);
  expect(gone).toEqual(['hasty', 'patient']);
});
