// Tests of looking into a sandbox that belongs to somebody who would like to lead the agent out of it, hold it up or
// make it tell what is not there.
import { execFileSync } from 'node:child_process';
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PrincipalName, TaskRef } from '@parley/protocol/ids';
import { FilesAsk, FilesResult } from '@parley/protocol/task-files';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { TaskFiles } from './task-files.ts';

const task = TaskRef.parse({ principal: 'alice', frameworkId: 'fw', taskId: 't1' });
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

let base = '';
let sandbox = '';
let hasEnded = false;
let files: TaskFiles;

beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'parley-files-'));
  sandbox = path.join(base, 'sandbox');
  await mkdir(path.join(sandbox, 'deep'), { recursive: true });
  await writeFile(path.join(base, 'secret'), 'secret');
  hasEnded = false;
  const placeOf = () => ({ sandboxDirectory: sandbox, runDirectory: base, hasEnded });
  files = new TaskFiles({ placeOf, nowMs: () => performance.now() });
});
afterEach(() => rm(base, { recursive: true, force: true }));

type Kind = FilesAsk['kind'];
type Told<K extends Kind> = Extract<FilesResult, { kind: K }>;

async function ask<K extends Kind>(question: Extract<FilesAsk, { kind: K }>): Promise<Told<K>> {
  const answer = await files.answer({ task, ask: FilesAsk.parse(question) });
  if (!answer.ok) throw new Error(`${answer.failure.code}: ${answer.failure.message}`);
  return FilesResult.parse(answer.value) as Told<K>;
}

const read = (name: string | Uint8Array<ArrayBuffer>, offset = 0, maxBytes = 1000) => {
  const asked = typeof name === 'string' ? bytes(name) : name;
  return ask({ kind: 'read', path: asked, offset, maxBytes });
};
const list = (name = '', more: { after?: Uint8Array<ArrayBuffer>; limit?: number } = {}) =>
  ask({ kind: 'list', path: bytes(name), limit: 1000, ...more });
const search = (name: string, wanted: string, offset = 0, maxMatches = 200) =>
  ask({ kind: 'search', path: bytes(name), text: bytes(wanted), offset, maxMatches });

const inSandbox = (name: string): string => path.join(sandbox, name);

test('a file is read by ranges, from the front and from the end, and never beyond', async () => {
  await writeFile(inSandbox('deep/log'), 'abcdef');
  const { data, ...rest } = await read('deep/log', 2, 3);
  expect([text(data), rest]).toEqual([
    'cde',
    { kind: 'read', offset: 2, size: 6, fileId: expect.any(String), ended: false },
  ]);
  expect(text((await read('./deep//log', -2)).data)).toBe('ef');
  expect(await read('deep/log', -99, 1)).toMatchObject({ offset: 0, size: 6 });
  expect(await read('deep/log', 99)).toMatchObject({ offset: 6, size: 6 });
});

test('only the end of a file of a task that is over is the end of it', async () => {
  await writeFile(inSandbox('log'), 'abcdef');
  expect(await read('log')).toMatchObject({ ended: false });
  hasEnded = true;
  expect(await read('log')).toMatchObject({ ended: true });
  expect(await read('log', 0, 3)).toMatchObject({ ended: false });
});

test('a path that leads out, or is no plain name, is refused with a reason and a remedy', async () => {
  const refused: [string, RegExp][] = [
    ['/etc/passwd', /^notPermitted: "\/etc\/passwd" is not opened: it begins with "\/"; name it/],
    ['../secret', /^notPermitted: .* holds ".."; name a file in the sandbox/],
    ['deep/../../secret', /^notPermitted: .* holds "\.\."/],
    ['deep/\n', /^notPermitted: "deep\/\\x0a" .* newline or another control character; rename/],
    ['a\0b', /^notPermitted: .* control character/],
  ];
  for (const [name, reason] of refused) await expect(read(name), name).rejects.toThrow(reason);
});

test('a link is never followed, neither as the file nor on the way, nor where it leads inside', async () => {
  await writeFile(inSandbox('inner'), 'inner');
  await symlink(path.join(base, 'secret'), inSandbox('out'));
  await symlink('inner', inSandbox('in'));
  await symlink(base, inSandbox('way'));
  await symlink('loop', inSandbox('loop'));
  for (const name of ['out', 'in', 'loop']) {
    await expect(read(name)).rejects.toThrow(/^notPermitted: .* is a link, and no regular file;/);
  }
  await expect(read('way/secret')).rejects.toThrow(/^notPermitted: .* leads over a link/);
  await expect(list('way')).rejects.toThrow(/^notPermitted: .* is no directory/);
  await expect(search('out', 'secret')).rejects.toThrow(/^notPermitted/);
  expect(await ask({ kind: 'stat', path: bytes('out') })).toMatchObject({
    entry: { kind: 'link' },
  });
});

test('a directory that is swapped for a link while it is read leads nowhere else', async () => {
  await mkdir(inSandbox('real'));
  await writeFile(inSandbox('real/secret'), 'harmless');
  let isOver = false;
  const swapping = (async () => {
    while (!isOver) {
      await rename(inSandbox('real'), inSandbox('kept'));
      await symlink(base, inSandbox('real'));
      await unlink(inSandbox('real'));
      await rename(inSandbox('kept'), inSandbox('real'));
    }
  })();
  const seen = new Set<string>();
  for (let tries = 0; tries < 1500; tries += 1) {
    seen.add(
      await read('real/secret').then(
        ({ data }) => text(data),
        (error) => error.message,
      ),
    );
  }
  isOver = true;
  await swapping;
  for (const one of seen) expect(one).toMatch(/^harmless$|leads over a link|there is no /);
  expect(seen).toContain('harmless');
});

test('a FIFO, a device and a socket are told of and never opened', async () => {
  execFileSync('mkfifo', [inSandbox('fifo')]);
  const server = createServer().listen(inSandbox('socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  await expect(read('fifo')).rejects.toThrow(/is a fifo, and no regular file/);
  await expect(read('socket')).rejects.toThrow(/is a socket, and no regular file/);
  const { entries } = await list();
  expect(entries.map(({ name, kind }) => [text(name), kind])).toEqual([
    ['deep', 'directory'],
    ['fifo', 'fifo'],
    ['socket', 'socket'],
  ]);
  server.close();
  // Devices are made by the superuser alone; those that are there serve as well.
  sandbox = '/dev';
  await expect(read('zero')).rejects.toThrow(/is a device, and no regular file/);
});

test('names are bytes: those that are no UTF-8 are listed and read, those with newlines are listed', async () => {
  const odd = Buffer.concat([Buffer.from('odd'), Buffer.of(0xff)]);
  await writeFile(Buffer.concat([Buffer.from(`${sandbox}/`), odd]), 'odd');
  await writeFile(inSandbox('two\nlines'), '');
  const { entries } = await list();
  expect(entries.map(({ name }) => Buffer.from(name).toString('latin1'))).toEqual([
    'deep',
    'odd\xff',
    'two\nlines',
  ]);
  expect(text((await read(Uint8Array.from(odd))).data)).toBe('odd');
});

test('a large directory is listed by pages, each name once, in the order of bytes', async () => {
  const names = Array.from({ length: 2500 }, (_, index) => `f${String(index).padStart(5, '0')}`);
  for (const name of names) writeFileSync(inSandbox(`deep/${name}`), 'x');
  const seen: string[] = [];
  let after: Uint8Array<ArrayBuffer> | undefined;
  let pages = 0;
  do {
    const page = await list('deep', { limit: 1000, ...(after && { after }) });
    seen.push(...page.entries.map(({ name }) => text(name)));
    after = page.next;
    pages += 1;
    expect(page.isCut).toBe(false);
  } while (after !== undefined);
  expect(pages).toBe(3);
  expect(seen).toEqual(names);
  await expect(list('nothing')).rejects.toThrow(/^unknownFile: there is no "nothing"/);
});

test('what grows, shrinks or is replaced shows: by the size, and by the id of the file', async () => {
  await writeFile(inSandbox('log'), 'one\n');
  const first = await read('log');
  appendFileSync(inSandbox('log'), 'two\n');
  const grown = await read('log', first.size);
  expect([text(grown.data), grown.fileId]).toEqual(['two\n', first.fileId]);
  truncateSync(inSandbox('log'), 2);
  expect(await read('log', grown.size)).toMatchObject({ offset: 2, size: 2, fileId: first.fileId });
  await writeFile(inSandbox('new'), 'new file');
  renameSync(inSandbox('new'), inSandbox('log'));
  expect((await read('log')).fileId).not.toBe(first.fileId);
});

test('a hole at the front is passed over and not sent, and data that are zeros are', async () => {
  const file = inSandbox('holed');
  await writeFile(file, Buffer.alloc(4_000_000, 'x'));
  execFileSync('fallocate', ['--punch-hole', '--offset', '0', '--length', '3000000', file]);
  const { data, offset, size } = await read('holed', 0, 4096);
  expect([offset, size, data.length]).toEqual([
    Math.floor(3_000_000 / 4096) * 4096,
    4_000_000,
    4096,
  ]);
  await writeFile(inSandbox('zeros'), Buffer.alloc(100_000));
  expect(await read('zeros', 0, 10)).toMatchObject({ offset: 0, data: new Uint8Array(10) });
  truncateSync(inSandbox('zeros'), 50e9);
  const far = await read('zeros', 200_000, 10);
  expect(far.offset).toBe(200_000 + 64 * 1024 * 1024);
});

test('a file of 8 EiB, or of a time that nobody lives to see, hides neither itself nor those beside it', async () => {
  // Only some file systems take them, one in memory does.
  sandbox = await mkdtemp('/dev/shm/parley-files-');
  onTestFinished(() => rm(sandbox, { recursive: true }));
  execFileSync('truncate', ['--size', String(2n ** 63n - 1n), inSandbox('large')]);
  execFileSync('touch', ['--date', `@${2n ** 53n}`, inSandbox('late')]);
  await writeFile(inSandbox('plain'), 'seen');
  const most = Number.MAX_SAFE_INTEGER;
  expect((await list()).entries).toMatchObject([
    { size: most },
    { size: 0, modifiedMs: most },
    { size: 4 },
  ]);
  expect(await read('large')).toMatchObject({ size: most });
  expect(await read('large', -10)).toMatchObject({ size: most });
  expect(await search('large', 'x')).toMatchObject({ size: most, matches: [] });
});

test('a search finds each line once, over the borders of what is read at a time, and says where to go on', async () => {
  const filler = 'y'.repeat(300_000);
  await writeFile(inSandbox('log'), `needle a needle\n${filler}needle${filler}\nlast needle`);
  const { matches, next, size } = await search('log', 'needle');
  expect(matches.map(({ offset }) => offset)).toEqual([0, 300_016, size - 6]);
  expect([text(matches[0]?.line ?? bytes('')), matches[0]?.lineOffset]).toEqual([
    'needle a needle',
    0,
  ]);
  expect(matches[1]?.line.length).toBe(256 + 6 + 256);
  expect(text(matches[2]?.line ?? bytes(''))).toBe('last needle');
  expect(next).toBe(size);
  const page = await search('log', 'needle', 0, 1);
  expect((await search('log', 'needle', page.next)).matches[0]?.offset).toBe(300_016);
  await writeFile(inSandbox('border'), `${'z'.repeat(256 * 1024 - 3)}needle`);
  expect((await search('border', 'needle')).matches).toHaveLength(1);
});

test('a search stops after 32 MiB and goes on where it stopped', async () => {
  const file = inSandbox('huge');
  await writeFile(file, '');
  truncateSync(file, 100 * 1024 * 1024);
  const { next, matches } = await search('huge', 'needle');
  expect(next).toBeGreaterThan(0);
  expect(next).toBeLessThanOrEqual(32 * 1024 * 1024);
  expect(matches).toEqual([]);
});

test('the sandbox of a task that is not here is no sandbox, and a link in its place neither', async () => {
  await rm(sandbox, { recursive: true });
  await expect(list()).rejects.toThrow(/^unknownTask: nothing of task alice\/fw\/t1/);
  await symlink(base, sandbox);
  await expect(read('secret')).rejects.toThrow(/^notPermitted/);
});

test('a principal looks into its own tasks only', async () => {
  const request = { task, ask: FilesAsk.parse({ kind: 'stat', path: bytes('') }) };
  const alice = PrincipalName.parse('alice');
  const bob = PrincipalName.parse('bob');
  expect(await files.ofPrincipal(alice, request)).toMatchObject({ ok: true });
  expect(await files.ofPrincipal(bob, request)).toMatchObject({
    ok: false,
    failure: { code: 'notPermitted', message: expect.stringContaining('another principal') },
  });
});

test('one principal does not take all that is answered at once', async () => {
  const question = FilesAsk.parse({ kind: 'list', path: bytes(''), limit: 1 });
  const many = await Promise.all(
    Array.from({ length: 10 }, () => files.answer({ task, ask: question })),
  );
  const codes = many.map((answer) => (answer.ok ? 'ok' : answer.failure.code));
  expect(codes.filter((code) => code === 'ok')).toHaveLength(6);
  expect(codes.filter((code) => code === 'overloaded')).toHaveLength(4);
  expect(await files.answer({ task, ask: question })).toMatchObject({ ok: true });
});
