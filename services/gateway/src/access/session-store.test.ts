// Tests of how sessions end.
import { expect, test } from 'vitest';
import { IDLE_MS, isSameSecret, LONGEST_MS, MAX_SESSIONS, SessionStore } from './session-store.ts';

function aStore() {
  let count = 0;
  return new SessionStore(() => `secret-${count++}`);
}
const OLGA = { user: 'olga', passwordHash: undefined };

test('a session is found by its token alone, and has a token of its own for changes', () => {
  const store = aStore();
  const token = store.begin(OLGA, 0);
  const session = store.find(token, 1);
  expect(session).toMatchObject({ user: 'olga' });
  expect(session?.csrfToken).not.toBe(token);
  expect(store.find('other', 1)).toBeUndefined();
});

test('a session that nobody uses ends, one that is used goes on', () => {
  const store = aStore();
  const token = store.begin(OLGA, 0);
  expect(store.find(token, IDLE_MS)).toBeDefined();
  expect(store.find(token, 2 * IDLE_MS)).toBeDefined();
  expect(store.find(token, 3 * IDLE_MS + 1)).toBeUndefined();
  expect(store.size).toBe(0);
});

test('every session ends after a day, however busy', () => {
  const store = aStore();
  const token = store.begin(OLGA, 0);
  for (let nowMs = 0; nowMs <= LONGEST_MS; nowMs += IDLE_MS / 2) {
    expect(store.find(token, nowMs)).toBeDefined();
  }
  expect(store.find(token, LONGEST_MS + 1)).toBeUndefined();
});

test('signing out ends it at once', () => {
  const store = aStore();
  const token = store.begin(OLGA, 0);
  store.end(token);
  expect(store.find(token, 0)).toBeUndefined();
});

test('of too many the one ends that was not used for longest', () => {
  const store = aStore();
  const first = store.begin(OLGA, 0);
  const second = store.begin(OLGA, 0);
  for (let count = 2; count < MAX_SESSIONS; count += 1) store.begin(OLGA, 1);
  store.find(first, 2);
  store.begin(OLGA, 3);
  expect(store.size).toBe(MAX_SESSIONS);
  expect(store.find(first, 3)).toBeDefined();
  expect(store.find(second, 3)).toBeUndefined();
});

test('secrets of another length are compared too', () => {
  expect([isSameSecret('a', 'a'), isSameSecret('ab', 'a'), isSameSecret(undefined, 'a')]).toEqual([
    true,
    false,
    false,
  ]);
});
