// Owns that what several ask for at a time is done once: a file handle that all of them read, closed after the last one.
import type { FileHandle } from 'node:fs/promises';

type Work = { readonly result: Promise<FileHandle>; users: number };

export class SharedWork {
  readonly #underWay = new Map<string, Work>();

  /** `make` is called where nothing of this key is under way. Whoever comes after it was done begins anew. */
  async use<Value>(
    key: string,
    make: () => Promise<FileHandle>,
    use: (file: FileHandle) => Promise<Value>,
  ): Promise<Value> {
    const work = this.#underWay.get(key) ?? this.#begin(key, make);
    work.users += 1;
    const file = await work.result;
    try {
      return await use(file);
    } finally {
      work.users -= 1;
      if (work.users === 0) await file.close();
    }
  }

  #begin(key: string, make: () => Promise<FileHandle>): Work {
    const result = make().finally(() => this.#underWay.delete(key));
    const work = { result, users: 0 };
    this.#underWay.set(key, work);
    return work;
  }
}
