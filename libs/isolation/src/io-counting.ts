// Has the kernel count, on cgroup v1, what tasks read and write of a disk: since Linux 6.10 it begins with the first limit on
// that disk (block/blk-throttle.c, `blk_throtl_init`), and the counters of who has none stay at nothing. It limits nothing.
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { numbersOf } from './device-nodes.ts';

const HIERARCHY = '/sys/fs/cgroup/blkio';
const LIMITS = 'blkio.throttle.read_bps_device';

/** `device`: the node of a whole disk. False where this process may not say so; then it counts if somebody else has. */
export async function countInputOutput(device: string, hierarchy = HIERARCHY): Promise<boolean> {
  const file = path.join(hierarchy, LIMITS);
  try {
    const numbers = numbersOf((await stat(device)).rdev).join(':');
    // Whoever has a limit there has begun it for this disk, and is to keep it.
    const limits = (await readFile(file, 'utf8')).split('\n');
    if (limits.some((line) => line.startsWith(`${numbers} `))) return true;
    // No limit, which is what every group has before.
    await writeFile(file, `${numbers} 0`);
    return true;
  } catch {
    return false;
  }
}
