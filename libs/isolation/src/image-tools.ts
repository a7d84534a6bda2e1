// Owns the programs of the host that start a task in the root filesystem of an image, which need have none of them: copied
// with their libraries and their loader into one small directory, which is shown to such tasks read-only.
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readFile, realpath, rename } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './file-failure.ts';
import { STARTER } from './image-root.ts';
import { removeTree } from './remove-tree.ts';
import { runCommand, SYSTEM_PATH } from './run-command.ts';

const PROGRAMS = ['sh', 'env', 'setpriv', 'unshare', 'bwrap'];
/** ldd(1): `name => file (address)`, and the loader by its path alone. */
const LIBRARY = /^\s*\S+ => (\/\S+) \(0x/;
const LOADER = /^\s*(\/\S+) \(0x/;

/**
 * The directory; one of its own for each state of the host's programs, so that those of running tasks stay as they are.
 * Rejects with why this host has no such programs, or with the file error.
 */
export async function prepareImageTools(directory: string): Promise<string> {
  const files = await filesOf(await Promise.all(PROGRAMS.map(find)));
  const hash = createHash('sha256');
  for (const [name, file] of files) hash.update(`${name}\0`).update(await readFile(file));
  const place = path.join(directory, hash.digest('hex').slice(0, 32));
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const unfinished = await mkdtemp(path.join(directory, 'unfinished-'));
  try {
    for (const [name, file] of files) {
      await copyFile(file, path.join(unfinished, name));
      await chmod(path.join(unfinished, name), 0o755);
    }
    await chmod(unfinished, 0o755);
    await rename(unfinished, place);
  } catch (error) {
    await removeTree(unfinished);
    // It was made before.
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
  }
  return place;
}

async function find(program: string): Promise<string> {
  for (const place of SYSTEM_PATH.split(':')) {
    const file = await realpath(path.join(place, program)).catch(() => undefined);
    if (file !== undefined) return file;
  }
  throw new Error(`there is no ${program}`);
}

/** By the names that they have in the directory. */
async function filesOf(programs: readonly string[]): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const [index, file] of programs.entries()) {
    const { code, stdout, stderr } = await runCommand(['ldd', file]);
    if (code !== 0) throw new Error(`what ${file} needs was not found: ${stderr.trim()}`);
    files.set(PROGRAMS[index] ?? '', file);
    for (const line of stdout.split('\n')) {
      const [, library] = LIBRARY.exec(line) ?? [];
      const [, loader] = LOADER.exec(line) ?? [];
      if (library !== undefined) files.set(path.basename(library), library);
      if (loader !== undefined) files.set(STARTER, loader);
    }
  }
  if (!files.has(STARTER)) throw new Error('the programs of this host have no loader of their own');
  return files;
}
