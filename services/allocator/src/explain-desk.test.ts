// Tests when questions of operators are answered, however many come.
import { systemTimers } from '@parley/actor/nats/system-clock';
import { succeed } from '@parley/protocol/errors';
import type { Explanation } from '@parley/protocol/explanations';
import { RoleName } from '@parley/protocol/ids';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ExplainDesk, LEAST_GAP_MS, MAX_WAITING, REST } from './explain-desk.ts';

const EXPLANATION: Explanation = { agents: 0, openAgents: 0, clients: [], clientsLeftOut: 0 };

let nowMs: number;
/** That an answer takes. */
let takesMs: number;
let isSilent: boolean;
let answered: string[];
let desk: ExplainDesk;

const clock = { nowMs: () => nowMs, wallTimeMs: () => nowMs };

beforeEach(() => {
  vi.useFakeTimers();
  nowMs = 0;
  takesMs = 0;
  isSilent = false;
  answered = [];
  desk = new ExplainDesk({
    clock,
    timers: systemTimers,
    answer: (request) => {
      answered.push(request.of === 'role' ? request.role : '');
      nowMs += takesMs;
      return isSilent ? undefined : succeed(EXPLANATION);
    },
  });
});

afterEach(() => {
  desk.close();
  vi.useRealTimers();
});

/** The value: what has been answered. */
function ask(role: string): unknown[] {
  const got: unknown[] = [];
  desk.ask({ of: 'role', role: RoleName.parse(role) }, (answer) => got.push(answer));
  return got;
}

function pass(durationMs: number): void {
  nowMs += durationMs;
  vi.advanceTimersByTime(durationMs);
}

test('one who asks is answered at once, the next after a while, in order', () => {
  expect(ask('a')).toStrictEqual([succeed(EXPLANATION)]);
  ask('b');
  ask('c');
  expect(answered).toStrictEqual(['a']);
  pass(LEAST_GAP_MS - 1);
  expect(answered).toStrictEqual(['a']);
  pass(1);
  expect(answered).toStrictEqual(['a', 'b']);
  pass(LEAST_GAP_MS);
  expect(answered).toStrictEqual(['a', 'b', 'c']);
});

test('what takes long is followed by a rest of nine times that', () => {
  takesMs = 50;
  ask('a');
  ask('b');
  pass(REST * takesMs - 1);
  expect(answered).toStrictEqual(['a']);
  pass(1);
  expect(answered).toStrictEqual(['a', 'b']);
});

test('equal questions that wait share an answer', () => {
  ask('a');
  const waiting = [ask('b'), ask('b'), ask('b')];
  expect(waiting).toStrictEqual([[], [], []]);
  pass(LEAST_GAP_MS);
  expect(answered).toStrictEqual(['a', 'b']);
  expect(waiting).toStrictEqual(Array(3).fill([succeed(EXPLANATION)]));
});

test('of very many the rest is told to ask again, until there is room', () => {
  ask('a');
  for (let count = 0; count < MAX_WAITING; count += 1) ask('b');
  expect(ask('b')).toMatchObject([{ ok: false, failure: { code: 'overloaded' } }]);
  pass(LEAST_GAP_MS);
  expect(ask('c')).toStrictEqual([]);
});

test('nobody is answered who waits when the term ends, and what another may answer is not', () => {
  ask('a');
  const waiting = ask('b');
  desk.close();
  pass(LEAST_GAP_MS);
  expect(waiting).toStrictEqual([]);
  isSilent = true;
  expect(ask('c')).toStrictEqual([]);
  expect(answered).toStrictEqual(['a', 'c']);
});
