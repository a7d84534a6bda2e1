// Tests with what rights the programs run that handle what comes from elsewhere.
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runConfined } from './confined-command.ts';

const LIMITS = { maxFileBytes: 4096, timeoutMs: 20_000 };
let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-confined-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function said(script: string): Promise<string> {
  const file = path.join(root, 'said');
  const stdout = openSync(file, 'w');
  const end = await runConfined({ argv: ['sh', '-c', script], stdout, ...LIMITS });
  expect(end).toMatchObject({ code: 0, isTooLarge: false, isTimedOut: false });
  return readFileSync(file, 'utf8');
}

test('they cannot get more rights, and see nothing of the environment of the agent', async () => {
  const status = await said('cat /proc/self/status; env');
  expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
  expect(
    status
      .split('\n')
      .filter((line) => /^[A-Za-z_]+=/.test(line))
      .toSorted(),
  ).toEqual(['LANG=C.UTF-8', expect.stringMatching(/^PATH=/), 'PWD=/']);
});

test.runIf(process.geteuid?.() === 0)('as nobody, where the agent is root', async () => {
  const status = await said('cat /proc/self/status');
  expect(status).toMatch(/^Uid:\s+65534\s+65534\s+65534\s+65534$/m);
  expect(status).toMatch(/^Groups:\s*$/m);
  for (const set of ['CapEff', 'CapPrm', 'CapBnd'])
    expect(status).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'));
});

test('they write no file that is larger than they may, and end when their time is over', async () => {
  const stdout = openSync(path.join(root, 'large'), 'w');
  const large = await runConfined({ argv: ['head', '-c', '9999', '/dev/zero'], stdout, ...LIMITS });
  expect(large).toMatchObject({ isTooLarge: true });
  const argv = ['sleep', '100'];
  const slow = await runConfined({ argv, maxFileBytes: 4096, timeoutMs: 300 });
  expect(slow).toMatchObject({ code: undefined, isTimedOut: true });
});
