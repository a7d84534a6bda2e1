// Owns the directories of persistent volumes below an agent's work directory: one a role and volume id. They are made
// when first used and outlive their tasks. Who may use or destroy one is decided elsewhere.
import { chmod, mkdir, readdir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, fileFailure } from '@parley/isolation/file-failure';
import { removeTree } from '@parley/isolation/remove-tree';
import { runCommand } from '@parley/isolation/run-command';
import type { Owner } from '@parley/isolation/sandbox';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { RoleName, VolumeId } from '@parley/protocol/ids';
import { volumesDirectoryOf } from './task-confinement.ts';

export class VolumeStore {
  readonly #workDirectory: string;
  readonly #trash: string;
  readonly #last = new Map<string, Promise<unknown>>();
  #trashCount = 0;

  constructor(workDirectory: string) {
    this.#workDirectory = workDirectory;
    this.#trash = path.join(workDirectory, 'destroyed-volumes');
  }

  /** Deletes what an earlier process had set aside for that. Rejects with the file error. */
  async clearTrash(): Promise<void> {
    await removeTree(this.#trash);
  }

  /**
   * The directory of a volume, made if need be. `owner`: who is to use it now, and nobody else but root; what another user
   * left in it becomes this one's. Fails with `diskFull` or `internalError`.
   */
  provide(role: RoleName, volumeId: VolumeId, owner?: Owner): Promise<Outcome<string>> {
    const directory = this.#directoryOf(role, volumeId);
    return this.#inTurn(directory, async () => {
      await mkdir(path.dirname(directory), { recursive: true, mode: 0o711 });
      await mkdir(directory, { recursive: true, mode: 0o755 });
      if (owner !== undefined) await handOver(directory, owner);
      return directory;
    });
  }

  /** Deletes the volume with its data; one that is not there is destroyed already. Fails as `provide` does. */
  destroy(role: RoleName, volumeId: VolumeId): Promise<Outcome<undefined>> {
    const directory = this.#directoryOf(role, volumeId);
    return this.#inTurn(directory, async () => {
      // Set aside in one step: after a death of this process no half of it is taken for the volume.
      const aside = await this.#setAside(directory);
      if (aside !== undefined) await removeTree(aside);
      return undefined;
    });
  }

  async #setAside(directory: string): Promise<string | undefined> {
    await mkdir(this.#trash, { recursive: true, mode: 0o700 });
    const taken = new Set(await readdir(this.#trash));
    do this.#trashCount += 1;
    while (taken.has(String(this.#trashCount)));
    const aside = path.join(this.#trash, String(this.#trashCount));
    try {
      await rename(directory, aside);
      return aside;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #inTurn<Value>(key: string, work: () => Promise<Value>): Promise<Outcome<Value>> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const result = before.then(work).then(
      (value): Outcome<Value> => succeed(value),
      (error: unknown): Outcome<Value> => {
        const { code, message } = fileFailure(error);
        return fail(code === 'diskFull' ? 'diskFull' : 'internalError', message);
      },
    );
    this.#last.set(key, result);
    const outcome = await result;
    if (this.#last.get(key) === result) this.#last.delete(key);
    return outcome;
  }

  #directoryOf(role: RoleName, volumeId: VolumeId): string {
    return volumeDirectoryOf(this.#workDirectory, { role, volumeId });
  }
}

/** Where a volume is, or will be. Both are parsed once more: what becomes part of a path was an id when it came, and is one now. */
export function volumeDirectoryOf(
  workDirectory: string,
  { role, volumeId }: { readonly role: RoleName; readonly volumeId: VolumeId },
): string {
  const ofRole = roleDirectory(RoleName.parse(role));
  return path.join(volumesDirectoryOf(workDirectory), ofRole, VolumeId.parse(volumeId));
}

/** Whatever an earlier user put there: chown(1) goes down by directories that are open, and follows no link. */
async function handOver(directory: string, { userId, groupId }: Owner): Promise<void> {
  const { uid, mode } = await stat(directory);
  if (uid === userId && (mode & 0o777) === 0o700) return;
  await chmod(directory, 0o700);
  const how = ['--no-dereference', '--recursive', '-P', `${userId}:${groupId}`];
  const { code, stderr } = await runCommand(['chown', ...how, '--', directory]);
  if (code !== 0) throw new Error(stderr);
}

/** A role as the name of one directory: `+` is in no role, so no two roles share one. */
export function roleDirectory(role: RoleName): string {
  return role === '*' ? '+' : role.replaceAll('/', '+');
}
