// Owns finding the files to count: every regular file below folders, or those of a list. Paths are bytes,
// whatever they hold; links are not followed. What cannot be read is a failure that says what, why and what to do.
import { constants } from 'node:fs';
import { access, lstat, readdir, readFile, stat } from 'node:fs/promises';

export type InputFile = { readonly path: Buffer; readonly size: number };
export type Inputs =
  | { readonly ok: true; readonly files: readonly InputFile[] }
  | { readonly ok: false; readonly message: string };

/** A file or folder that cannot be read; `message` is for people. */
export class UnreadableInput extends Error {
  override readonly name = 'UnreadableInput';
}

const SLASH = Buffer.from('/');

/** Every regular file below the folders, sorted by the bytes of its path. */
export async function filesBelow(folders: readonly Buffer[]): Promise<Inputs> {
  return await collect(async (files) => {
    for (const folder of folders) {
      const found = await explain(folder, () => stat(folder));
      if (found.isDirectory()) await walk(folder, files);
      else if (found.isFile()) files.push(await readable(folder, found.size));
      else throw new UnreadableInput(`${showPath(folder)} is neither a folder nor a regular file.`);
    }
    files.sort((a, b) => Buffer.compare(a.path, b.path));
  });
}

/** The files that a list names, one path after another, each ended by a NUL byte. */
export async function filesOfList(list: Buffer): Promise<Inputs> {
  return await collect(async (files) => {
    const bytes = await explain(list, () => readFile(list));
    for (const path of splitAtNul(bytes)) {
      const found = await explain(path, () => stat(path));
      if (!found.isFile()) throw new UnreadableInput(`${showPath(path)} is no regular file.`);
      files.push(await readable(path, found.size));
    }
  });
}

/** A path for people: quoted, with escapes for what a terminal would not show. */
export function showPath(path: Buffer): string {
  return JSON.stringify(path.toString('utf8'));
}

async function collect(fill: (files: InputFile[]) => Promise<void>): Promise<Inputs> {
  const files: InputFile[] = [];
  try {
    await fill(files);
  } catch (error) {
    if (error instanceof UnreadableInput) return { ok: false, message: error.message };
    throw error;
  }
  return { ok: true, files };
}

async function walk(folder: Buffer, files: InputFile[]): Promise<void> {
  const folders = [folder];
  for (let current = folders.pop(); current !== undefined; current = folders.pop()) {
    const here = current;
    for (const name of await explain(here, () => readdir(here, { encoding: 'buffer' }))) {
      const path = Buffer.concat([here, SLASH, name]);
      const found = await explain(path, () => lstat(path));
      if (found.isDirectory()) folders.push(path);
      else if (found.isFile()) files.push(await readable(path, found.size));
    }
  }
}

async function readable(path: Buffer, size: number): Promise<InputFile> {
  await explain(path, () => access(path, constants.R_OK));
  return { path, size };
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(0); at !== -1; at = bytes.indexOf(0, from)) {
    if (at > from) parts.push(bytes.subarray(from, at));
    from = at + 1;
  }
  if (from < bytes.length) parts.push(bytes.subarray(from));
  return parts;
}

/** Throws `UnreadableInput` for what the read throws. */
export async function explain<T>(path: Buffer, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new UnreadableInput(explainReadError(path, error), { cause: error });
  }
}

/** What, why and what to do, for an error of the file system. */
function explainReadError(path: Buffer, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  const shown = showPath(path);
  switch (code) {
    case 'ENOENT':
      return `${shown} does not exist. Check the path.`;
    case 'EACCES':
    case 'EPERM':
      return `${shown} cannot be read: permission denied. Make it readable or leave it out.`;
    default:
      return `${shown} cannot be read (${code}). Repair it or leave it out.`;
  }
}
