// Where a nats-server is found, in which order, and what is said of one that cannot be used. The servers here are
// scripts that print a version: finding one runs nothing else of it. Fetching is tried by hand on a clean clone.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { locateNatsServer } from './nats-server.mjs';

let folder = '';
const log: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'parley-locate-'));
  log.length = 0;
  // Hides a server that this machine may have outside the tests.
  aServer('outdated', '2.9.10');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function aServer(name: string, version: string): string {
  const parent = join(folder, name);
  mkdirSync(parent, { recursive: true });
  const path = join(parent, 'nats-server');
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(path, 0o755);
  return path;
}

function locate(env: Record<string, string>, tier: 'reference' | 'compatibility' = 'reference') {
  return locateNatsServer({
    tier,
    env: { PATH: join(folder, 'outdated'), ...env },
    cacheDir: join(folder, 'cache'),
    log: (line) => void log.push(line),
  });
}

describe('a server named by PARLEY_NATS_SERVER', () => {
  test('is taken before one in PATH and one in the cache', async () => {
    const named = aServer('named', '2.12.0');
    aServer('path', '2.15.1');
    aServer('cache/nats-server-2.15.1', '2.15.1');
    const found = await locate({ PARLEY_NATS_SERVER: named, PATH: join(folder, 'path') });
    expect(found).toMatchObject({ path: named, version: '2.12.0' });
    expect(found.warning).toBeUndefined();
  });

  test('of the compatibility line is taken with a warning', async () => {
    const found = await locate({ PARLEY_NATS_SERVER: aServer('named', '2.10.27') });
    expect(found.version).toBe('2.10.27');
    expect(found.warning).toContain('2.11.0 or newer is recommended');
  });

  test('that is too old is refused, although another one could be found', async () => {
    aServer('path', '2.15.1');
    const named = aServer('named', '2.9.10');
    await expect(
      locate({ PARLEY_NATS_SERVER: named, PATH: join(folder, 'path') }),
    ).rejects.toMatchObject({
      what: expect.stringContaining(named),
      why: expect.stringContaining('it is 2.9.10'),
      remedy: expect.stringContaining('2.11.0'),
    });
  });

  test('that does not exist is refused with the reason', async () => {
    await expect(locate({ PARLEY_NATS_SERVER: join(folder, 'nothing') })).rejects.toMatchObject({
      why: 'it is not an executable file',
    });
  });

  test('that is some other program is refused with what the program says', async () => {
    const other = aServer('named', 'unknown');
    await expect(locate({ PARLEY_NATS_SERVER: other })).rejects.toMatchObject({
      why: expect.stringContaining('gives no version'),
    });
  });
});

describe('without a named server', () => {
  test('one in PATH is taken before the cache', async () => {
    const inPath = aServer('path', '2.11.0');
    aServer('cache/nats-server-2.15.1', '2.15.1');
    const found = await locate({ PATH: join(folder, 'path') });
    expect(found).toMatchObject({ path: inPath, version: '2.11.0', origin: 'PATH' });
  });

  test('one in PATH that is too old is passed over for the cache', async () => {
    aServer('path', '2.9.10');
    const cached = aServer('cache/nats-server-2.15.1', '2.15.1');
    const found = await locate({ PATH: join(folder, 'path') });
    expect(found).toMatchObject({ path: cached, version: '2.15.1' });
  });

  test('the newest cached server is taken, by number and not by spelling', async () => {
    aServer('cache/nats-server-2.9.10', '2.9.10');
    aServer('cache/nats-server-2.11.9', '2.11.9');
    const newest = aServer('cache/nats-server-2.11.10', '2.11.10');
    expect(await locate({})).toMatchObject({ path: newest, version: '2.11.10' });
    expect(log).toEqual([]);
  });

  test('a cached server of the old line serves the compatibility tier', async () => {
    aServer('cache/nats-server-2.15.1', '2.15.1');
    const old = aServer('cache/nats-server-2.10.27', '2.10.27');
    const found = await locate({}, 'compatibility');
    expect(found).toMatchObject({ path: old, version: '2.10.27' });
    expect(found.warning).toBeUndefined();
  });

  test('a cached server of the old line that was taken as a stand-in is used with a warning', async () => {
    const old = aServer('cache/nats-server-2.10.27', '2.10.27');
    writeFileSync(join(folder, 'cache/nats-server-2.10.27/taken-as-reference'), '');
    const found = await locate({});
    expect(found.path).toBe(old);
    expect(found.warning).toContain('remove .parley/tools');
  });
});
