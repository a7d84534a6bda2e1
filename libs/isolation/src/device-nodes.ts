// Owns the device nodes that a confined task is given: copies of the host's, in its run directory, that its user alone may
// open. That no other device can be opened is a property of its scope (unit-properties.ts). Needs root; mknod(1).

import { chown, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { GivenDevice } from './confinement.ts';
import { runCommand } from './run-command.ts';
import type { Owner } from './sandbox.ts';

const DIRECTORY = 'devices';

/** `devices`: nodes of the host, without links. Those of an earlier launch of the run stay. Rejects with why not. */
export async function makeDeviceNodes(
  runDirectory: string,
  devices: readonly string[],
  owner: Owner,
): Promise<GivenDevice[]> {
  const directory = path.join(runDirectory, DIRECTORY);
  if (devices.length > 0) await mkdir(directory, { recursive: true, mode: 0o700 });
  const made: GivenDevice[] = [];
  for (const [index, device] of devices.entries()) {
    const node = path.join(directory, String(index));
    const found = await stat(device);
    const isThere = await stat(node).then(
      ({ rdev }) => rdev === found.rdev,
      () => false,
    );
    if (!isThere) {
      const kind = found.isBlockDevice() ? 'b' : 'c';
      const words = ['mknod', '-m', '600', node, kind, ...numbersOf(found.rdev)];
      const { code, stderr } = await runCommand(words);
      if (code !== 0) throw new Error(stderr.trim());
    }
    // An earlier launch may have been killed before this.
    await chown(node, owner.userId, owner.groupId);
    made.push({ path: device, node });
  }
  return made;
}

/** Major and minor: makedev(3), as far as the kernel's own 32 bits go. */
export function numbersOf(rdev: number): string[] {
  return [(rdev >>> 8) & 0xfff, (rdev & 0xff) | ((rdev >>> 12) & 0xfff00)].map(String);
}
