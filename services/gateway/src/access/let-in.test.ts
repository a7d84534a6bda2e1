// Tests that what was let in ends when whoever asked for it would not be let in any more.
import type { FastifyRequest } from 'fastify';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LetIn } from './let-in.ts';
import type { Visitor } from './visitor.ts';

// What is asked of a request is the access's.
const request = {} as FastifyRequest;
const aVisitor = (...permissions: ('view' | 'operate')[]): Visitor => ({
  ...{ name: 'olga', principal: undefined },
  permissions: new Set(permissions),
});
let visitor: Visitor | undefined;
let letIn: LetIn;

beforeEach(() => {
  vi.useFakeTimers();
  visitor = aVisitor('view');
  letIn = new LetIn({ stillBehind: () => () => visitor }, 'view');
});
afterEach(() => vi.useRealTimers());

test.each([
  ['nobody is behind it', undefined],
  ['the permission was taken', aVisitor('operate')],
])('a feed is ended once, within a second, when %s', (_, later) => {
  const end = vi.fn();
  letIn.add(request, end);
  vi.advanceTimersByTime(10_000);
  expect(end).not.toHaveBeenCalled();
  visitor = later;
  vi.advanceTimersByTime(1000);
  expect(end.mock.calls).toEqual([
    ['signed out, or the permission view was taken: sign in and ask again'],
  ]);
  vi.advanceTimersByTime(10_000);
  expect(end).toHaveBeenCalledTimes(1);
});

test('a feed that has ended is not ended again, and without feeds nothing is looked at', () => {
  const end = vi.fn();
  const forget = letIn.add(request, end);
  expect(vi.getTimerCount()).toBe(1);
  forget();
  expect(vi.getTimerCount()).toBe(0);
  visitor = undefined;
  letIn.look();
  expect(end).not.toHaveBeenCalled();
  letIn.add(request, end);
  vi.advanceTimersByTime(1000);
  expect([end.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
});
