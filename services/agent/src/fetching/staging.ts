// Owns where what is fetched stands before it is let into a sandbox: files without a name, which go with the process, and
// directories for what is unpacked, which go with the next start. Nobody but the agent gets there by name.
import { type FileHandle, mkdir, mkdtemp, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { removeTree } from '@parley/isolation/remove-tree';

export class Staging {
  readonly #root: string;
  #files = 0;
  #ready: Promise<void> | undefined;

  /** `directory`: its own alone; what lies in it at the start goes. */
  constructor(directory: string) {
    this.#root = directory;
  }

  /** Whoever writes there appends. To be closed by the caller. Rejects with the file error. */
  async file(): Promise<FileHandle> {
    await this.makeReady();
    this.#files += 1;
    const name = path.join(this.#root, `file-${this.#files}`);
    const handle = await open(name, 'ax+', 0o600);
    await unlink(name);
    return handle;
  }

  /** The directory is there while `work` is under way, and empty at first. */
  async inDirectory<Value>(work: (directory: string) => Promise<Value>): Promise<Value> {
    await this.makeReady();
    const directory = await mkdtemp(path.join(this.#root, 'unpacked-'));
    try {
      return await work(directory);
    } finally {
      await removeTree(directory);
    }
  }

  /** Takes away what an earlier process left. */
  makeReady(): Promise<void> {
    this.#ready ??= this.#clear().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #clear(): Promise<void> {
    await removeTree(this.#root);
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
  }
}
