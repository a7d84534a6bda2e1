// Tests what one task's fetches may take from others and from the disk, from a real server on loopback with the real curl: they
// end with the task, hold no turn of another principal, and bring no more than the task may hold.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { PrincipalName } from '@parley/protocol/ids';
import { Uri } from '@parley/protocol/uris';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { DiskBudget } from '../disk-budget.ts';
import { ObjectCache } from '../object-cache.ts';
import { Fetcher, type FetchRequest } from './fetcher.ts';

const MIB = 1024 * 1024;
const [alice, bob] = [PrincipalName.parse('alice'), PrincipalName.parse('bob')];

/** Asked for `/hangs`, and not answered. */
const hanging = new Set<ServerResponse>();
let archive = Buffer.alloc(0);
const server = createServer((request, response) => {
  if (request.url?.startsWith('/hangs') === true) {
    hanging.add(response);
    response.on('close', () => hanging.delete(response));
  } else if (request.url === '/archive.tar.gz') response.end(archive);
  else if (request.url === '/endless') pipeline(Readable.from(zeros()), response, () => undefined);
  else response.end(Buffer.alloc(MIB));
});
function* zeros(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(MIB / 16);
}
let base: string;
let root: string;
let sandbox: string;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-fetch-'));
  sandbox = path.join(root, 'sandbox');
  mkdirSync(sandbox);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function aFetcher(maxBytes = 100 * MIB): Fetcher {
  return new Fetcher({
    workDirectory: root,
    policy: { addresses: 'any', directories: [], timeoutMs: 60_000, maxBytes },
    cache: new ObjectCache({ directory: path.join(root, 'objects'), maxBytes: 10 * MIB }),
  });
}

function aRequest(
  uris: readonly Parameters<typeof Uri.parse>[0][],
  changes: Partial<FetchRequest> = {},
): FetchRequest {
  return {
    principal: alice,
    sandboxDirectory: sandbox,
    uris: uris.map((uri) => Uri.parse(uri)),
    signal: new AbortController().signal,
    budget: new DiskBudget(undefined),
    ...changes,
  };
}

test('the fetches of a task end with it, and none is begun any more', async () => {
  const stopping = new AbortController();
  const uris = [{ value: `${base}/hangs` }, { value: `${base}/next` }];
  const fetched = aFetcher().fetch(aRequest(uris, { signal: stopping.signal }));
  await vi.waitFor(() => expect(hanging.size).toBe(1));
  stopping.abort(new Error('the task is over'));
  expect(await fetched).toBeDefined();
  await vi.waitFor(() => expect(hanging.size).toBe(0));
  expect(existsSync(path.join(sandbox, 'next'))).toBe(false);
});

test('a download that several share goes on for those that still want it, and ends with the last', async () => {
  const fetcher = aFetcher();
  const [one, other] = [new AbortController(), new AbortController()];
  const begin = ({ signal }: AbortController) =>
    fetcher.fetch(aRequest([{ value: `${base}/hangs`, cache: true }], { signal }));
  const ends = [begin(one), begin(other)];
  await vi.waitFor(() => expect(hanging.size).toBe(1));
  one.abort(new Error('the task is over'));
  expect(await ends[0]).toBeDefined();
  expect(hanging.size).toBe(1);
  other.abort(new Error('the task is over'));
  expect(await ends[1]).toBeDefined();
  await vi.waitFor(() => expect(hanging.size).toBe(0));
});

test("servers that never answer one principal's tasks keep no other principal from fetching", async () => {
  const fetcher = aFetcher();
  const stopping = new AbortController();
  const { signal } = stopping;
  const waiting = Array.from({ length: 40 }, (_, index) =>
    fetcher.fetch(aRequest([{ value: `${base}/hangs/${index}` }], { signal })),
  );
  await vi.waitFor(() => expect(hanging.size).toBe(16), 20_000);
  const other = aRequest([{ value: `${base}/file` }], { principal: bob });
  expect(await fetcher.fetch(other)).toBeUndefined();
  stopping.abort(new Error('the tasks are over'));
  await Promise.all(waiting);
});

test('a host whose name means something else to curl is not asked', async () => {
  for (const host of ['-x.example', '+x.example', '*']) {
    const failure = await aFetcher().fetch(aRequest([{ value: `http://${host}/file` }]));
    expect(failure?.message).toContain('is no name of a host');
  }
});

test('an archive whose directories lie too deep is refused whole', async () => {
  const fetchNested = (levels: number) => {
    const nested = path.join(root, `nested-${levels}`);
    mkdirSync(path.join(nested, ...Array.from({ length: levels }, () => 'd')), { recursive: true });
    archive = execFileSync('tar', ['-cz', '-C', nested, 'd']);
    return aFetcher().fetch(aRequest([{ value: `${base}/archive.tar.gz` }]));
  };
  expect(await fetchNested(64)).toBeUndefined();
  rmSync(path.join(sandbox, 'd'), { recursive: true });
  const refused = await fetchNested(65);
  expect(refused?.message).toContain('deeper than 64 levels');
  expect(readdirSync(sandbox)).toEqual([]);
});

test('no more is put into a sandbox than the task may hold there, of files and of what is in archives', async () => {
  const fetcher = aFetcher();
  const files = ['a', 'b', 'c'].map((name) => ({ value: `${base}/${name}` }));
  const failure = await fetcher.fetch(aRequest(files, { budget: new DiskBudget(2) }));
  expect(failure).toMatchObject({
    code: 'fetchFailed',
    message: expect.stringContaining('more than 2 MiB, the disk limit of the task'),
  });
  expect(readdirSync(sandbox)).toEqual(['a', 'b']);
  writeFileSync(path.join(root, 'zeros'), Buffer.alloc(4 * MIB));
  archive = execFileSync('tar', ['-cz', '-C', root, 'zeros']);
  const packed = aRequest([{ value: `${base}/archive.tar.gz` }], { budget: new DiskBudget(2) });
  expect(await fetcher.fetch(packed)).toMatchObject({ code: 'fetchFailed' });
  expect(existsSync(path.join(sandbox, 'zeros'))).toBe(false);
});

test('no more is brought to the disk than the task may hold, not even aside, however much there is', async () => {
  const fetcher = aFetcher(10 * MIB);
  const told = expect.stringContaining('more than 2 MiB, the disk limit of the task');
  const endless = aRequest([{ value: `${base}/endless` }], { budget: new DiskBudget(2) });
  expect(await fetcher.fetch(endless)).toMatchObject({ code: 'fetchFailed', message: told });
  const bomb = path.join(root, 'zeros');
  writeFileSync(bomb, '');
  // More than this agent fetches at all.
  truncateSync(bomb, 40 * MIB);
  archive = execFileSync('tar', ['-cz', '-C', root, 'zeros']);
  const packed = aRequest([{ value: `${base}/archive.tar.gz` }], { budget: new DiskBudget(2) });
  expect(await fetcher.fetch(packed)).toMatchObject({ code: 'fetchFailed', message: told });
  const unlimited = await fetcher.fetch(aRequest([{ value: `${base}/archive.tar.gz` }]));
  expect(unlimited?.message).toContain('(--fetch-limit)');
});
