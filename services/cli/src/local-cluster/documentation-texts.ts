// Owns the default input of the word count: the documentation texts of the installed dependencies. It lists files
// and reads none; links are not followed, so that the packages of this clone itself do not count.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { CommandFailure, EXIT, reasonOf } from '../command-failure.ts';

const DOCUMENTATION = /(?:\.md|\.txt|^LICENSE.*)$/;

/** Absolute paths, sorted. Throws when there are none. */
export async function listDocumentation(nodeModules: string): Promise<string[]> {
  const files = await readRegularFiles(nodeModules);
  const texts = files.filter((file) => DOCUMENTATION.test(path.basename(file))).sort();
  if (texts.length > 0) return texts;
  throw new CommandFailure(EXIT.failed, {
    what: 'there is no text to count words in',
    why: `${nodeModules} holds no *.md, *.txt or LICENSE* file`,
    remedy: 'run "npm install" in the clone, or name a folder with --input DIR',
  });
}

async function readRegularFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
  } catch (error) {
    const words = { what: `${folder} cannot be listed`, why: reasonOf(error) };
    throw new CommandFailure(EXIT.failed, words, error);
  }
}
