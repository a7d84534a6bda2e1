// Tests the arguments of the allocator.
import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

test('all arguments together', () => {
  const words = '--nats nats://a:1,nats://b:2 --creds f.json --cluster c --id allocator-1';
  expect(readConfig([...words.split(' '), '--log-level', 'debug'])).toStrictEqual({
    ok: true,
    value: {
      credentialFile: 'f.json',
      servers: ['nats://a:1', 'nats://b:2'],
      cluster: 'c',
      id: 'allocator-1',
      logLevel: 'debug',
    },
  });
});

test('the credential file says what is left out', () => {
  expect(readConfig(['--creds', 'f.json'])).toStrictEqual({
    ok: true,
    value: { credentialFile: 'f.json', logLevel: 'info' },
  });
});

test.each([
  [[], '--creds FILE is missing'],
  [['--creds', 'f', '--id', 'a.b'], '--id a.b is no id'],
  [['--creds', 'f', '--cluster', 'a b'], "--cluster a b is no cluster's name"],
  [['--creds', 'f', '--log-level', 'loud'], '--log-level loud is no level'],
  [['--creds', 'f', '--what'], '--what'],
])('%j are refused', (words, message) => {
  const config = readConfig(words);
  expect(config).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  expect(config.ok ? '' : config.failure.message).toContain(message);
});
