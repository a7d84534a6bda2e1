// Owns what is told of a file beside what is in it.
import type { BigIntStats } from 'node:fs';
import type { FileEntry } from '@parley/protocol/task-files';

export function entryOf(name: Uint8Array, status: BigIntStats): FileEntry {
  return {
    name: Uint8Array.from(name),
    kind: kindOf(status),
    size: told(status.size),
    modifiedMs: told(status.mtimeMs),
    mode: Number(status.mode & 0o7777n),
    fileId: fileIdOf(status),
  };
}

const MOST = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * As a message can tell it. A task may give a file any time of 64 bits, and where the file system takes it a size of 8 EiB: from
 * 2^53 on it is told as that, so that one such file does not keep all others of its directory from being seen.
 */
const told = (number: bigint): number =>
  Number(number > MOST ? MOST : number < -MOST ? -MOST : number);

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
