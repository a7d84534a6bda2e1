// Finds the disk that holds a directory, and whether what tasks read and write of it can be limited. How is in io-limits.ts.
// Sources: sysfs(5), /sys/dev/block (partitions lie in the directory of their disk).

import { readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './file-failure.ts';
import type { IoHost } from './io-limits.ts';

export type IoPlaces = {
  /** sysfs: its folder of block devices, by numbers. */
  readonly blockDevices: string;
  readonly deviceNodes: string;
};

const HOST_IO_PLACES: IoPlaces = { blockDevices: '/sys/dev/block', deviceNodes: '/dev' };

type IoQuestion = {
  readonly directory: string;
  /** What whoever makes the scopes may use. */
  readonly controllers: readonly string[];
  readonly places?: IoPlaces;
};

/** Never rejects: where a disk cannot be found is said by what is lacking. */
export async function findIoHost(question: IoQuestion): Promise<IoHost> {
  const { directory, controllers, places = HOST_IO_PLACES } = question;
  if (!controllers.includes('io') && !controllers.includes('blkio')) {
    return { lacks: 'the cgroup controller for it (io, on v1 blkio) is not there for its agent' };
  }
  try {
    return { device: await wholeDiskOf((await stat(directory)).dev, places) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { lacks: `${directory} is not on a disk of its own host: ${why}` };
  }
}

/** Of the `dev_t` of a file system; rejects with why it has none. */
async function wholeDiskOf(dev: number, places: IoPlaces): Promise<string> {
  // makedev(3), as glibc packs it in 64 bits; what Node gives is exact up to 2⁵³.
  const packed = BigInt(dev);
  const major = ((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n);
  const minor = (packed & 0xffn) | ((packed >> 12n) & 0xffffff00n);
  if (major === 0n) throw new Error('its file system has no block device');
  const device = await realpath(path.join(places.blockDevices, `${major}:${minor}`));
  const isPartition = (await textOf(path.join(device, 'partition'))) !== undefined;
  const disk = isPartition ? path.dirname(device) : device;
  const uevent = (await textOf(path.join(disk, 'uevent'))) ?? '';
  const name = /^DEVNAME=([A-Za-z0-9_.!/-]+)$/m.exec(uevent)?.[1];
  if (name === undefined || name.includes('..')) throw new Error(`${disk} names no device`);
  const node = path.join(places.deviceNodes, name);
  if (!(await stat(node)).isBlockDevice()) throw new Error(`${node} is no block device`);
  return node;
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
