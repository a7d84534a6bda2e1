// Tests of commands under a terminal that script(1) makes.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quote, resizeTerminal, underTerminal } from './pseudo-terminal.ts';

const run = promisify(execFile);
const WAITING = { timeout: 30_000 };

test('every word comes through the shell as it is', async () => {
  const anyWord = fc
    .string({ unit: 'binary', maxLength: 40 })
    .map((word) => word.replaceAll('\0', ''));
  const hostile = [
    "'",
    "'\\''",
    '$(id)',
    '`id`',
    'a\nb',
    '\\',
    '"',
    '!',
    '*',
    '',
    '-n',
    '; exit 3',
  ];
  const words = [...hostile, ...fc.sample(anyWord, 50)].map((word) => word.toWellFormed());
  const { stdout } = await run('/bin/sh', ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`]);
  expect(stdout.split('\0').slice(0, -1)).toEqual(words);
});

test('a command has a terminal of the size that is asked for, its input, and its exit code is passed on', async () => {
  const script = 'tty; stty size; read line; echo "read $line"; exit 7';
  const [first = '', ...rest] = underTerminal({ rows: 33, columns: 99 }, ['/bin/sh', '-c', script]);
  const child = spawn(first, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  await expect.poll(() => output, WAITING).toContain('33 99');
  child.stdin.write('hello\n');
  expect((await once(child, 'exit'))[0]).toBe(7);
  expect(output).toMatch(/^\/dev\/pts\/\d+\r\n33 99\r\n(hello\r\n)?read hello\r\n$/);
});

test('a terminal that changes its size tells who is in front of it', async () => {
  const script = 'trap "stty size; exit 0" WINCH; echo $$ up; while :; do sleep 0.05; done';
  const [first = '', ...rest] = underTerminal({ rows: 24, columns: 80 }, ['/bin/sh', '-c', script]);
  const child = spawn(first, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  await expect.poll(() => output, WAITING).toContain('up');
  await resizeTerminal(Number.parseInt(output, 10), { rows: 50, columns: 120 });
  await once(child, 'exit');
  expect(output).toContain('50 120');
});
