// Owns laying one layer of an image over those below it: what it holds comes in the place of what was there, and what it says is
// gone goes. Both trees are the agent's own meanwhile, and neither is left by a link of theirs. OCI Image Format Specification,
// "Image Layer Filesystem Changeset".
import { chmod, lstat, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { errorCode } from '@parley/isolation/file-failure';
import { removeTree } from '@parley/isolation/remove-tree';
import { FetchFailure } from '../fetching/fetch-failure.ts';

const WHITEOUT = Buffer.from('.wh.');
const OPAQUE = Buffer.from('.wh..wh..opq');
/** Of a file system that nobody has any more; they tell nothing about the image. */
const BOOKKEEPING = Buffer.from('.wh..wh.');
/** What unpacking gives to a directory that the archive does not describe: the one below is kept as it is then. */
const PLAIN_DIRECTORY = 0o755;

type Entry = { readonly name: Buffer; readonly isDirectory: boolean };

/** The layer's directory is used up. Rejects with a `FetchFailure`, or the file error. */
export async function applyLayer(layer: string, root: string): Promise<void> {
  const [from, to] = [Buffer.from(layer), Buffer.from(root)];
  await whiteOut(from, to);
  await merge(from, to);
}

/** What a layer says is gone is below it: before anything of its own is there. `below`: undefined where nothing is. */
async function whiteOut(layer: Buffer, below: Buffer | undefined): Promise<void> {
  for (const { name, isDirectory } of await entriesOf(layer)) {
    const place = below && within(below, name);
    if (startsWith(name, WHITEOUT)) {
      if (below !== undefined) await heed(name, below);
      await removeTree(within(layer, name));
    } else if (isDirectory) {
      await whiteOut(within(layer, name), (await isDirectoryAt(place)) ? place : undefined);
    }
  }
}

async function heed(mark: Buffer, directory: Buffer): Promise<void> {
  if (mark.equals(OPAQUE)) {
    for (const { name } of await entriesOf(directory)) await removeTree(within(directory, name));
    return;
  }
  if (startsWith(mark, BOOKKEEPING)) return;
  const name = mark.subarray(WHITEOUT.length);
  if (['', '.', '..'].includes(name.toString('latin1'))) {
    throw new FetchFailure(`a layer says that ${JSON.stringify(name.toString())} is gone`);
  }
  await removeTree(within(directory, name));
}

async function merge(layer: Buffer, root: Buffer): Promise<void> {
  for (const { name, isDirectory } of await entriesOf(layer)) {
    const [source, target] = [within(layer, name), within(root, name)];
    if (isDirectory && (await isDirectoryAt(target))) {
      const mode = (await lstat(source)).mode & 0o7777;
      await merge(source, target);
      if (mode !== PLAIN_DIRECTORY) await chmod(target, mode);
      await rmdir(source);
      continue;
    }
    // A file is replaced by itself, and a directory by nothing but one.
    if (isDirectory) await unlink(target).catch(ignoreMissing);
    else if (await isDirectoryAt(target)) await removeTree(target);
    await rename(source, target);
  }
}

async function entriesOf(directory: Buffer): Promise<Entry[]> {
  // As bytes: decoded, a name that is no UTF-8 would be another one.
  const listing = await opendir(directory as unknown as string, {
    encoding: 'buffer' as BufferEncoding,
  });
  const entries: Entry[] = [];
  for await (const entry of listing) {
    entries.push({ name: Buffer.from(entry.name), isDirectory: entry.isDirectory() });
  }
  return entries;
}

async function isDirectoryAt(place: Buffer | undefined): Promise<boolean> {
  if (place === undefined) return false;
  try {
    return (await lstat(place)).isDirectory();
  } catch (error) {
    ignoreMissing(error);
    return false;
  }
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}

const startsWith = (name: Buffer, prefix: Buffer): boolean =>
  name.subarray(0, prefix.length).equals(prefix);

const within = (directory: Buffer, name: Buffer): Buffer =>
  Buffer.concat([directory, Buffer.from('/'), name]);
