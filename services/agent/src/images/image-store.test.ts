// Tests which images are kept, for how long, and that what tasks use never goes.
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ImageStore } from './image-store.ts';
import { sha256 } from './made-layout.ts';

const MIB = 1024 * 1024;
let directory: string;
let inUse: Set<string>;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'parley-store-'));
  inUse = new Set();
});
afterEach(() => rmSync(directory, { recursive: true }));

async function aStore(maxMib: number): Promise<ImageStore> {
  const maxBytes = maxMib * MIB;
  const store = new ImageStore({ directory, maxBytes, rootsInUse: async () => inUse });
  await store.begin();
  return store;
}

/** Of a MiB, used at a moment. Gives its root. */
async function add(store: ImageStore, name: string, usedS: number): Promise<string> {
  let root = '';
  const digest = sha256(name);
  await store.use(
    digest,
    async (image) => {
      root = image.root;
    },
    async (place) => {
      writeFileSync(path.join(place, name), Buffer.alloc(MIB, name));
      return { NAME: name };
    },
  );
  utimesSync(path.join(root, '../about.json'), usedS, usedS);
  return root;
}

const kept = (): string[] =>
  readdirSync(directory)
    .filter((name) => name !== 'unfinished')
    .flatMap((name) => readdirSync(path.join(directory, name, 'root')))
    .toSorted();

test('what was not used for longest goes first, when there is more than there may be', async () => {
  const store = await aStore(2.5);
  await add(store, 'a', 10);
  await add(store, 'b', 30);
  await store.use(sha256('a'), async () => undefined);
  await add(store, 'c', 20);
  await store.collect();
  expect(kept()).toEqual(['a', 'b']);
});

test('what a task uses stays, however much there is, and goes after it', async () => {
  const store = await aStore(1.5);
  inUse.add(await add(store, 'a', 10));
  inUse.add(await add(store, 'b', 20));
  await add(store, 'c', 30);
  await store.collect();
  expect(kept()).toEqual(['a', 'b']);
  inUse.clear();
  await store.collect();
  expect(kept()).toEqual(['b']);
});

test('nothing goes while it is not known what is used', async () => {
  const store = new ImageStore({
    ...{ directory, maxBytes: 0 },
    rootsInUse: () => Promise.reject(new Error('systemd is silent')),
  });
  await store.begin();
  await add(store, 'a', 10);
  await expect(store.collect()).rejects.toThrow('systemd is silent');
  expect(kept()).toEqual(['a']);
});

test('a later process finds what an earlier one has unpacked, and takes away what that did not finish', async () => {
  const root = await add(await aStore(10), 'a', 10);
  writeFileSync(path.join(directory, 'unfinished/file'), '');
  const store = await aStore(10);
  expect(existsSync(path.join(directory, 'unfinished/file'))).toBe(false);
  const found: unknown[] = [];
  const isUsed = await store.use(sha256('a'), async (image) => {
    found.push(image);
  });
  expect([isUsed, found]).toEqual([true, [{ root, environment: { NAME: 'a' } }]]);
});

test('an image that many ask for at once is unpacked once', async () => {
  const store = await aStore(10);
  let times = 0;
  const ask = (): Promise<boolean> =>
    store.use(
      sha256('a'),
      async () => undefined,
      async () => {
        times += 1;
        return {};
      },
    );
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([true, true, true]);
  expect(times).toBe(1);
});

test('an image of which a power cut has left a part is unpacked anew, and keeps no other from going', async () => {
  for (const about of ['', undefined]) {
    const root = await add(await aStore(10), 'a', 1);
    const file = path.join(path.dirname(root), 'about.json');
    if (about === undefined) rmSync(file);
    else writeFileSync(file, about);
    const store = await aStore(1);
    await add(store, 'a', 1);
    expect(kept()).toEqual(['a']);
    expect(await store.use(sha256('a'), async () => undefined)).toBe(true);
  }
});

test('an image that could not be unpacked leaves nothing, and may be tried again', async () => {
  const store = await aStore(10);
  const failing = async (root: string): Promise<never> => {
    writeFileSync(path.join(root, 'half'), '');
    throw new Error('the server is gone');
  };
  await expect(store.use(sha256('a'), async () => undefined, failing)).rejects.toThrow('gone');
  expect(kept()).toEqual([]);
  await add(store, 'a', 1);
  expect(kept()).toEqual(['a']);
});
