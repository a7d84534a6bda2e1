// Owns the small disks of a run: file systems in memory, so that one can be filled without harm to the machine.
import { mkdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '@parley/isolation/run-command';

const FILLER = 'filler';
const CHUNK = Buffer.alloc(1024 * 1024);

/** Unmounted when the run ends (run-record.ts). */
export async function mountDisk(directory: string, mebibytes: number): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const argv = ['mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=755`, 'tmpfs', directory];
  const { code, stderr } = await runCommand(argv);
  if (code !== 0) throw new Error(`mount of ${directory}: ${stderr.trim()}`);
}

/** Until not a byte more fits. */
export async function fillDisk(directory: string): Promise<void> {
  const file = await open(path.join(directory, FILLER), 'a');
  try {
    for (let size = CHUNK.length; size > 0; ) {
      const wrote = await file.write(CHUNK, 0, size).catch(() => undefined);
      if (wrote === undefined || wrote.bytesWritten === 0) size = Math.floor(size / 2);
    }
  } finally {
    await file.close();
  }
}

export const freeDisk = (directory: string): void =>
  rmSync(path.join(directory, FILLER), { force: true });
