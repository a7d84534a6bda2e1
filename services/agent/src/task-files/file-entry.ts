// Owns what is told of a file beside what is in it.
import type { BigIntStats } from 'node:fs';
import type { FileEntry } from '@parley/protocol/task-files';

export function entryOf(name: Uint8Array, status: BigIntStats): FileEntry {
  return {
    name: Uint8Array.from(name),
    kind: kindOf(status),
    size: Number(status.size),
    modifiedMs: Number(status.mtimeMs),
    mode: Number(status.mode & 0o7777n),
    fileId: fileIdOf(status),
  };
}

/** An inode's number is given again soon: the time of its birth tells the two apart, where the file system keeps one. */
export const fileIdOf = ({ dev, ino, birthtimeNs }: BigIntStats): string =>
  `${dev}-${ino}-${birthtimeNs}`;

function kindOf(status: BigIntStats): FileEntry['kind'] {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  if (status.isSymbolicLink()) return 'link';
  if (status.isFIFO()) return 'fifo';
  return status.isSocket() ? 'socket' : 'device';
}
