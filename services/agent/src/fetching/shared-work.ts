// Owns that what several ask for at a time is done once: a file handle that all of them read, closed after the last one. It is
// stopped when none of them wants it any more.
import type { FileHandle } from 'node:fs/promises';

type Work = {
  readonly result: Promise<FileHandle>;
  readonly stopping: AbortController;
  users: number;
};

export class SharedWork {
  readonly #underWay = new Map<string, Work>();

  /**
   * `make` is called where nothing of this key is under way. Whoever comes after it was done begins anew. Rejects with the
   * signal's reason once that comes.
   */
  async use<Value>(
    key: string,
    make: (signal: AbortSignal) => Promise<FileHandle>,
    use: (file: FileHandle) => Promise<Value>,
    signal: AbortSignal,
  ): Promise<Value> {
    const work = this.#underWay.get(key) ?? this.#begin(key, make);
    work.users += 1;
    try {
      return await use(await unlessStopped(work.result, signal));
    } finally {
      work.users -= 1;
      if (work.users === 0) await this.#end(key, work, signal.reason);
    }
  }

  #begin(key: string, make: (signal: AbortSignal) => Promise<FileHandle>): Work {
    const stopping = new AbortController();
    const result = make(stopping.signal).finally(() => this.#forget(key, work));
    const work: Work = { result, stopping, users: 0 };
    this.#underWay.set(key, work);
    return work;
  }

  async #end(key: string, work: Work, reason: unknown): Promise<void> {
    this.#forget(key, work);
    work.stopping.abort(reason);
    const file = await work.result.catch(() => undefined);
    await file?.close();
  }

  #forget(key: string, work: Work): void {
    if (this.#underWay.get(key) === work) this.#underWay.delete(key);
  }
}

async function unlessStopped<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const listening = new AbortController();
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { signal: listening.signal });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    listening.abort();
  }
}
