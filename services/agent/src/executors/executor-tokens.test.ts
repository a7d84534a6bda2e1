import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ExecutorRef } from '@parley/protocol/ids';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ExecutorTokens, SECRET_BYTES } from './executor-tokens.ts';

let directory: string;
const open = () => ExecutorTokens.open(directory, randomBytes(SECRET_BYTES));
const executor = ExecutorRef.parse({ principal: 'team', frameworkId: 'fw', executorId: 'e1' });
const place = { executor, incarnation: 1 };

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'parley-tokens-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a token outlives the process of the agent, by a secret that its user alone can read', () => {
  const token = open().tokenOf(place);
  expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(open().tokenOf(place)).toBe(token);
  expect(statSync(path.join(directory, 'executor-secret')).mode & 0o777).toBe(0o600);
});

test('every executor has another token, also one that has the id of an earlier one', () => {
  const tokens = open();
  const other = ExecutorRef.parse({ ...executor, executorId: 'e2' });
  const all = [place, { executor, incarnation: 2 }, { executor: other, incarnation: 1 }];
  expect(new Set(all.map((each) => tokens.tokenOf(each))).size).toBe(3);
});

test('a damaged secret is replaced: the executors of before have to show themselves otherwise', () => {
  writeFileSync(path.join(directory, 'executor-secret'), 'short');
  const tokens = open();
  expect(tokens.faultOf(place, 1, { token: tokens.tokenOf(place) })).toBeUndefined();
  expect(new ExecutorTokens(new Uint8Array(32)).tokenOf(place)).not.toBe(tokens.tokenOf(place));
});
