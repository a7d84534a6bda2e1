import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutstandingRequests } from './outstanding-requests.ts';

test('a request is due at once, then after waits that double up to the longest', () => {
  const requests = new OutstandingRequests<string>('s', { firstMs: 100, maxMs: 300 });
  requests.open('a', 0);
  const sentAt: number[] = [];
  for (let nowMs = 0; nowMs <= 1000; nowMs += 50) {
    if (requests.takeDue(nowMs).length > 0) sentAt.push(nowMs);
  }
  expect(sentAt).toEqual([0, 100, 300, 600, 900]);
});

test('every try carries the same id and the lowest counter that is unanswered', () => {
  const requests = new OutstandingRequests<string>('s');
  const [first, second] = [requests.open('a', 0), requests.open('b', 0)];
  requests.takeDue(0);
  expect(requests.answered(first)).toBe('a');
  expect(requests.takeDue(10_000)).toEqual([
    { counter: second, request: { session: 's', counter: second, lowest: second }, payload: 'b' },
  ]);
});

test('a second answer to the same request finds nothing', () => {
  const requests = new OutstandingRequests<string>('s');
  const counter = requests.open('a', 0);
  expect([requests.answered(counter), requests.answered(counter)]).toEqual(['a', undefined]);
  expect([requests.size, requests.nextDueMs()]).toEqual([0, undefined]);
});

test('a request that is postponed is not due before, whatever else makes requests due', () => {
  const requests = new OutstandingRequests<string>('s', { firstMs: 100, maxMs: 300 });
  const counter = requests.open('a', 0);
  requests.takeDue(0);
  requests.postpone(counter, 5000);
  requests.retryAll(1000);
  expect([requests.takeDue(4999).length, requests.nextDueMs()]).toEqual([0, 5000]);
  expect(requests.takeDue(5000)).toHaveLength(1);
});

test('a new connection makes everything due at once', () => {
  const requests = new OutstandingRequests<string>('s');
  requests.open('a', 0);
  requests.takeDue(0);
  expect(requests.takeDue(1)).toEqual([]);
  requests.retryAll(1);
  expect([requests.nextDueMs(), requests.takeDue(1).length]).toEqual([1, 1]);
});

test('no request is dropped and no lowest counter passes one that is unanswered', () => {
  void fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), (answers) => {
      const requests = new OutstandingRequests<number>('s');
      const open = new Set<number>();
      for (const [nowMs, answer] of answers.entries()) {
        open.add(requests.open(nowMs, nowMs));
        if (requests.answered(answer) !== undefined) open.delete(answer);
        requests.retryAll(nowMs);
        const due = requests.takeDue(nowMs);
        expect(new Set(due.map(({ counter }) => counter))).toEqual(open);
        for (const { request } of due) expect(request.lowest).toBe(Math.min(...open));
      }
    }),
  );
});
