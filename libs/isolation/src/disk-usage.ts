// Owns measuring how much of the disk directories take: by blocks, each hard-linked file once, no link followed and no other
// file system entered. By `du`, so that a directory of a million files costs no time of this process.
import { runCommand } from './run-command.ts';

/** With another's need for the CPU before its own. */
const DU = ['nice', '-n', '19', 'du', '--summarize', '--one-file-system', '--null'];
const BATCH = 64;
const MIB = 1024 * 1024;

export type DiskUsage = {
  /** MiB, not rounded; none of a directory that is not there. */
  readonly usedMib: ReadonlyMap<string, number>;
  /** These could not be measured within a minute. */
  readonly tooLarge: readonly string[];
  /** Why nothing at all was measured: there is no `du` that can. */
  readonly trouble?: string;
};

/** One `du` after the other; a directory that takes it too long is tried once more by itself. Absolute paths. */
export async function measureDisk(directories: readonly string[]): Promise<DiskUsage> {
  const usedMib = new Map<string, number>();
  const slow: string[] = [];
  for (let begin = 0; begin < directories.length; begin += BATCH) {
    const batch = directories.slice(begin, begin + BATCH);
    const { isWhole, trouble } = await measure(batch, usedMib);
    if (trouble !== undefined) return { usedMib, tooLarge: [], trouble };
    if (!isWhole) slow.push(...batch.filter((directory) => !usedMib.has(directory)));
  }
  const tooLarge: string[] = [];
  for (const directory of slow) {
    if (!(await measure([directory], usedMib)).isWhole) tooLarge.push(directory);
  }
  return { usedMib, tooLarge };
}

/** `du` exits with 1 where something went away under it, and with what it found all the same. */
async function measure(
  directories: readonly string[],
  usedMib: Map<string, number>,
): Promise<{ readonly isWhole: boolean; readonly trouble?: string }> {
  const { code, stdout, stderr } = await runCommand([
    ...DU,
    '--block-size=1',
    '--',
    ...directories,
  ]);
  for (const line of stdout.split('\0')) {
    const tab = line.indexOf('\t');
    if (tab > 0) usedMib.set(line.slice(tab + 1), Number(line.slice(0, tab)) / MIB);
  }
  if (code === 0 || code === 1) return { isWhole: true };
  // Ended for want of time, it has said nothing.
  return /unrecognized|not found|No such|ENOENT/i.test(stderr)
    ? { isWhole: false, trouble: stderr.trim() }
    : { isWhole: false };
}
