// Owns listing a directory of any size by pages: bounded in memory by the page, in time by how many names are looked at.
import { type FileHandle, lstat, opendir } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import type { FileEntry, FilesResult } from '@parley/protocol/task-files';
import { pathOf } from '../sandbox-files.ts';
import { entryOf } from './file-entry.ts';

export type Page = Omit<Extract<FilesResult, { kind: 'list' }>, 'kind'>;

/** Some 100 ms. */
const MAX_LOOKED_AT = 100_000;
const BATCH = 256;

/** The `limit` names that come first behind `after`, in the order of their bytes. */
export async function listDirectory(
  directory: FileHandle,
  asked: { readonly after?: Uint8Array | undefined; readonly limit: number },
): Promise<Page> {
  const first = new FirstNames(asked.limit, asked.after);
  const isCut = await readNames(directory, first);
  const page = first.names();
  const entries = await Promise.all(page.map((name) => describe(directory, name)));
  const last = page.at(-1);
  return {
    // A name that went meanwhile is not there.
    entries: entries.filter((entry) => entry !== undefined),
    ...(first.seen > page.length && last !== undefined && { next: Uint8Array.from(last) }),
    isCut,
  };
}

/** Of all names that it is shown those that come first; never many more are held, nor sorted at a time. */
class FirstNames {
  readonly #limit: number;
  readonly #after: Uint8Array | undefined;
  #names: Buffer[] = [];
  /** So many come before it: a name behind it is none of the first. */
  #last: Buffer | undefined;
  /** How many there are behind `after`. */
  seen = 0;

  constructor(limit: number, after: Uint8Array | undefined) {
    this.#limit = limit;
    this.#after = after;
  }

  show(name: Buffer): void {
    if (this.#after !== undefined && name.compare(this.#after) <= 0) return;
    this.seen += 1;
    if (this.#last !== undefined && name.compare(this.#last) > 0) return;
    this.#names.push(name);
    if (this.#names.length >= this.#limit * 2) this.#keepFirst();
  }

  names(): readonly Buffer[] {
    this.#keepFirst();
    return this.#names;
  }

  #keepFirst(): void {
    this.#names.sort((one, other) => one.compare(other));
    this.#names = this.#names.slice(0, this.#limit);
    if (this.#names.length === this.#limit) this.#last = this.#names.at(-1);
  }
}

/** True when there are more than are looked at. Others in this process have their turn after every batch. */
async function readNames(directory: FileHandle, first: FirstNames): Promise<boolean> {
  let count = 0;
  for await (const { name } of await opendir(pathOf(directory), {
    // Names are bytes: those that are no UTF-8 are names as well.
    encoding: 'buffer' as BufferEncoding,
    bufferSize: BATCH,
  })) {
    if (count >= MAX_LOOKED_AT) return true;
    count += 1;
    first.show(Buffer.from(name));
    if (count % BATCH === 0) await turn();
  }
  return false;
}

async function describe(directory: FileHandle, name: Buffer): Promise<FileEntry | undefined> {
  try {
    const place = Buffer.concat([Buffer.from(`${pathOf(directory)}/`), name]);
    return entryOf(name, await lstat(place, { bigint: true }));
  } catch {
    return undefined;
  }
}
