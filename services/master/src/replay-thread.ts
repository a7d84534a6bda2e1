// Owns the life of the thread that makes pages of the past: started when the first page is wanted, ended when none was for a
// while, with all the memory that it took; made anew after it failed.
import { Worker } from 'node:worker_threads';
import type { PrincipalName } from '@parley/protocol/ids';
import type { ReplayPageRequest } from '@parley/protocol/replay';
import * as z from 'zod';
import type { PageMaker } from './replay-desk.ts';

const IDLE_MS = 60_000;

const Made = z.object({
  id: z.int(),
  bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
});

export class ReplayThread implements PageMaker {
  readonly #words: readonly string[];
  readonly #pending = new Map<number, PromiseWithResolvers<Uint8Array>>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #ids = 0;

  /** `words`: the arguments of this process, which say who it is. */
  constructor(words: readonly string[]) {
    this.#words = words;
  }

  page(principal: PrincipalName, request: ReplayPageRequest): Promise<Uint8Array> {
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#ids += 1;
    const made = Promise.withResolvers<Uint8Array>();
    this.#pending.set(this.#ids, made);
    this.#worker.postMessage({ id: this.#ids, principal, request });
    return made.promise;
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./replay-worker.ts', import.meta.url), {
      workerData: this.#words,
    });
    worker.on('message', (message: unknown) => this.#made(Made.parse(message)));
    worker.on('error', (error) => this.#ended(worker, error));
    worker.on('exit', () => this.#ended(worker, new Error('the thread has ended')));
    // A master that stops does not wait for it.
    worker.unref();
    return worker;
  }

  #made({ id, bytes }: z.infer<typeof Made>): void {
    this.#pending.get(id)?.resolve(bytes);
    this.#pending.delete(id);
    if (this.#pending.size > 0) return;
    this.#idle = setTimeout(() => void this.#worker?.terminate(), IDLE_MS);
    this.#idle.unref();
  }

  #ended(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    clearTimeout(this.#idle);
    for (const made of this.#pending.values()) made.reject(error);
    this.#pending.clear();
  }
}
