// Opens files inside a task's sandbox so that no link leads out of it, whatever the task has put there: every
// component is opened below the one before it, and none may be a link. What is made there belongs to whom the sandbox
// belongs. Linux only (/proc/self/fd is openat(2) here).
import { type BigIntStats, constants } from 'node:fs';
import {
  type FileHandle,
  lchown,
  lstat,
  mkdir,
  open,
  readlink,
  symlink,
  unlink,
} from 'node:fs/promises';
import { errorCode } from '@parley/isolation/file-failure';
import type { Owner } from '@parley/isolation/sandbox';
import { showName } from '@parley/protocol/file-names';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
/** open(2): a handle that only stands for the file. Nothing is read, and neither a FIFO nor a device is opened by it. */
const O_PATH = 0o10000000;

/** What is wrong with a path in a sandbox, said for the framework's eyes; other file errors come as they are. */
export class SandboxPathError extends Error {
  readonly reason: 'noSandbox' | 'missing' | 'refused';

  constructor(message: string, reason: SandboxPathError['reason'] = 'refused') {
    super(message);
    this.reason = reason;
  }
}

/** A regular file to read. `relative`: parsed by `SandboxPath`, so without `..`. */
export async function openToRead(sandbox: string, relative: string): Promise<FileHandle> {
  const parts = relative.split('/').map((part) => Buffer.from(part));
  const found = await findInside(sandbox, parts);
  try {
    if (found.status.isFile()) return await openFound(found);
    const isLink = found.status.isSymbolicLink();
    const what = isLink ? 'is a link, which is not followed' : 'is no regular file';
    throw new SandboxPathError(`${relative} ${what}`);
  } finally {
    await found.handle.close();
  }
}

/** What stands at a path. `handle` is no link that was followed, and reads nothing: see `openFound`. */
export type Found = { readonly handle: FileHandle; readonly status: BigIntStats };

/** Opens nothing that could block or do something by being opened. `parts`: none is empty, `.` or `..`. */
export async function findInside(sandbox: string, parts: readonly Buffer[]): Promise<Found> {
  let handle = await openSandbox(sandbox, O_PATH);
  try {
    for (const [index, part] of parts.entries()) {
      const isOnTheWay = index < parts.length - 1 ? O_DIRECTORY : 0;
      const place = Buffer.concat([Buffer.from(`${pathOf(handle)}/`), part]);
      const next = await open(place, O_PATH | O_NOFOLLOW | isOnTheWay);
      await handle.close();
      handle = next;
    }
    return { handle, status: await handle.stat({ bigint: true }) };
  } catch (error) {
    await handle.close();
    throw explained(
      error,
      showName(Buffer.concat(parts.flatMap((part) => [SLASH, part]).slice(1))),
    );
  }
}

/** A second handle of the same file, that reads it. Only for regular files. */
export function openFound({ handle }: Found): Promise<FileHandle> {
  return open(pathOf(handle), O_RDONLY | O_NONBLOCK);
}

const SLASH = Buffer.from('/');

/**
 * An empty file to write, made anew; the directories on the way are made. It is a regular one for as long as the handle is
 * open, whatever becomes of its name: opened once more by way of the handle (see `pathOf`) it blocks nobody.
 */
export function openToWrite(sandbox: string, relative: string): Promise<FileHandle> {
  return inside(sandbox, relative, true, async (directory, name, owner) => {
    const place = `${pathOf(directory)}/${name}`;
    for (let tries = 1; ; tries += 1) {
      try {
        const handle = await open(place, NEW_FILE, 0o644);
        if (isForeign(owner)) await handle.chown(owner.userId, owner.groupId);
        return handle;
      } catch (error) {
        if (errorCode(error) !== 'EEXIST' || tries === MAX_REPLACED) throw error;
        await removeFile(place, relative);
      }
    }
  });
}

/** Whoever writes there at the same time puts something in its place again. */
const MAX_REPLACED = 5;
/** What stands there is never opened: a FIFO would block, and a file with a second name is somebody's elsewhere. */
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

async function removeFile(place: string, relative: string): Promise<void> {
  try {
    const status = await lstat(place);
    if (status.isSymbolicLink()) throw refusedAsLink(relative);
    if (!status.isFile()) throw new SandboxPathError(`${relative} is no regular file`);
    await unlink(place);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** A directory, made with those on the way to it; the sandbox itself where no path is given. */
export function openDirectoryInside(
  sandbox: string,
  relative: string | undefined,
): Promise<FileHandle> {
  if (relative === undefined) return open(sandbox, DIRECTORY);
  return inside(sandbox, relative, true, async (directory, name, owner) => {
    const place = `${pathOf(directory)}/${name}`;
    await makeDirectory(place, owner);
    return open(place, DIRECTORY);
  });
}

/** Of the sandbox, and of all that is put into it. */
export async function ownerOf(sandbox: FileHandle): Promise<Owner> {
  const { uid: userId, gid: groupId } = await sandbox.stat();
  return { userId, groupId };
}

/**
 * Puts a link to a directory of the agent's into the sandbox; the directories on the way are made. One that is there
 * and leads to the same place is fine (an earlier process made it); anything else in its place is refused.
 */
export async function linkInside(sandbox: string, relative: string, target: string): Promise<void> {
  await inside(sandbox, relative, true, async (directory, name, owner) => {
    const place = `${pathOf(directory)}/${name}`;
    try {
      await symlink(target, place);
      if (isForeign(owner)) await lchown(place, owner.userId, owner.groupId);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
      if ((await readlink(place).catch(() => undefined)) === target) return;
      throw new SandboxPathError(`there is something at ${relative} in the sandbox already`);
    }
  });
}

/** Does something with the last part of the path in the directory that the parts before it lead to. */
async function inside<Result>(
  sandbox: string,
  relative: string,
  makesDirectories: boolean,
  work: (directory: FileHandle, name: string, owner: Owner) => Promise<Result>,
): Promise<Result> {
  const parts = relative.split('/');
  const name = parts.pop() ?? '';
  let directory = await openSandbox(sandbox, O_RDONLY);
  try {
    const owner = await ownerOf(directory);
    for (const part of parts) {
      const next = `${pathOf(directory)}/${part}`;
      if (makesDirectories) await makeDirectory(next, owner);
      const opened = await open(next, DIRECTORY);
      await directory.close();
      directory = opened;
    }
    return await work(directory, name, owner);
  } catch (error) {
    throw explained(error, relative);
  } finally {
    await directory.close();
  }
}

async function openSandbox(sandbox: string, flags: number): Promise<FileHandle> {
  try {
    return await open(sandbox, flags | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw explained(error, sandbox);
    throw new SandboxPathError('the sandbox is not there', 'noSandbox');
  }
}

/** Leads to what the handle stands for, whatever its name has become meanwhile. */
export function pathOf(directory: FileHandle): string {
  return `/proc/self/fd/${directory.fd}`;
}

async function makeDirectory(directory: string, owner: Owner): Promise<void> {
  try {
    await mkdir(directory, 0o755);
    if (isForeign(owner)) await lchown(directory, owner.userId, owner.groupId);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

const isForeign = ({ userId }: Owner): boolean => userId !== process.geteuid?.();

function explained(error: unknown, relative: string): unknown {
  switch (errorCode(error)) {
    case 'ENOENT':
      return new SandboxPathError(`there is no file ${relative} in the sandbox`, 'missing');
    case 'ELOOP':
    case 'ENOTDIR':
      // A link where a directory must be answers ENOTDIR.
      return refusedAsLink(relative);
    default:
      return error;
  }
}

const refusedAsLink = (relative: string): SandboxPathError =>
  new SandboxPathError(`${relative} leads over a link or a file, which is not followed`);
