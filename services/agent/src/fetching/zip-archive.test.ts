// Tests unpacking .zip archives as a fetch does, with the program of this host: what is let in and what is refused.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { PrincipalName } from '@parley/protocol/ids';
import { Uri } from '@parley/protocol/uris';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DiskBudget } from '../disk-budget.ts';
import { ObjectCache } from '../object-cache.ts';
import { Fetcher } from './fetcher.ts';
import { zipProgram } from './zip-archive.ts';

const MIB = 1024 * 1024;
const MAX_BYTES = 2 * MIB;
let root: string;
let sandbox: string;
let outside: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-zip-'));
  [sandbox, outside] = [path.join(root, 'sandbox'), path.join(root, 'outside')];
  mkdirSync(sandbox, { mode: 0o700 });
  mkdirSync(outside, { mode: 0o777 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Entry = {
  readonly name: string;
  readonly data: Buffer | string;
  readonly mode?: number;
  readonly told?: number;
};
const FILE = 0o100644;
const LINK = 0o120777;

/** APPNOTE.TXT, 4.3: each file behind its header, then the directory of all. `told`: a size that may not be so. */
function aZip(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, mode = FILE, told } of entries) {
    const [text, plain] = [Buffer.from(name), Buffer.from(data)];
    const packed = deflateRawSync(plain);
    const fields = Buffer.alloc(26);
    // Version, flags, method (deflated), time and date, then the sums and lengths.
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(plain), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(told ?? plain.length, 18);
    fields.writeUInt16LE(text.length, 22);
    parts.push(Buffer.from('PK\x03\x04'), fields, text, packed);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(mode * 0x10000, 6);
    tail.writeUInt32LE(offset, 10);
    // Made by a Unix, whose modes these are.
    directory.push(Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), fields, tail, text);
    offset += 4 + fields.length + text.length + packed.length;
  }
  const size = Buffer.concat(directory).length;
  const end = Buffer.alloc(18);
  for (const at of [4, 6]) end.writeUInt16LE(entries.length, at);
  end.writeUInt32LE(size, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, ...directory, Buffer.from('PK\x05\x06'), end]);
}

function fetched(archive: Buffer, how: object = {}, diskMib?: number) {
  const file = path.join(root, 'an archive.zip');
  writeFileSync(file, archive);
  const policy = {
    addresses: 'any',
    directories: [root],
    timeoutMs: 20_000,
    maxBytes: MAX_BYTES,
  } as const;
  const cache = new ObjectCache({ directory: path.join(root, 'objects'), maxBytes: 10 * MIB });
  const fetcher = new Fetcher({ workDirectory: path.join(root, 'work'), policy, cache });
  const uris = [Uri.parse({ value: `file://${file.replaceAll(' ', '%20')}`, ...how })];
  return fetcher.fetch({
    principal: PrincipalName.parse('alice'),
    sandboxDirectory: sandbox,
    uris,
    signal: new AbortController().signal,
    budget: new DiskBudget(diskMib),
  });
}

test('no more comes out of a zip than the task may hold on the disk', async () => {
  const archive = aZip([{ name: 'large', data: 'x'.repeat(MAX_BYTES) }]);
  expect(await fetched(archive, {}, 1 + MAX_BYTES / MIB)).toBeUndefined();
  expect((await fetched(archive, {}, MAX_BYTES / MIB / 2))?.message).toContain('disk limit');
});

test('a zip is unpacked, with directories, links inside it and what may be executed', async () => {
  const archive = aZip([
    { name: 'release/tool', data: '#!/bin/sh\n', mode: 0o100755 },
    { name: 'release/lib/words', data: 'one two '.repeat(1000) },
    { name: 'current', data: 'release', mode: LINK },
  ]);
  expect(await fetched(archive)).toBeUndefined();
  expect(readdirSync(sandbox).sort()).toEqual(['current', 'release']);
  expect(statSync(path.join(sandbox, 'current/tool')).mode & 0o111).not.toBe(0);
  expect(readFileSync(path.join(sandbox, 'release/lib/words'), 'utf8')).toHaveLength(8000);
});

test('it is unpacked where that was asked for, or left packed', async () => {
  const archive = aZip([{ name: 'x', data: 'y' }]);
  expect(await fetched(archive, { outputFile: 'in/here' })).toBeUndefined();
  expect(await fetched(archive, { extract: false })).toBeUndefined();
  expect(readdirSync(sandbox).sort()).toEqual(['an archive.zip', 'in']);
  expect(readFileSync(path.join(sandbox, 'in/here/x'), 'utf8')).toBe('y');
});

test('one that leads out of the sandbox is refused whole, whichever way', async () => {
  const archives: Record<string, Entry[]> = {
    up: [{ name: '../outside/evil', data: 'evil' }],
    hidden: [{ name: 'deep/../../outside/evil', data: 'evil' }],
    upLink: [{ name: 'link', data: '../outside', mode: LINK }],
    absoluteLink: [{ name: 'link', data: '/etc/passwd', mode: LINK }],
    through: [
      { name: 'way', data: outside, mode: LINK },
      { name: 'way/evil', data: 'evil' },
    ],
  };
  for (const [name, entries] of Object.entries(archives)) {
    const good = { name: 'good', data: 'good' };
    expect(await fetched(aZip([good, ...entries])), name).toMatchObject({ code: 'fetchFailed' });
    expect(readdirSync(sandbox), name).toEqual([]);
    expect(readdirSync(outside), name).toEqual([]);
  }
}, 60_000);

test('no more than the limit comes out of one: in one file, in many, or where it names another size', async () => {
  const large = Buffer.alloc(3 * MIB);
  const part = Buffer.alloc(MIB);
  const archives: Record<string, Entry[]> = {
    one: [{ name: 'zeros', data: large }],
    many: ['a', 'b', 'c'].map((name) => ({ name, data: part })),
  };
  for (const [name, entries] of Object.entries(archives)) {
    expect(await fetched(aZip(entries)), name).toMatchObject({ code: 'fetchFailed' });
    expect(readdirSync(sandbox), name).toEqual([]);
  }
  // Refused by unzip; bsdtar takes what was told.
  await fetched(aZip([{ name: 'zeros', data: large, told: 10 }]));
  const sizes = readdirSync(sandbox).map((name) => statSync(path.join(sandbox, name)).size);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MAX_BYTES);
  const failure = await fetched(aZip(archives['many'] ?? []));
  expect(failure?.message).toContain('larger than 2097152 bytes, the limit (--fetch-limit)');
}, 60_000);

test('what is no zip is refused with what the program says', async () => {
  expect(await fetched(Buffer.from('PK no zip'))).toMatchObject({
    code: 'fetchFailed',
    message: expect.stringContaining('could not unpack it'),
  });
});

test('a host without a program for it is told what to install', async () => {
  await expect(zipProgram(async () => false)).rejects.toThrow('install unzip or libarchive-tools');
  expect(await zipProgram(async (program) => program === 'unzip')).toBe('unzip');
  expect(await zipProgram(async () => true)).toBe('bsdtar');
});
