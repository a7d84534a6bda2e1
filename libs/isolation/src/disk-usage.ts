// Owns measuring how much of the disk directories take: by blocks and by files, each hard-linked file once, no link followed
// and no other file system entered. By `du`, so that a directory of a million files costs no time of this process.
import { runCommand } from './run-command.ts';

/** With another's need for the CPU before its own. */
const DU = ['nice', '-n', '19', 'du', '--summarize', '--one-file-system', '--null'];
const BATCH = 64;
const MIB = 1024 * 1024;

export type DiskUsage = {
  /** MiB, not rounded; none of a directory that is not there. */
  readonly usedMib: ReadonlyMap<string, number>;
  /** Files, directories and what else has an inode; each of those with several names once. */
  readonly files: ReadonlyMap<string, number>;
  /** These could not be measured within a minute. */
  readonly tooLarge: readonly string[];
  /** Why nothing at all was measured: there is no `du` that can. */
  readonly trouble?: string;
};

type Counted = { readonly bytes: Map<string, number>; readonly files: Map<string, number> };

/** One `du` after the other; a directory that takes it too long is tried once more by itself. Absolute paths. */
export async function measureDisk(directories: readonly string[]): Promise<DiskUsage> {
  const counted: Counted = { bytes: new Map(), files: new Map() };
  const usage = (rest: Pick<DiskUsage, 'tooLarge' | 'trouble'>): DiskUsage => ({
    usedMib: new Map([...counted.bytes].map(([directory, bytes]) => [directory, bytes / MIB])),
    files: counted.files,
    ...rest,
  });
  const slow: string[] = [];
  for (let begin = 0; begin < directories.length; begin += BATCH) {
    const batch = directories.slice(begin, begin + BATCH);
    const { isWhole, trouble } = await measure(batch, counted);
    if (trouble !== undefined) return usage({ tooLarge: [], trouble });
    if (!isWhole) slow.push(...batch.filter((directory) => !counted.files.has(directory)));
  }
  const tooLarge: string[] = [];
  for (const directory of slow) {
    if (!(await measure([directory], counted)).isWhole) tooLarge.push(directory);
  }
  return usage({ tooLarge });
}

type Measured = { readonly isWhole: boolean; readonly trouble?: string };

/** Its blocks, then its files: `du` tells one of them at a time. */
async function measure(directories: readonly string[], counted: Counted): Promise<Measured> {
  const blocks = await count(['--block-size=1'], directories, counted.bytes);
  return blocks.isWhole ? count(['--inodes'], directories, counted.files) : blocks;
}

/** `du` exits with 1 where something went away under it, and with what it found all the same. */
async function count(
  what: readonly string[],
  directories: readonly string[],
  found: Map<string, number>,
): Promise<Measured> {
  const { code, stdout, stderr } = await runCommand([...DU, ...what, '--', ...directories]);
  for (const line of stdout.split('\0')) {
    const tab = line.indexOf('\t');
    if (tab > 0) found.set(line.slice(tab + 1), Number(line.slice(0, tab)));
  }
  if (code === 0 || code === 1) return { isWhole: true };
  // Ended for want of time, it has said nothing.
  return /unrecognized|not found|No such|ENOENT/i.test(stderr)
    ? { isWhole: false, trouble: stderr.trim() }
    : { isWhole: false };
}
