// Tests how the users follow their file.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogger } from '@parley/telemetry/logger';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UsersSource } from './users-source.ts';

let directory: string;
let file: string;
let lines: string[];
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'users-'));
  file = path.join(directory, 'users.json');
  lines = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const logger = () =>
  createLogger({
    ...{ service: 'gateway', actorId: 'x' },
    destination: { write: (line) => void lines.push(line) },
  });
const write = (...names: string[]): void => {
  const users = names.map((name) => ({ name, permissions: ['view'] }));
  writeFileSync(file, JSON.stringify({ users }), { mode: 0o600 });
};
function open(): UsersSource {
  const source = UsersSource.open(file, logger());
  if (!source.ok) throw new Error(source.failure.message);
  return source.value;
}

test('a change is taken without a restart, at the next look a second later', () => {
  write('olga');
  const source = open();
  source.look(5000);
  write('olga', 'otto');
  source.look(5500);
  expect(source.named('otto')).toBeUndefined();
  source.look(6000);
  expect(source.named('otto')).toBeDefined();
});

test('a file that is bad, or gone, changes nothing, and the log says why once', () => {
  write('olga');
  const source = open();
  writeFileSync(file, '{');
  for (const nowMs of [5000, 6000, 7000]) source.look(nowMs);
  expect(source.named('olga')).toBeDefined();
  expect(lines.filter((line) => line.includes('not JSON'))).toHaveLength(1);
  rmSync(file);
  for (const nowMs of [8000, 9000]) source.look(nowMs);
  expect(lines.filter((line) => line.includes('ENOENT'))).toHaveLength(1);
  write('otto');
  source.look(10_000);
  expect([source.named('olga'), source.named('otto')?.name]).toEqual([undefined, 'otto']);
});

test('a file that others of the host may read is a warning', () => {
  write('olga');
  open();
  expect(lines.join('')).not.toContain('chmod');
  chmodSync(file, 0o644);
  open();
  expect(lines.join('')).toContain('chmod o= the file');
});

test('without a readable file nothing is opened', () => {
  expect(UsersSource.open(file, logger())).toMatchObject({ failure: { code: 'unavailable' } });
});
