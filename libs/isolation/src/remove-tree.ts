// Owns deleting a directory that a task has filled, whatever it holds: names that are no UTF-8, directories that lie deeper
// than a path is long, more of them than one call takes, directories that nobody may enter. Small ones, as most are, cost no
// process; the rest of a large one is left to rm(1), so that it costs no time of this process. Who may delete what is decided
// elsewhere. Linux only (/proc/self/fd is openat(2) here).
import { constants } from 'node:fs';
import { chmod, type FileHandle, open, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { errorCode } from './file-failure.ts';
import { runCommand } from './run-command.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
/** open(2): a handle that only stands for the file, for which no right to it is needed. */
const O_PATH = 0o10000000;
/** Some 100 ms; starting a process costs less than that. */
const MAX_OWN_DELETES = 512;
/** It follows no link and enters no other file system. With another's need for the CPU before its own, and not beyond this process. */
const RM = ['setpriv', '--pdeathsig=KILL', '--', 'nice', '-n', '19'];
const RM_TREE = [...RM, 'rm', '--recursive', '--force', '--one-file-system', '--'];
const RM_TIMEOUT_MS = 3_600_000;

/** Files that are deleted before others in this process get their turn. */
const DELETES_A_STEP = 64;
/** Names in the root that are tried for one directory: the task may have taken some. */
const MAX_NAMES_TRIED = 10_000;

/** As `rm -r`. A link is deleted, not followed. What is not there is removed already. Rejects with the file error. */
export async function removeTree(directory: string | Buffer): Promise<void> {
  if (await isRemoved(directory, MAX_OWN_DELETES)) return;
  // An argument is text.
  if (typeof directory === 'string') {
    await runCommand([...RM_TREE, directory], {}, '', RM_TIMEOUT_MS);
  }
  // What it could not delete, and why; or all of it, where it cannot be run.
  await isRemoved(directory, Number.POSITIVE_INFINITY);
}

/** False where there is more than so much of it. */
async function isRemoved(directory: string | Buffer, maxDeletes: number): Promise<boolean> {
  let root: FileHandle | undefined;
  try {
    root = await ignoreMissing(openDirectory(directory));
  } catch (error) {
    if (errorCode(error) !== 'ENOTDIR') throw error;
    // A link or a file stands in its place.
    await ignoreMissing(unlink(directory));
  }
  if (root === undefined) return true;
  try {
    if (!(await new Emptying(root, maxDeletes).run())) return false;
  } finally {
    await root.close();
  }
  await ignoreMissing(rmdir(directory));
  return true;
}

/** Directories are moved up into the root before they are looked into, so that every path is short. */
class Emptying {
  readonly #root: FileHandle;
  readonly #movedUp = new Set<string>();
  readonly #maxDeletes: number;
  #names = 0;
  #deletes = 0;

  constructor(root: FileHandle, maxDeletes: number) {
    this.#root = root;
    this.#maxDeletes = maxDeletes;
  }

  /** False when it has given up, having deleted as much as it may. */
  async run(): Promise<boolean> {
    await this.#empty(this.#root);
    // What is moved up meanwhile comes behind, and is visited as well.
    for (const name of this.#movedUp) {
      if (this.#isSpent) return false;
      const place = `${pathOf(this.#root)}/${name}`;
      const directory = await ignoreMissing(openDirectory(place));
      if (directory !== undefined) {
        try {
          await this.#empty(directory);
        } finally {
          await directory.close();
        }
        if (!this.#isSpent) await ignoreMissing(rmdir(place));
      }
      this.#movedUp.delete(name);
    }
    return !this.#isSpent;
  }

  get #isSpent(): boolean {
    return this.#deletes >= this.#maxDeletes;
  }

  async #empty(directory: FileHandle): Promise<void> {
    const place = `${pathOf(directory)}/`;
    // As bytes: decoded, a name that is no UTF-8 would be another one.
    const listing = await opendir(place, { encoding: 'buffer' as BufferEncoding });
    for await (const entry of listing) {
      if (this.#isSpent) return;
      const name = Buffer.from(entry.name);
      if (directory === this.#root && this.#movedUp.has(name.toString('latin1'))) continue;
      const file = Buffer.concat([Buffer.from(place), name]);
      if (!entry.isDirectory()) await ignoreMissing(unlink(file));
      else if (!(await isRemovedEmpty(file))) {
        // Even to move it away one must be let into it.
        await (await ignoreMissing(openDirectory(file)))?.close();
        await this.#moveUp(file);
      }
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

/** Whatever its owner, who is this user or somebody whom root need not ask, has closed. */
async function openDirectory(directory: string | Buffer): Promise<FileHandle> {
  const place = await open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  try {
    const { mode } = await place.stat();
    if ((mode & OWNERS_RIGHTS) !== OWNERS_RIGHTS) await chmod(pathOf(place), OWNERS_RIGHTS);
    return await open(pathOf(place), O_RDONLY | O_DIRECTORY);
  } finally {
    await place.close();
  }
}

const OWNERS_RIGHTS = 0o700;

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
