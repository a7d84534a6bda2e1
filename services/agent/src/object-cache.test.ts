import { mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PrincipalName } from '@parley/protocol/ids';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CachedName, defaultCacheBytes, ObjectCache } from './object-cache.ts';

let directory = '';
beforeEach(async () => {
  directory = path.join(await mkdtemp(path.join(tmpdir(), 'parley-cache-')), 'objects');
});
afterEach(() => rm(path.dirname(directory), { recursive: true }));

const alice = PrincipalName.parse('alice');
const aName = (object: string, rest: Partial<CachedName> = {}): CachedName => ({
  principal: alice,
  object,
  digest: 'SHA-256=1',
  ...rest,
});
const aCache = (maxBytes: number, maxEntries?: number): ObjectCache =>
  new ObjectCache({ directory, maxBytes, ...(maxEntries !== undefined && { maxEntries }) });

/** False when the cache did not want it. */
async function keep(cache: ObjectCache, name: CachedName, text: string): Promise<boolean> {
  const copy = await cache.begin(text.length);
  await copy?.write(Buffer.from(text));
  await copy?.keep(name);
  return copy !== undefined;
}

async function read(cache: ObjectCache, name: CachedName): Promise<string | undefined> {
  const handle = await cache.find(name);
  try {
    return await handle?.readFile('utf8');
  } finally {
    await handle?.close();
  }
}

describe('an object cache', () => {
  it('gives what was kept, for the very same principal, name and digest only', async () => {
    const cache = aCache(100);
    await keep(cache, aName('a'), 'words');
    expect(await read(cache, aName('a'))).toBe('words');
    expect(await read(cache, aName('b'))).toBeUndefined();
    expect(await read(cache, aName('a', { digest: 'SHA-256=2' }))).toBeUndefined();
    const bob = PrincipalName.parse('bob');
    expect(await read(cache, aName('a', { principal: bob }))).toBeUndefined();
  });

  it('takes away what was used least recently when there is no room', async () => {
    const cache = aCache(10);
    for (const name of ['a', 'b']) await keep(cache, aName(name), 'xxxx');
    await read(cache, aName('a'));
    await keep(cache, aName('c'), 'xxxx');
    expect(await read(cache, aName('b'))).toBeUndefined();
    expect(await read(cache, aName('a'))).toBe('xxxx');
    expect(await read(cache, aName('c'))).toBe('xxxx');
  });

  it('holds no more entries than it may', async () => {
    const cache = aCache(100, 2);
    for (const name of ['a', 'b', 'c']) await keep(cache, aName(name), 'x');
    expect(cache.size).toBe(2);
    expect(await read(cache, aName('a'))).toBeUndefined();
  });

  it('drops nothing for an object that is larger than all of it, and wants no empty one', async () => {
    const cache = aCache(10);
    await keep(cache, aName('a'), 'words');
    expect(await keep(cache, aName('large'), 'x'.repeat(11))).toBe(false);
    expect(await keep(cache, aName('empty'), '')).toBe(false);
    expect(await read(cache, aName('a'))).toBe('words');
  });

  it('counts what is under way: copies that are made at once do not exceed it', async () => {
    const cache = aCache(10);
    const first = await cache.begin(6);
    expect(await cache.begin(6)).toBeUndefined();
    await first?.discard();
    expect(await keep(cache, aName('a'), 'xxxxxx')).toBe(true);
  });

  it('keeps nothing that was cut off, given up or grew while it was copied', async () => {
    const cache = aCache(100);
    const short = await cache.begin(5);
    await short?.write(Buffer.from('wor'));
    expect(await read(cache, aName('short'))).toBeUndefined();
    await short?.keep(aName('short'));
    const discarded = await cache.begin(5);
    await discarded?.write(Buffer.from('words'));
    await discarded?.discard();
    await discarded?.keep(aName('discarded'));
    const grown = await cache.begin(5);
    await grown?.write(Buffer.from('words and more'));
    await grown?.keep(aName('grown'));
    for (const name of ['short', 'discarded', 'grown'])
      expect(await read(cache, aName(name))).toBeUndefined();
    expect(cache.bytes).toBe(0);
    expect(await readdir(directory)).toEqual([]);
  });

  it('is empty at each start: nobody knows whether what an earlier process left is whole', async () => {
    await keep(aCache(100), aName('a'), 'words');
    const next = aCache(100);
    expect(await read(next, aName('a'))).toBeUndefined();
    await keep(next, aName('b'), 'words');
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('does without a file that somebody took away, and without a directory that cannot be made', async () => {
    const cache = aCache(100);
    await keep(cache, aName('a'), 'words');
    const [file = ''] = await readdir(directory);
    await unlink(path.join(directory, file));
    expect(await read(cache, aName('a'))).toBeUndefined();
    expect(cache.bytes).toBe(0);
    await writeFile(`${directory}-file`, '');
    const nowhere = new ObjectCache({ directory: `${directory}-file/objects`, maxBytes: 100 });
    expect(await keep(nowhere, aName('a'), 'words')).toBe(false);
    expect(nowhere.bytes).toBe(0);
  });

  it('a copy that is being read stays whole when it is dropped', async () => {
    const cache = aCache(5);
    await keep(cache, aName('a'), 'words');
    const handle = await cache.find(aName('a'));
    await keep(cache, aName('b'), 'other');
    expect(await read(cache, aName('a'))).toBeUndefined();
    expect(await handle?.readFile('utf8')).toBe('words');
    await handle?.close();
  });

  it('whatever is kept, never exceeds its bounds and gives what was kept last under a name', async () => {
    const step = fc.record({ object: fc.constantFrom('a', 'b', 'c', 'd'), length: fc.nat(8) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const cache = aCache(12, 3);
        for (const { object, length } of steps) {
          const name = aName(object, { digest: String(length) });
          const text = object.repeat(length);
          const isWanted = await keep(cache, name, text);
          if (isWanted) expect(await read(cache, name)).toBe(text);
          expect(cache.bytes).toBeLessThanOrEqual(12);
          expect(cache.size).toBeLessThanOrEqual(3);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is by default 2 GiB, or a tenth of a smaller disk', () => {
    expect(defaultCacheBytes(10 ** 12)).toBe(2 * 1024 ** 3);
    expect(defaultCacheBytes(10 ** 10)).toBe(10 ** 9);
  });
});
