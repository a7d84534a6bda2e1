import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readServiceArguments } from './service-arguments.ts';

const directory = mkdtempSync(join(tmpdir(), 'parley-arguments-'));
afterAll(() => rmSync(directory, { recursive: true }));
const seed = `SU${'A'.repeat(56)}`;
const file = join(directory, 'master.json');
const credential = {
  version: 1,
  cluster: 'c1',
  servers: ['nats://127.0.0.1:4222'],
  actor: { kind: 'master', id: 'master-1' },
  seeds: { control: seed },
};
writeFileSync(file, JSON.stringify(credential));

it('a credential file alone says where the bus is and who the service is', () => {
  const service = readServiceArguments('master', ['--creds', file]);
  expect(service).toMatchObject({
    ok: true,
    value: { identity: { cluster: 'c1', actor: { id: 'master-1' } }, logLevel: 'info' },
  });
});

it('arguments win over the credential file', () => {
  const words = [
    '--creds',
    file,
    '--nats',
    'nats://a,nats://b',
    '--cluster',
    'c2',
    '--id',
    'm2',
    '--log-level',
    'debug',
  ];
  expect(readServiceArguments('master', words)).toMatchObject({
    ok: true,
    value: {
      identity: { cluster: 'c2', servers: ['nats://a', 'nats://b'], actor: { id: 'm2' } },
      logLevel: 'debug',
    },
  });
});

it('options of the service itself are handed on', () => {
  const service = readServiceArguments('master', ['--creds', file, '--pace', '3'], {
    pace: { type: 'string' },
  });
  expect(service.ok && service.value.own['pace']).toBe('3');
});

it.each([
  [[], '--creds'],
  [['--creds', file, '--cluster', 'a.b'], '--cluster'],
  [['--creds', file, '--id', '*'], '--id'],
  [['--creds', file, '--log-level', 'loud'], '--log-level'],
  [['--creds', file, '--unknown'], '--unknown'],
])('wrong arguments %j are refused with the argument named', (words, named) => {
  const service = readServiceArguments('master', words);
  expect(service.ok ? '' : service.failure.message).toContain(named);
});

it("another kind's credential is refused", () => {
  expect(readServiceArguments('allocator', ['--creds', file])).toMatchObject({
    ok: false,
    failure: { code: 'notPermitted' },
  });
});
