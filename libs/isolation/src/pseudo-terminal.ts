// Owns terminals for commands: script(1) of util-linux makes one, so no native module is needed. The command line that it
// takes is for a shell; everything in it is quoted here, and nothing else of the project goes to a shell.
import { readlink } from 'node:fs/promises';
import { runCommand } from './run-command.ts';

export type Size = { readonly rows: number; readonly columns: number };

/**
 * Words that run others under a terminal of this size. Its exit code is theirs, 128 and the number of the signal that
 * killed them; what is written to either output comes out of the first.
 */
export function underTerminal({ rows, columns }: Size, words: readonly string[]): string[] {
  const size = `stty rows ${Math.trunc(rows)} cols ${Math.trunc(columns)}`;
  const line = `${size}; exec ${words.map(quote).join(' ')}`;
  return ['/usr/bin/script', '--quiet', '--flush', '--return', '--command', line, '/dev/null'];
}

/** One word to a POSIX shell, whatever is in it: between single quotes only these mean something. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** Sets the size of the terminal that a process has, and the kernel tells who is in front of it. Does nothing without one. */
export async function resizeTerminal(pid: number, { rows, columns }: Size): Promise<void> {
  const terminal = await readlink(`/proc/${pid}/fd/0`).catch(() => '');
  if (!/^\/dev\/pts\/\d+$/.test(terminal)) return;
  await runCommand(['stty', '-F', terminal, 'rows', String(rows), 'cols', String(columns)]);
}
