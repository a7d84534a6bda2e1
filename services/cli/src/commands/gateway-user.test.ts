// Tests the commands that say who may sign in to a gateway: as processes, as they are typed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseUsers } from '@parley/operator-sdk/gateway-users';
import { fitsPassword, hashToken } from '@parley/operator-sdk/secret-hash';
import { afterEach, beforeEach, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'users-'));
  file = path.join(directory, 'users.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

function parley(words: string, input = '') {
  const argv = [MAIN, 'gateway', 'user', ...words.split(' '), '--file', file];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { input, encoding: 'utf8' });
  return { status, stdout, stderr };
}
function users() {
  const parsed = parseUsers(file, readFileSync(file, 'utf8'));
  if (!parsed.ok) throw new Error(parsed.failure.message);
  return parsed.value;
}

test('a user is added with the password that is sent, which neither the file nor the output holds', async () => {
  const added = parley('add olga --permissions view,operate', 'correct horse\n');
  expect(added).toMatchObject({ status: 0, stdout: 'olga may sign in: view, operate\n' });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).not.toContain('horse');
  expect(await fitsPassword('correct horse', users()[0]?.password)).toBe(true);
});

test('a token is printed once, and the file holds its hash; a framework takes a principal', () => {
  expect(parley('add ci --token laptop --permissions framework').stderr).toContain('principal');
  const added = parley('add ci --token laptop --permissions framework --principal batch --json');
  const { token } = JSON.parse(added.stdout);
  expect(users()).toMatchObject([
    { name: 'ci', principal: 'batch', tokens: [{ name: 'laptop', sha256: hashToken(token) }] },
  ]);
  expect(parley('list').stdout).toMatch(/ci +framework +batch +no +laptop/);
  expect(parley('remove ci --token laptop').status).toBe(0);
  expect(users()[0]?.tokens).toEqual([]);
  expect(parley('remove ci').status).toBe(0);
  expect(users()).toEqual([]);
  expect(parley('remove ci').status).toBe(3);
});

test('rights are changed without another password, and a short password changes nothing', () => {
  parley('add olga', 'correct horse\n');
  const [before] = users();
  parley('add olga --permissions operate');
  expect(users()).toEqual([{ ...before, permissions: ['operate'] }]);
  expect(parley('add olga', 'short\n').status).toBe(2);
  expect(users()[0]?.password).toBe(before?.password);
});

test('a file that is bad is not written over', () => {
  writeFileSync(file, '{"users": [{}]}');
  const refused = parley('add olga --token a');
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain('user 1, name');
  expect(readFileSync(file, 'utf8')).toBe('{"users": [{}]}');
});
