// What the command line takes.
import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

test('seed, minutes and agents are read', () => {
  const words = ['--seed', '7', '--minutes', '0.5', '--agents', '4'];
  const value = { kind: 'run', seed: 7, faultsMs: 30_000, agents: 4, keep: false };
  expect(readConfig(words)).toEqual({ ok: true, value });
});

test('a seed is drawn where none is given', () => {
  const config = readConfig([]);
  if (!config.ok || config.value.kind !== 'run') throw new Error('it is a run');
  expect(config.value.seed).toBeGreaterThanOrEqual(0);
  expect(config.value.agents).toBe(3);
});

test.each([
  [['--seed', 'x'], '--seed x: must be a whole number from 0'],
  [['--seed', '4294967296'], '--seed 4294967296: must be'],
  [['--minutes', '0'], '--minutes 0: must be a number above 0'],
  [['--minutes', 'soon'], '--minutes soon: must be a number'],
  [['--agents', '0'], '--agents 0: must be a whole number from 1 to 16'],
  [['--speed', '1'], "Unknown option '--speed'"],
  [['word'], 'Unexpected argument'],
])('a wrong argument is named, and how to learn what there is: %j', (words, said) => {
  const config = readConfig(words);
  expect(config).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  const message = config.ok ? '' : config.failure.message;
  expect(message).toContain(said);
  expect(message).toContain('npm run chaos -- --help');
});
