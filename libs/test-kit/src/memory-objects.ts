// Owns a principal's objects in a test: bytes by name, in memory.
import { writeFile } from 'node:fs/promises';
import type { WorkObjects } from '@parley/scheduler-sdk/scheduler-ports';

export class MemoryObjects implements WorkObjects {
  readonly #objects = new Map<string, Uint8Array>();

  async put(name: string, source: () => AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const part of source()) parts.push(part);
    this.#objects.set(name, Buffer.concat(parts));
  }

  /** Throws when there is no such object. */
  async download(name: string, path: string): Promise<void> {
    const bytes = this.#objects.get(name);
    if (bytes === undefined) throw new Error(`there is no object ${name}`);
    await writeFile(path, bytes);
  }

  async sizesBelow(prefix: string): Promise<ReadonlyMap<string, number>> {
    const below = [...this.#objects].filter(([name]) => name.startsWith(prefix));
    return new Map(below.map(([name, { length }]) => [name, length]));
  }

  async delete(name: string): Promise<void> {
    this.#objects.delete(name);
  }

  async deleteBelow(prefix: string): Promise<void> {
    for (const name of [...this.#objects.keys()]) {
      if (name.startsWith(prefix)) this.#objects.delete(name);
    }
  }
}
