import { expect, it } from 'vitest';
import { readConfig } from './config.ts';

it('the command behind -- is taken as it is, options of its own included', () => {
  const config = readConfig([
    '--creds',
    'f',
    '--instances',
    '3',
    '--',
    'sh',
    '-c',
    'echo "$1"',
    '--json',
  ]);
  expect(config).toMatchObject({
    ok: true,
    value: { instances: 3, argv: ['sh', '-c', 'echo "$1"', '--json'], isJson: false },
  });
});

it('cpus and memory are read in the units that people write', () => {
  const config = readConfig(['--creds', 'f', '--cpus', '0.1', '--mem', '32MiB', '--', 'true']);
  expect(config.ok && config.value.resources.scalars).toEqual({ cpus: 100, mem: 32_000 });
});

it('runs are on resources of their own, where it is not said that they may be on revocable ones', () => {
  const revocable = (...words: string[]) => {
    const config = readConfig(['--creds', 'f', ...words, '--', 'true']);
    return config.ok ? config.value.revocable : config.failure.message;
  };
  expect(revocable()).toBeUndefined();
  expect(revocable('--revocable', 'also')).toBe('also');
  expect(revocable('--revocable', 'only')).toBe('only');
});

it.each([
  [['--creds', 'f'], 'command'],
  [['--creds', 'f', '--'], 'command'],
  [['--', 'true'], '--creds'],
  [['--creds', 'f', '--instances', '0', '--', 'true'], '--instances'],
  [['--creds', 'f', '--instances', 'many', '--', 'true'], '--instances'],
  [['--creds', 'f', '--mem', 'lots', '--', 'true'], 'mem'],
  [['--creds', 'f', '--framework-id', 'a/b', '--', 'true'], '--framework-id'],
  [['--creds', 'f', '--revocable', 'yes', '--', 'true'], '--revocable'],
  [['--creds', 'f', '--bogus', '--', 'true'], '--bogus'],
])('wrong arguments %j are refused with the argument named', (words, named) => {
  const config = readConfig(words);
  expect(config.ok ? '' : config.failure.message).toContain(named);
});
