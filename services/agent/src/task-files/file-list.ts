// Owns listing a directory of any size by pages: bounded in memory by the page, in time by how many names are looked at.
import { type FileHandle, lstat, opendir } from 'node:fs/promises';
import type { FileEntry, FilesResult } from '@parley/protocol/task-files';
import { pathOf } from '../sandbox-files.ts';
import { entryOf } from './file-entry.ts';

export type Page = Omit<Extract<FilesResult, { kind: 'list' }>, 'kind'>;

/** Some 100 ms. */
const MAX_LOOKED_AT = 100_000;

/** The `limit` names that come first behind `after`, in the order of their bytes. */
export async function listDirectory(
  directory: FileHandle,
  asked: { readonly after?: Uint8Array | undefined; readonly limit: number },
): Promise<Page> {
  const { names, isCut } = await namesOf(directory);
  const after = asked.after === undefined ? undefined : Buffer.from(asked.after);
  const rest = after === undefined ? names : names.filter((name) => name.compare(after) > 0);
  rest.sort((one, other) => one.compare(other));
  const page = rest.slice(0, asked.limit);
  const entries = await Promise.all(page.map((name) => describe(directory, name)));
  const last = page.at(-1);
  return {
    // A name that went meanwhile is not there.
    entries: entries.filter((entry) => entry !== undefined),
    ...(rest.length > page.length && last !== undefined && { next: Uint8Array.from(last) }),
    isCut,
  };
}

async function namesOf(directory: FileHandle): Promise<{ names: Buffer[]; isCut: boolean }> {
  const names: Buffer[] = [];
  for await (const { name } of await opendir(pathOf(directory), {
    // Names are bytes: those that are no UTF-8 are names as well.
    encoding: 'buffer' as BufferEncoding,
    bufferSize: 256,
  })) {
    if (names.length >= MAX_LOOKED_AT) return { names, isCut: true };
    names.push(Buffer.from(name));
  }
  return { names, isCut: false };
}

async function describe(directory: FileHandle, name: Buffer): Promise<FileEntry | undefined> {
  try {
    const place = Buffer.concat([Buffer.from(`${pathOf(directory)}/`), name]);
    return entryOf(name, await lstat(place, { bigint: true }));
  } catch {
    return undefined;
  }
}
