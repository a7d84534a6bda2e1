// Owns which part of a task's output is still on the disk: all that lies before its first kept byte was given back to the file
// system, and reads as zeros. Kept beside the output in the run directory. What is given back, and when, the agent decides.
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './file-failure.ts';

export type OutputStream = 'stdout' | 'stderr';

/** The file that a task's output goes to, whatever the task does to the name of it in its sandbox. */
export function outputFile(runDirectory: string, stream: OutputStream): string {
  return path.join(runDirectory, stream);
}

/**
 * Offset of the first byte that is kept, from the beginning of the output; 0 while all is. A task can empty its output, which
 * then begins anew: an offset beyond the size of the file means nothing. Rejects with the file error.
 */
export async function readFirstKept(runDirectory: string, stream: OutputStream): Promise<number> {
  try {
    const text = await readFile(noteOf(runDirectory, stream), 'utf8');
    return /^\d{1,15}$/.test(text) ? Number(text) : 0;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** To be told before anything is given back, so that no reader takes zeros for output. Rejects with the file error. */
export async function writeFirstKept(
  runDirectory: string,
  stream: OutputStream,
  offset: number,
): Promise<void> {
  const note = noteOf(runDirectory, stream);
  await writeFile(`${note}.new`, String(offset), { mode: 0o600 });
  await rename(`${note}.new`, note);
}

const noteOf = (runDirectory: string, stream: OutputStream): string =>
  path.join(runDirectory, `${stream}.first`);
