// What is refused before anything is started, what a scope is asked for, and that a task's environment reaches
// it as it was given, through a real shell.

import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  environmentFragment,
  type LaunchRequest,
  launchFragment,
  requestFault,
} from './launcher.ts';

function aRequest(changes: Partial<LaunchRequest> = {}): LaunchRequest {
  return {
    unit: 'unit-1',
    runDirectory: '/agent/runs/unit-1',
    sandboxDirectory: '/agent/sandboxes/a',
    command: ['sleep', '1'],
    environment: {},
    limits: { cpuMillis: 100, memoryMib: 32 },
    stdoutPath: '/agent/sandboxes/a/stdout',
    stderrPath: '/agent/sandboxes/a/stderr',
    ...changes,
  };
}

describe('a launch request', () => {
  it('in good order has no fault', () => {
    expect(requestFault(aRequest())).toBeUndefined();
  });

  it.each([
    ['a unit with a slash', { unit: 'a/b' }, /unit name/],
    ['a relative path', { sandboxDirectory: 'sandbox' }, /absolute/],
    ['another run directory', { runDirectory: '/agent/runs/unit-2' }, /named after the unit/],
    ['a line break', { unit: 'unit-1', runDirectory: '/agent\n/runs/unit-1' }, /line break/],
    ['no command', { command: [] }, /empty/],
    ['an option as the program', { command: ['--help'] }, /no program/],
    ['an assignment as the program', { command: ['A=b'] }, /no program/],
    ['a null character', { command: ['sh', 'a\0b'] }, /null character/],
    ['no CPU', { limits: { cpuMillis: 0, memoryMib: 32 } }, /cpuMillis/],
    ['part of a MiB', { limits: { cpuMillis: 100, memoryMib: 0.5 } }, /memoryMib/],
    ['a bad environment name', { environment: { 'a b': 'c' } }, /environment name/],
    ['a word that no program can be given', { command: ['sh', 'x'.repeat(131_001)] }, /word 1/],
    [
      'a value that no program can be given',
      { environment: { A: 'ä'.repeat(65_500) } },
      /^variable A/,
    ],
    ['a null character in a value', { environment: { A: 'b\0c' } }, /null character/],
  ] as const)('with %s is refused', (_title, changes, reason) => {
    expect(requestFault(aRequest(changes))).toMatch(reason);
  });
});

it('any environment value reaches the task unchanged, and nothing else does', () => {
  const names = fc.stringMatching(/^[A-Z_]{1,8}$/).filter((name) => name !== '_');
  const values = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
  const printed = fc.dictionary(names, values, { maxKeys: 4, noNullPrototype: true });
  const property = fc.property(printed, (environment) => {
    const fragment = environmentFragment(aRequest({ environment }));
    const script = `${fragment}exec "$@"`;
    const raw = execFileSync('/bin/sh', ['-c', script, 'sh', 'env', '-0'], {
      env: { PATH: '/usr/bin:/bin', AGENT_SECRET: 'do not leak' },
      encoding: 'utf8',
    });
    const seen = Object.fromEntries(
      raw
        .split('\0')
        .slice(0, -1)
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const basic = { HOME: '/agent/sandboxes/a', LANG: 'C.UTF-8' };
    expect({ ...seen, PATH: undefined }).toEqual({
      ...basic,
      ...roundTripped(environment),
      PATH: undefined,
    });
  });
  fc.assert(property, { numRuns: 40 });
});

it('any command reaches a task of the spawner unchanged, in a session of its own', () => {
  const words = fc.string({ unit: 'binary' }).filter((word) => !word.includes('\0'));
  const property = fc.property(fc.array(words, { maxLength: 4 }), (more) => {
    const command = ['sh', '-c', 'printf "%s\\0" "$@"; ps -o sid= -p $$; echo $$', 'sh', ...more];
    const script = `${launchFragment(aRequest({ command }))}exec "$@"`;
    const raw = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
    const parts = raw.split('\0');
    const [session, pid] = (parts.pop() ?? '').trim().split(/\s+/);
    const expected = more.length === 0 ? [''] : more.map((word) => word.toWellFormed());
    expect(parts).toEqual(expected);
    expect(session).toBe(pid);
  });
  fc.assert(property, { numRuns: 20 });
});

// Lone surrogates cannot be written in UTF-8: they become U+FFFD on the way out of this process already.
function roundTripped(environment: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, Buffer.from(value).toString('utf8')]),
  );
}
