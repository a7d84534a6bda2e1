// Tests what a fetch brings into a sandbox, from real servers on loopback, with the real curl and tar; and what it refuses.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PrincipalName } from '@parley/protocol/ids';
import { Uri } from '@parley/protocol/uris';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { DiskBudget } from '../disk-budget.ts';
import { ObjectCache } from '../object-cache.ts';
import type { FetchPolicy } from './fetch-policy.ts';
import { Fetcher } from './fetcher.ts';

const MIB = 1024 * 1024;
const isRoot = process.geteuid?.() === 0;
const alice = PrincipalName.parse('alice');
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const handlers = new Map<string, Handler>();
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.url ?? '');
  const handler = handlers.get(request.url ?? '');
  if (handler !== undefined) handler(request, response);
  else response.writeHead(404).end('nothing here');
});
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
  mkdirSync(sandbox, { mode: 0o700 });
  handlers.clear();
  asked.length = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function aFetcher(policy: Partial<FetchPolicy> = {}, maxBytes = 10 * MIB): Fetcher {
  return new Fetcher({
    workDirectory: root,
    policy: {
      ...{ addresses: 'any', directories: [], timeoutMs: 20_000, maxBytes: 10 * MIB },
      ...policy,
    },
    cache: new ObjectCache({ directory: path.join(root, 'objects'), maxBytes }),
  });
}

const fetchInto = (
  fetcher: Fetcher,
  sandboxDirectory: string,
  ...uris: Parameters<typeof Uri.parse>[0][]
) => fetcher.fetch({ ...aRequest(sandboxDirectory), uris: uris.map((uri) => Uri.parse(uri)) });

/** Without a limit, by somebody who does not stop. */
const aRequest = (sandboxDirectory: string) => ({
  principal: alice,
  sandboxDirectory,
  signal: new AbortController().signal,
  budget: new DiskBudget(undefined),
});

const serves = (
  name: string,
  body: Buffer | string,
  headers: Record<string, string> = {},
): string => {
  handlers.set(name, (_, response) => response.writeHead(200, headers).end(body));
  return base + name;
};
const sum = (body: Buffer | string): string =>
  `sha256:${createHash('sha256').update(body).digest('hex')}`;

/** An archive of what `build` puts into an empty directory. */
function anArchive(build: (directory: string) => void, ...options: string[]): Buffer {
  const directory = mkdtempSync(path.join(root, 'packed-'));
  build(directory);
  const names = readdirSync(directory);
  return execFileSync('tar', ['-c', ...options, '-C', directory, '--', ...names]);
}

test('a file is there under its name, or the one that was asked for, and may be executed where that was', async () => {
  const url = serves('/some/tool%20one.sh?version=2', '#!/bin/sh\necho ran\n');
  const fetcher = aFetcher();
  expect(
    await fetchInto(
      fetcher,
      sandbox,
      { value: url },
      { value: url, executable: true, outputFile: 'bin/tool' },
    ),
  ).toBeUndefined();
  expect(readFileSync(path.join(sandbox, 'tool one.sh'), 'utf8')).toContain('echo ran');
  expect(statSync(path.join(sandbox, 'tool one.sh')).mode & 0o777).toBe(0o644);
  expect(execFileSync(path.join(sandbox, 'bin/tool')).toString()).toBe('ran\n');
});

test('what has another checksum is refused, and the right one is not', async () => {
  const url = serves('/data', 'words');
  const fetcher = aFetcher();
  const wrong = await fetchInto(fetcher, sandbox, { value: url, checksum: sum('other') });
  expect(wrong).toMatchObject({
    code: 'fetchFailed',
    message: `${url}: its checksum is ${sum('words')}, not ${sum('other')}`,
  });
  expect(readdirSync(sandbox)).toEqual([]);
  expect(await fetchInto(fetcher, sandbox, { value: url, checksum: sum('words') })).toBeUndefined();
});

test('an archive is unpacked, beside what is there, and belongs to whom the sandbox belongs', async () => {
  if (isRoot) chownSync(sandbox, 12_345, 12_346);
  mkdirSync(path.join(sandbox, 'lib'));
  writeFileSync(path.join(sandbox, 'lib/own'), 'own');
  const archive = anArchive((directory) => {
    mkdirSync(path.join(directory, 'lib'));
    writeFileSync(path.join(directory, 'lib/new'), 'new');
    writeFileSync(path.join(directory, 'run'), '', { mode: 0o755 });
    symlinkSync('lib/new', path.join(directory, 'latest'));
  }, '--gzip');
  const url = serves('/release.tar.gz', archive);
  const fetcher = aFetcher();
  for (const repeated of [1, 2])
    expect(await fetchInto(fetcher, sandbox, { value: url }), `${repeated}`).toBeUndefined();
  expect(readFileSync(path.join(sandbox, 'lib/own'), 'utf8')).toBe('own');
  expect(readFileSync(path.join(sandbox, 'latest'), 'utf8')).toBe('new');
  expect(statSync(path.join(sandbox, 'run')).mode & 0o100).toBe(0o100);
  const { uid, gid } = statSync(sandbox);
  for (const name of ['lib/new', 'run', 'latest'])
    expect(lstatSync(path.join(sandbox, name)), name).toMatchObject({ uid, gid });
  expect(await fetchInto(fetcher, sandbox, { value: url, outputFile: 'a/b' })).toBeUndefined();
  expect(lstatSync(path.join(sandbox, 'a'))).toMatchObject({ uid, gid });
  expect(existsSync(path.join(sandbox, 'a/b/lib/new'))).toBe(true);
  expect(await fetchInto(fetcher, sandbox, { value: url, extract: false })).toBeUndefined();
  expect(readFileSync(path.join(sandbox, 'release.tar.gz'))).toEqual(archive);
});

test('an archive that leads out of the sandbox is refused whole, whichever way', async () => {
  const outside = path.join(root, 'outside');
  mkdirSync(outside, { mode: 0o777 });
  const named = (transform: string) =>
    anArchive(
      (directory) => writeFileSync(path.join(directory, 'x'), 'evil'),
      ...['--absolute-names', `--transform=s,^x$,${transform},`],
    );
  const link = (target: string) =>
    anArchive((directory) => symlinkSync(target, path.join(directory, 'link')));
  const through = (target: string): Buffer => {
    const [one, two] = [mkdtempSync(path.join(root, 'a-')), mkdtempSync(path.join(root, 'b-'))];
    symlinkSync(target, path.join(one, 'way'));
    mkdirSync(path.join(two, 'way'));
    writeFileSync(path.join(two, 'way/evil'), 'evil');
    const file = path.join(root, 'both.tar');
    execFileSync('tar', ['-cf', file, '-C', one, 'way']);
    execFileSync('tar', ['-rf', file, '-C', two, 'way/evil']);
    return readFileSync(file);
  };
  const archives: Record<string, Buffer> = {
    up: named('../../outside/evil'),
    hidden: named('deep/../../outside/evil'),
    absoluteLink: link('/etc/passwd'),
    upLink: link('../outside'),
    mixedLink: link('a/../../outside'),
    through: through(outside),
    throughUp: through('../../outside'),
    ...(isRoot && {
      device: anArchive((directory) =>
        execFileSync('mknod', [path.join(directory, 'null'), 'c', '1', '3']),
      ),
    }),
    pipe: anArchive((directory) => execFileSync('mkfifo', [path.join(directory, 'pipe')])),
  };
  const fetcher = aFetcher();
  for (const [name, archive] of Object.entries(archives)) {
    const failure = await fetchInto(fetcher, sandbox, { value: serves(`/${name}.tar`, archive) });
    expect(failure, name).toMatchObject({ code: 'fetchFailed' });
    expect(readdirSync(sandbox), name).toEqual([]);
    expect(readdirSync(outside), name).toEqual([]);
  }
  // What begins with a slash is put below the sandbox.
  const url = serves('/absolute.tar', named(`${outside}/evil`));
  expect(await fetchInto(fetcher, sandbox, { value: url })).toBeUndefined();
  expect(readdirSync(outside)).toEqual([]);
  expect(readFileSync(path.join(sandbox, outside, 'evil'), 'utf8')).toBe('evil');
}, 60_000);

test('an archive is not unpacked over or through a link in the sandbox', async () => {
  const outside = path.join(root, 'outside');
  mkdirSync(outside);
  symlinkSync(outside, path.join(sandbox, 'store'));
  const archive = anArchive((directory) => {
    mkdirSync(path.join(directory, 'store'));
    writeFileSync(path.join(directory, 'store/evil'), 'evil');
  });
  const url = serves('/x.tar', archive);
  expect(await fetchInto(aFetcher(), sandbox, { value: url })).toMatchObject({
    message: expect.stringContaining('there is something at store in the sandbox already'),
  });
  expect(readdirSync(outside)).toEqual([]);
});

test('more than the limit is not fetched, told before or not, and does not come out of an archive', async () => {
  const fetcher = aFetcher({ maxBytes: 2 * MIB });
  handlers.set('/endless', (_, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(MIB)));
      response.once('drain', more);
    };
    more();
  });
  const bomb = anArchive(
    (directory) => writeFileSync(path.join(directory, 'zeros'), Buffer.alloc(8 * MIB)),
    '--gzip',
  );
  const urls = [
    `${base}/endless`,
    serves('/big', Buffer.alloc(3 * MIB)),
    serves('/bomb.tgz', bomb),
  ];
  for (const value of urls) {
    expect(await fetchInto(fetcher, sandbox, { value }), value).toMatchObject({
      code: 'fetchFailed',
      message: expect.stringContaining('larger than 2097152 bytes, the limit (--fetch-limit)'),
    });
  }
  expect(readdirSync(sandbox)).toEqual([]);
});

test('a server that hangs, before its answer or in it, is a timeout', async () => {
  handlers.set('/silent', () => undefined);
  handlers.set('/stops', (_, response) => response.writeHead(200).write('some'));
  const fetcher = aFetcher({ timeoutMs: 700 });
  for (const name of ['/silent', '/stops']) {
    const failure = await fetchInto(fetcher, sandbox, { value: base + name });
    expect(failure, name).toMatchObject({ code: 'fetchTimeout' });
    expect(failure?.message).toContain('it did not come in time');
  }
});

test('redirects are followed, not for ever, and each goes where the policy allows', async () => {
  const to = (name: string, location: string) =>
    handlers.set(name, (_, response) => response.writeHead(302, { location }).end('elsewhere'));
  serves('/end', 'the end');
  to('/a', '/b');
  to('/b', `${base}/end`);
  to('/loop', '/loop');
  to('/file', 'file:///etc/passwd');
  const fetcher = aFetcher();
  expect(
    await fetchInto(fetcher, sandbox, { value: `${base}/a`, outputFile: 'x' }),
  ).toBeUndefined();
  expect(readFileSync(path.join(sandbox, 'x'), 'utf8')).toBe('the end');
  const failures = {
    '/loop': 'more than 5 times',
    '/file': 'redirected to file:',
    '/no': 'status 404',
  };
  for (const [name, why] of Object.entries(failures)) {
    expect(await fetchInto(fetcher, sandbox, { value: base + name })).toMatchObject({
      code: 'fetchFailed',
      message: expect.stringContaining(why),
    });
  }
  asked.length = 0;
  for (const value of [
    `${base}/end`,
    `${base.replace('127.0.0.1', 'localhost')}/end`,
    'http://0x7f.1/',
  ]) {
    expect(await fetchInto(aFetcher({ addresses: 'private' }), sandbox, { value })).toMatchObject({
      code: 'fetchFailed',
      message: expect.stringContaining('this agent fetches from private addresses'),
    });
  }
  expect(asked).toEqual([]);
});

test('a file of the host is fetched from below an allowed directory only, wherever links lead', async () => {
  const open = path.join(root, 'open');
  mkdirSync(open);
  writeFileSync(path.join(open, 'data'), 'words');
  writeFileSync(path.join(root, 'secret'), 'secret');
  symlinkSync(path.join(root, 'secret'), path.join(open, 'link'));
  const fetcher = aFetcher({ directories: [open] });
  expect(await fetchInto(fetcher, sandbox, { value: `file://${open}/data` })).toBeUndefined();
  for (const name of ['link', '../secret', '%2e%2e/secret', 'missing', '.']) {
    expect(await fetchInto(fetcher, sandbox, { value: `file://${open}/${name}` }), name).toEqual({
      code: 'fetchFailed',
      message: expect.stringContaining(
        'no such file below a directory that this agent fetches from',
      ),
    });
  }
  expect(await fetchInto(aFetcher(), sandbox, { value: `file://${open}/data` })).toMatchObject({
    message: expect.stringContaining('fetches no files of its host (--fetch-from)'),
  });
  expect(readdirSync(sandbox)).toEqual(['data']);
});

test('what is cached by its checksum is not asked for again, and by its tag only whether it has changed', async () => {
  const fetcher = aFetcher();
  const url = serves('/sum', 'words');
  const bySum = { value: url, cache: true, checksum: sum('words') };
  for (const outputFile of ['one', 'two'])
    expect(await fetchInto(fetcher, sandbox, { ...bySum, outputFile })).toBeUndefined();
  expect(asked).toEqual(['/sum']);
  let answers: string[] = [];
  let etag = '"first"';
  handlers.set('/tag', (request, response) => {
    const status = request.headers['if-none-match'] === etag ? 304 : 200;
    answers.push(String(status));
    response.writeHead(status, { etag }).end(status === 200 ? `of ${etag}` : undefined);
  });
  const byTag = { value: `${base}/tag`, cache: true };
  for (const outputFile of ['a', 'b'])
    expect(await fetchInto(fetcher, sandbox, { ...byTag, outputFile })).toBeUndefined();
  etag = '"second"';
  expect(await fetchInto(fetcher, sandbox, { ...byTag, outputFile: 'c' })).toBeUndefined();
  expect(answers).toEqual(['200', '304', '200']);
  const texts = ['a', 'b', 'c'].map((name) => readFileSync(path.join(sandbox, name), 'utf8'));
  expect(texts).toEqual(['of "first"', 'of "first"', 'of "second"']);
  // Another principal's copy is not asked about.
  answers = [];
  const uris = [Uri.parse({ ...byTag, outputFile: 'd' })];
  const bob = PrincipalName.parse('bob');
  await fetcher.fetch({ ...aRequest(sandbox), principal: bob, uris });
  expect(answers).toEqual(['200']);
});

test('the cache stays within its size: what was not used for longest goes', async () => {
  const fetcher = aFetcher({}, 2.5 * MIB);
  const uri = (name: string) => {
    const body = Buffer.alloc(MIB, name);
    return { value: serves(`/${name}`, body), cache: true, checksum: sum(body), outputFile: 'x' };
  };
  const [a, b, c] = [uri('a'), uri('b'), uri('c')];
  for (const each of [a, b, a, c, a, b]) await fetchInto(fetcher, sandbox, each);
  expect(asked).toEqual(['/a', '/b', '/c', '/b']);
});

test('those that want the same at a time share one download', async () => {
  handlers.set('/slow', (_, response) => {
    setTimeout(() => response.writeHead(200).end('slow words'), 300);
  });
  const fetcher = aFetcher();
  const uri = { value: `${base}/slow`, cache: true };
  const names = ['a', 'b', 'c', 'd'];
  const all = names.map((outputFile) => fetchInto(fetcher, sandbox, { ...uri, outputFile }));
  expect(await Promise.all(all)).toEqual(names.map(() => undefined));
  expect(asked).toEqual(['/slow']);
  for (const name of names)
    expect(readFileSync(path.join(sandbox, name), 'utf8')).toBe('slow words');
});
