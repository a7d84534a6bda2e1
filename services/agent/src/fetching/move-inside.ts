// Owns moving what was unpacked into a sandbox: directories are joined with those that are there, files replace files, and
// nothing is moved over or through a link. Linux only (/proc/self/fd is openat(2) here).
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir, readlink, rename } from 'node:fs/promises';
import { errorCode } from '@parley/isolation/file-failure';
import { SandboxPathError } from '../sandbox-files.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** All that is in the one directory, into the other, in one file system. What could not be moved stays where it is. */
export async function moveInside(from: FileHandle, into: FileHandle): Promise<void> {
  // As bytes: decoded, a name that is no UTF-8 would be another one.
  const listing = await opendir(`${pathOf(from)}/`, { encoding: 'buffer' as BufferEncoding });
  const names: Buffer[] = [];
  for await (const entry of listing) names.push(Buffer.from(entry.name));
  for (const name of names) await moveOne(from, into, name);
}

async function moveOne(from: FileHandle, into: FileHandle, name: Buffer): Promise<void> {
  const source = placeIn(from, name);
  const target = placeIn(into, name);
  const standing = await lstat(target).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  const isDirectory = (await lstat(source)).isDirectory();
  if (standing !== undefined && standing.isDirectory() !== isDirectory) throw taken(name);
  if (standing?.isSymbolicLink() === true) {
    // An earlier try got so far.
    if (await isSameLink(source, target)) return;
    throw taken(name);
  }
  if (standing === undefined || !isDirectory) {
    await rename(source, target);
    return;
  }
  const inner = await open(source, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const outer = await open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      await moveInside(inner, outer);
    } finally {
      await outer.close();
    }
  } finally {
    await inner.close();
  }
}

async function isSameLink(one: Buffer, other: Buffer): Promise<boolean> {
  const target = await readlink(one, 'buffer').catch(() => undefined);
  return target?.equals(await readlink(other, 'buffer')) === true;
}

const taken = (name: Buffer): SandboxPathError =>
  new SandboxPathError(`there is something at ${name.toString()} in the sandbox already`);

function placeIn(directory: FileHandle, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${pathOf(directory)}/`), name]);
}

const pathOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;
