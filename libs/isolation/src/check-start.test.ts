// Tests which programs are told as not startable, and that what can be started is not.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./check-start.sh', import.meta.url));
let root = '';

beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-start-'));
  chmodSync(root, 0o755);
  for (const name of ['first', 'second', 'hidden']) mkdirSync(path.join(root, name));
  const write = (name: string, mode: number, text = '#!/bin/sh\n'): void => {
    writeFileSync(path.join(root, name), text);
    chmodSync(path.join(root, name), mode);
  };
  write('first/plain', 0o644);
  write('second/plain', 0o755);
  write('first/text', 0o644);
  write('first/a b', 0o755);
  write('first/lost', 0o755, '#! /no/such/shell -e\n');
  write('first/from windows', 0o755, '#!/bin/sh\r\n');
  write('first/binary', 0o755, '\u007fELF\n');
});
afterAll(() => rmSync(root, { recursive: true }));

function ask(script: string, ...args: string[]): string {
  const words = ['-c', `. "$0"; ${script}; echo "$fault"`, SCRIPT, ...args];
  return execFileSync('/bin/sh', words, { cwd: root, encoding: 'utf8' }).trim();
}

it.each([
  ['sh', '/usr/bin:/bin', ''],
  ['/bin/sh', '', ''],
  ['./first/a b', '', ''],
  ['a b', 'first', ''],
  // What may not be executed is passed over, and is the reason only where nothing else is found.
  ['plain', 'first:second', ''],
  ['text', 'first:second', 'commandNotPermitted'],
  ['./first/text', '', 'commandNotPermitted'],
  ['./first', '', 'commandNotPermitted'],
  ['none', 'first:second', 'commandNotFound'],
  ['./none', '', 'commandNotFound'],
  ['no/such/place', '', 'commandNotFound'],
  ['/no/such/place', '', 'commandNotFound'],
  ['/none', '', 'commandNotFound'],
  ['first/plain/none', '', 'commandNotFound'],
  ['first', '', 'commandNotFound'],
  ['*', 'first', 'commandNotFound'],
])('%s, looked for in "%s": "%s"', (program, search, fault) => {
  expect(ask('check_start "$1" "$2"', program, search)).toBe(fault);
});

it.for(['./program', 'hidden/program', 'hidden/deeper/program'])(
  'only root: whether %s is there a user may not know, who then may not execute it',
  (program, { skip }) => {
    skip(process.getuid?.() !== 0, 'only root can ask as somebody else');
    chmodSync(path.join(root, 'hidden'), 0o700);
    const text = `${readFileSync(SCRIPT, 'utf8')}\ncheck_start "$1" ""; echo "$fault"`;
    const as = ['--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    const words = [...as, '/bin/sh', '-c', text, 'sh', program];
    const cwd = program.startsWith('.') ? path.join(root, 'hidden') : root;
    expect(execFileSync('setpriv', words, { cwd, encoding: 'utf8' })).toBe('commandNotPermitted\n');
  },
);

it.each([
  ['first/lost', 'commandNotFound'],
  ['first/from windows', 'commandNotFound'],
  ['first/plain', ''],
  ['first/binary', ''],
])('the interpreter of %s: "%s"', (file, fault) => {
  expect(ask('check_interpreter "$1"', file)).toBe(fault);
});
