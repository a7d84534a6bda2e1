// When the installed packages count as those of the lockfile, so that a second start installs nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { firstDifference, firstStaleManifest } from './dependencies.mjs';

const locked = {
  '': { dependencies: { zod: '4.6.7' } },
  'libs/protocol': { version: '0.1.0' },
  'node_modules/zod': { version: '4.6.7', integrity: 'sha512-a' },
  'node_modules/vitest/node_modules/tinyspy': { version: '1.0.0', integrity: 'sha512-b' },
  'node_modules/@turbo/darwin-64': { version: '2.0.0', integrity: 'sha512-c', optional: true },
  'node_modules/@parley/protocol': { link: true },
};

const installed = {
  'libs/protocol': { version: '0.1.0' },
  'node_modules/zod': { version: '4.6.7', integrity: 'sha512-a' },
  'node_modules/vitest/node_modules/tinyspy': { version: '1.0.0', integrity: 'sha512-b' },
  'node_modules/@parley/protocol': { link: true },
};

describe('the installation and the lockfile', () => {
  test('agree when only binaries for other platforms are absent', () => {
    expect(firstDifference(locked, installed)).toBeUndefined();
  });

  test('differ when a package is absent, also a nested one', () => {
    const { 'node_modules/zod': _zod, ...withoutZod } = installed;
    expect(firstDifference(locked, withoutZod)).toBe('node_modules/zod');
    const { 'node_modules/vitest/node_modules/tinyspy': _tinyspy, ...withoutNested } = installed;
    expect(firstDifference(locked, withoutNested)).toBe('node_modules/vitest/node_modules/tinyspy');
  });

  test('differ when a package has another version or other contents', () => {
    const other = { version: '4.6.8', integrity: 'sha512-a' };
    expect(firstDifference(locked, { ...installed, 'node_modules/zod': other })).toBe(
      'node_modules/zod',
    );
    const forged = { version: '4.6.7', integrity: 'sha512-z' };
    expect(firstDifference(locked, { ...installed, 'node_modules/zod': forged })).toBe(
      'node_modules/zod',
    );
  });

  test('differ when a workspace is installed as a copy instead of a link', () => {
    const copied = { ...installed, 'node_modules/@parley/protocol': { version: '0.1.0' } };
    expect(firstDifference(locked, copied)).toBe('node_modules/@parley/protocol');
  });
});

test('a package.json that asks for something the lockfile does not know is found', () => {
  const root = mkdtempSync(join(tmpdir(), 'parley-manifests-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'libs/protocol'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"dependencies":{"zod":"4.6.7"}}');
  writeFileSync(join(root, 'libs/protocol/package.json'), '{"name":"@parley/protocol"}');
  expect(firstStaleManifest(root, locked)).toBeUndefined();
  writeFileSync(join(root, 'libs/protocol/package.json'), '{"dependencies":{"pino":"10.4.0"}}');
  expect(firstStaleManifest(root, locked)).toBe('libs/protocol');
});
