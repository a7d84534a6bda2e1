// Owns deleting a directory that a task has filled, whatever it holds: names that are no UTF-8, directories that lie deeper
// than a path is long, more of them than one call takes. Who may delete what is decided elsewhere. Linux only
// (/proc/self/fd is openat(2) here).
import { constants } from 'node:fs';
import { type FileHandle, open, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { errorCode } from './file-failure.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** Files that are deleted before others in this process get their turn. */
const DELETES_A_STEP = 64;
/** Names in the root that are tried for one directory: the task may have taken some. */
const MAX_NAMES_TRIED = 10_000;

/** As `rm -r`, by steps. A link is deleted, not followed. What is not there is removed already. Rejects with the file error. */
export async function removeTree(directory: string | Buffer): Promise<void> {
  let root: FileHandle | undefined;
  try {
    root = await ignoreMissing(openDirectory(directory));
  } catch (error) {
    if (errorCode(error) !== 'ENOTDIR') throw error;
    // A link or a file stands in its place.
    await ignoreMissing(unlink(directory));
  }
  if (root === undefined) return;
  try {
    await new Emptying(root).run();
  } finally {
    await root.close();
  }
  await ignoreMissing(rmdir(directory));
}

/** Directories are moved up into the root before they are looked into, so that every path is short. */
class Emptying {
  readonly #root: FileHandle;
  readonly #movedUp = new Set<string>();
  #names = 0;
  #deletes = 0;

  constructor(root: FileHandle) {
    this.#root = root;
  }

  async run(): Promise<void> {
    await this.#empty(this.#root);
    // What is moved up meanwhile comes behind, and is visited as well.
    for (const name of this.#movedUp) {
      const place = `${pathOf(this.#root)}/${name}`;
      const directory = await ignoreMissing(openDirectory(place));
      if (directory !== undefined) {
        try {
          await this.#empty(directory);
        } finally {
          await directory.close();
        }
        await ignoreMissing(rmdir(place));
      }
      this.#movedUp.delete(name);
    }
  }

  async #empty(directory: FileHandle): Promise<void> {
    const place = `${pathOf(directory)}/`;
    // As bytes: decoded, a name that is no UTF-8 would be another one.
    const listing = await opendir(place, { encoding: 'buffer' as BufferEncoding });
    for await (const entry of listing) {
      const name = Buffer.from(entry.name);
      if (directory === this.#root && this.#movedUp.has(name.toString('latin1'))) continue;
      const file = Buffer.concat([Buffer.from(place), name]);
      if (!entry.isDirectory()) await ignoreMissing(unlink(file));
      else if (!(await isRemovedEmpty(file))) await this.#moveUp(file);
      this.#deletes += 1;
      if (this.#deletes % DELETES_A_STEP === 0) await turn();
    }
  }

  async #moveUp(directory: Buffer): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      this.#names += 1;
      const name = `removed-${this.#names}`;
      try {
        // An empty directory of this name is replaced.
        await ignoreMissing(rename(directory, `${pathOf(this.#root)}/${name}`));
        this.#movedUp.add(name);
        return;
      } catch (error) {
        if (!isTaken(error) || tries >= MAX_NAMES_TRIED) throw error;
      }
    }
  }
}

async function isRemovedEmpty(directory: Buffer): Promise<boolean> {
  try {
    await ignoreMissing(rmdir(directory));
    return true;
  } catch (error) {
    if (isTaken(error)) return false;
    throw error;
  }
}

function isTaken(error: unknown): boolean {
  return ['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errorCode(error) ?? '');
}

function openDirectory(directory: string | Buffer): Promise<FileHandle> {
  return open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

function pathOf(directory: FileHandle): string {
  return `/proc/self/fd/${directory.fd}`;
}

async function ignoreMissing<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
