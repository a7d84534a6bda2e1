// The release archive is taken only when its bytes are the pinned ones. A local server stands for the download
// site; the archive is a real one, made here.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { standingOf } from './nats-version.mjs';
import { fetchRelease, PINNED_RELEASES } from './official-release.mjs';

const folder = mkdtempSync(join(tmpdir(), 'parley-release-'));
const name = 'nats-server-v9.9.9-linux-amd64';
const requested: string[] = [];
const server = createServer((request, response) => {
  requested.push(request.url ?? '');
  const known = request.url === `/v9.9.9/${name}.tar.gz`;
  response.writeHead(known ? 200 : 404).end(known ? readFileSync(join(folder, 'archive')) : '');
});
let releases = '';
let digest = '';

beforeAll(async () => {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'nats-server'), 'the server');
  execFileSync('tar', ['-czf', join(folder, 'archive'), '-C', folder, name]);
  digest = createHash('sha256')
    .update(readFileSync(join(folder, 'archive')))
    .digest('hex');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  releases = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function fetchIt(options: { sha256: string; version?: string; platform?: string; path?: string }) {
  const { sha256, version = '9.9.9', platform = 'linux-amd64', path = '' } = options;
  return fetchRelease({
    release: { version, megabytes: 1, sha256: { 'linux-amd64': sha256 } },
    platform,
    workDir: mkdtempSync(join(folder, 'work-')),
    // An empty PATH leaves out curl, so that both ways of downloading are tried.
    env: { PATH: path },
    log: () => undefined,
    releases,
  });
}

describe.each([
  ['curl', process.env['PATH'] ?? ''],
  ['fetch', ''],
])('fetching a release with %s', (_way, path) => {
  test('unpacks an archive whose digest is the pinned one', async () => {
    const unpacked = await fetchIt({ sha256: digest, path });
    expect(readFileSync(unpacked, 'utf8')).toBe('the server');
  });

  test('refuses other bytes and names both digests', async () => {
    const expected = digest.replace(/^./, (first) => (first === '0' ? '1' : '0'));
    await expect(fetchIt({ sha256: expected, path })).rejects.toMatchObject({
      what: `${name}.tar.gz is not the pinned file`,
      why: `its SHA-256 is ${digest}, expected ${expected}`,
    });
  });

  test('says what the server answered when there is no such release', async () => {
    await expect(fetchIt({ sha256: digest, version: '9.9.8', path })).rejects.toMatchObject({
      why: expect.stringContaining('404'),
      remedy: expect.stringContaining('PARLEY_NATS_SERVER'),
    });
  });
});

test('a platform without a pinned digest is refused before anything is fetched', async () => {
  const before = requested.length;
  await expect(fetchIt({ sha256: digest, platform: 'sunos-sparc' })).rejects.toMatchObject({
    what: 'no nats-server release is pinned for sunos-sparc',
  });
  expect(requested.length).toBe(before);
});

test('the pinned releases are of the lines that they stand for', () => {
  expect(standingOf(PINNED_RELEASES.reference.version)).toBe('production');
  expect(standingOf(PINNED_RELEASES.compatibility.version)).toBe('compatibility');
  for (const { sha256 } of Object.values(PINNED_RELEASES)) {
    for (const value of Object.values(sha256)) expect(value).toMatch(/^[0-9a-f]{64}$/);
  }
});
