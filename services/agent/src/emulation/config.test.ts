import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HolderKind } from '@parley/protocol/credential';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isEmulation, readEmulationConfig } from './config.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'parley-emulation-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function credentialOf(kind: HolderKind): string {
  const file = path.join(directory, `${kind}.json`);
  const seeds = { control: `SU${'A'.repeat(56)}` };
  const actor = { kind, id: 'bench' };
  writeFileSync(file, JSON.stringify({ version: 1, cluster: 'c', servers: ['x'], actor, seeds }));
  return file;
}

const read = (...words: string[]) =>
  readEmulationConfig(['--creds', credentialOf('emulator'), ...words]);

const refusal = (...words: string[]): string => {
  const config = read(...words);
  return config.ok ? 'none' : config.failure.message;
};

it('there is one connection for each 500 agents, or as many as are asked for', () => {
  const connections = (...words: string[]): number | string => {
    const config = read(...words);
    return config.ok ? config.value.connections : config.failure.message;
  };
  expect(connections('--emulate', '1')).toBe(1);
  expect(connections('--emulate', '500')).toBe(1);
  expect(connections('--emulate', '501')).toBe(2);
  expect(connections('--emulate=1000', '--connections', '1000')).toBe(1000);
});

it('what cannot be emulated is refused with what to say instead', () => {
  expect(refusal('--emulate', 'many')).toBe('--emulate takes a whole number from 1 to 100000');
  expect(refusal('--emulate', '10', '--connections', '11')).toContain('from 1 to 10');
  expect(refusal('--emulate', '10001', '--connections', '2')).toContain('so 3 or more for 10001');
  expect(refusal('--emulate', '5', '--id-prefix', 'a.b')).toContain('--id-prefix a.b');
  expect(refusal('--emulate', '5', '--cpus', 'x')).toContain('--cpus');
  expect(refusal('--emulate', '5', '--work-dir', 'x')).toContain('--work-dir');
});

it('an emulation has to show a credential of its own kind', () => {
  const without = readEmulationConfig(['--emulate', '5']);
  expect(without.ok ? '' : without.failure.message).toContain('credential create emulator NAME');
  const another = readEmulationConfig(['--emulate', '5', '--creds', credentialOf('agent')]);
  expect(another.ok ? '' : another.failure).toMatchObject({
    code: 'notPermitted',
    message: expect.stringContaining('is the credential of a agent, not of a emulator'),
  });
});

it('an emulation is asked for by its option, with the number beside it or in it', () => {
  expect(isEmulation(['--emulate', '5'])).toBe(true);
  expect(isEmulation(['--emulate=5'])).toBe(true);
  expect(isEmulation(['--work-dir', 'emulate'])).toBe(false);
});
