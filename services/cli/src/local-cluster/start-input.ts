// Owns the checks of what a start reads and writes before anything is started: the input folder is there and can be
// read down to its files, the output file can be written, the file of rules can be read (the master checks what it says).
import { constants } from 'node:fs';
import { access, open, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { CommandFailure, EXIT, reasonOf, systemCode, writeFailure } from '../command-failure.ts';

/** Throws a usage failure when the folder is missing, a failure when something in it cannot be read. */
export async function checkInput(folder: string | undefined): Promise<void> {
  if (folder === undefined) return;
  const found = await orFailure(folder, () => stat(folder));
  if (!found.isDirectory()) {
    const words = {
      what: `--input ${folder}: it is not a folder`,
      remedy: 'name a folder of texts',
    };
    throw new CommandFailure(EXIT.usage, words);
  }
  // Latin1 keeps every byte of a name, whatever it is.
  const entries = await orFailure(folder, () =>
    readdir(folder, { recursive: true, withFileTypes: true, encoding: 'latin1' }),
  );
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = Buffer.from(path.join(entry.parentPath, entry.name), 'latin1');
    await orFailure(file.toString('utf8'), () => access(file, constants.R_OK));
  }
}

/** Throws when the file cannot be written. */
export async function checkOutput(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  try {
    await (await open(file, 'a')).close();
  } catch (error) {
    throw writeFailure(
      `--output ${file} cannot be written`,
      path.dirname(path.resolve(file)),
      error,
    );
  }
}

/** Throws a usage failure when the file cannot be read, or is no JSON. */
export async function checkRules(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  try {
    JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const words = {
      what: `--authorization ${file} cannot be used`,
      why: reasonOf(error),
      remedy: 'infra/docs/authorization.md says what is in such a file',
    };
    throw new CommandFailure(EXIT.usage, words, error);
  }
}

async function orFailure<Value>(what: string, read: () => Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    const code = systemCode(error);
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    const words = {
      what: `the input ${what} cannot be read`,
      why: isMissing
        ? 'it does not exist'
        : code === 'EACCES'
          ? 'permission denied'
          : reasonOf(error),
      remedy: isMissing ? 'check the path after --input' : 'make it readable, or leave it out',
    };
    throw new CommandFailure(isMissing ? EXIT.usage : EXIT.failed, words, error);
  }
}
