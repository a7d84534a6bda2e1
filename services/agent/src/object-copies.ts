// Copies between a task's sandbox and the object-store bucket of its principal in the `work` account: streaming, one
// object after the other, with a limit on the size, by way of a cache. When to copy what is the supervisor's to say.
import { constants } from 'node:fs';
import { copyFile, type FileHandle } from 'node:fs/promises';
import type { ObjectInfo, ObjectStore, Objm } from '@nats-io/obj';
import { fileFailure } from '@parley/isolation/file-failure';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { WORK_BUCKET_LIMITS, workBucketName } from '@parley/protocol/streams';
import type { Transfer } from '@parley/protocol/tasks';
import type { DiskBudget } from './disk-budget.ts';
import type { CacheCopy, CachedName, ObjectCache } from './object-cache.ts';
import { openToRead, openToWrite, pathOf, SandboxPathError } from './sandbox-files.ts';
import type { StepFailure } from './supervisor-messages.ts';
import { Turns } from './turns.ts';

export type CopyOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly failure: StepFailure };

export type ObjectCopiesOptions = {
  /**
   * The object stores of the `work` account, once there is a connection: a bus that is away fails no task.
   * Undefined when this agent has no user there.
   */
  readonly openObjects: (() => Promise<Objm>) | undefined;
  readonly cluster: ClusterName;
  /** Resolves after that many milliseconds, or when the signal comes. */
  readonly pause: (durationMs: number, signal?: AbortSignal) => Promise<void>;
  /** Bytes; an object that is larger is refused. */
  readonly maxObjectBytes?: number;
  /** Without one every object comes over the bus. */
  readonly cache?: ObjectCache;
  /** The inputs of a task are there. */
  readonly onCopiedIn?: (copied: CopiedIn) => void;
};

export type CopiedIn = {
  readonly principal: PrincipalName;
  readonly objects: number;
  readonly bytes: number;
  /** Of these, from the cache. */
  readonly cachedObjects: number;
  readonly cachedBytes: number;
};

type Bucket = { readonly name: string; readonly store: ObjectStore };
type Fetched = { readonly bytes: number; readonly isCached: boolean };
type OpenFile = () => Promise<FileHandle>;
type Source = {
  readonly bucket: Bucket;
  readonly principal: PrincipalName;
  readonly object: string;
  readonly signal: AbortSignal;
};
type ReadSource = Source & { readonly budget: DiskBudget };

export type CopyRequest = {
  readonly principal: PrincipalName;
  readonly sandboxDirectory: string;
  readonly transfers: readonly Transfer[];
  /** Ends it: what it is for is over. */
  readonly signal: AbortSignal;
};

export type CopyInRequest = CopyRequest & { readonly budget: DiskBudget };

const CHUNK_BYTES = 128 * 1024;
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 500;
/** Nothing has arrived of an object for this long: the attempt is given up. */
const STALL_MS = 20_000;
/** A principal alone has half of them. */
const MAX_TASKS_AT_ONCE = 8;

/** Trying again would not help. */
class CopyRefused extends Error {}

export class ObjectCopies {
  readonly #options: ObjectCopiesOptions;
  readonly #maxObjectBytes: number;
  readonly #turns = new Turns(MAX_TASKS_AT_ONCE);

  constructor(options: ObjectCopiesOptions) {
    this.#options = options;
    this.#maxObjectBytes = options.maxObjectBytes ?? WORK_BUCKET_LIMITS.maxObjectBytes;
  }

  /** Objects into the sandbox. Never rejects. */
  async copyIn(request: CopyInRequest): Promise<CopyOutcome> {
    const { principal, sandboxDirectory, signal, budget } = request;
    const fetched: Fetched[] = [];
    const outcome = await this.#copyAll(request, async (bucket, { object, path }) => {
      const source = { bucket, principal, object, signal, budget };
      const copied = await this.#fetch(source, () => openToWrite(sandboxDirectory, path));
      budget.take(copied.bytes);
      fetched.push(copied);
    });
    if (outcome.ok && fetched.length > 0)
      this.#options.onCopiedIn?.({ principal, ...sumOf(fetched) });
    return outcome;
  }

  /** Files of the sandbox into objects; an object of the same name is replaced. Never rejects. */
  copyOut(request: CopyRequest): Promise<CopyOutcome> {
    const { principal, sandboxDirectory, signal } = request;
    return this.#copyAll(request, (bucket, { object, path }) =>
      this.#store({ bucket, principal, object, signal }, () => openToRead(sandboxDirectory, path)),
    );
  }

  async #copyAll(
    request: CopyRequest,
    copy: (bucket: Bucket, transfer: Transfer) => Promise<void>,
  ): Promise<CopyOutcome> {
    const { principal, transfers } = request;
    if (transfers.length === 0) return { ok: true };
    return this.#turns.run(principal, async () => {
      for (const transfer of transfers) {
        const failure = await this.#copyOne(request, transfer, copy);
        if (failure !== undefined) return { ok: false, failure };
      }
      return { ok: true };
    });
  }

  /** A bus that is away for a moment must not fail a task: everything but a refusal is tried again. */
  async #copyOne(
    { principal, signal }: CopyRequest,
    transfer: Transfer,
    copy: (bucket: Bucket, transfer: Transfer) => Promise<void>,
  ): Promise<StepFailure | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        signal.throwIfAborted();
        await copy(await this.#open(principal), transfer);
        return undefined;
      } catch (error) {
        const { code, message } = fileFailure(error);
        const what = `object ${transfer.object}, file ${transfer.path}: ${message}`;
        if (code === 'diskFull') return { code, message: what };
        const isRefused = error instanceof CopyRefused || error instanceof SandboxPathError;
        if (isRefused || signal.aborted || attempt === ATTEMPTS)
          return { code: 'failed', message: what };
        await this.#options.pause(FIRST_PAUSE_MS * 2 ** attempt, signal).catch(() => undefined);
      }
    }
  }

  async #open(principal: PrincipalName): Promise<Bucket> {
    const { openObjects, cluster } = this.#options;
    if (openObjects === undefined) {
      throw new CopyRefused('this agent has no credential for the account that holds objects');
    }
    const objects = await openObjects();
    // Looking whether the bucket exists would cost a request and tell nothing that the copy does not.
    const name = workBucketName(cluster, principal);
    return { name, store: await objects.open(name, false) };
  }

  async #fetch(source: ReadSource, openFile: OpenFile): Promise<Fetched> {
    const { object, principal, budget } = source;
    const info = await source.bucket.store.info(object);
    if (info === null || info.deleted) throw new CopyRefused('there is no such object');
    // A link can lead to another bucket, which its owner may not read: this agent could.
    if (info.options?.link !== undefined) throw new CopyRefused('it is a link, not followed');
    this.#checkSize(info.size, budget);
    const name = { principal, object, digest: info.digest };
    if (await this.#copyCached(name, openFile)) return { bytes: info.size, isCached: true };
    return { bytes: await this.#download(source, openFile), isCached: false };
  }

  /** Another file, never a link to the cache's: the task may write into it. A file system that can shares the blocks. */
  async #copyCached(name: CachedName, openFile: OpenFile): Promise<boolean> {
    const { cache } = this.#options;
    const cached = await cache?.find(name);
    if (cached === undefined) return false;
    try {
      const file = await openFile();
      try {
        await copyFile(pathOf(cached), pathOf(file), constants.COPYFILE_FICLONE);
      } finally {
        await file.close();
      }
    } catch (error) {
      // The next attempt asks the store.
      cache?.forget(name);
      throw error;
    } finally {
      await cached.close();
    }
    return true;
  }

  async #download(source: ReadSource, openFile: OpenFile): Promise<number> {
    const { bucket, principal, object, signal } = source;
    const result = await this.#inTime(bucket.store.get(object), signal);
    if (result === null) throw new CopyRefused('there is no such object');
    // A failure shows when the data is read.
    result.error.catch(() => undefined);
    const reader = result.data.getReader();
    const { info } = result;
    try {
      // It may have been replaced by a link meanwhile.
      if (info.bucket !== bucket.name || info.name !== object) {
        throw new CopyRefused('it is a link, not followed');
      }
      const file = await openFile();
      await this.#keeping({ principal, object }, info.size, async (copy) => {
        await this.#writeTo(file, { ...source, copy, reader });
        return info;
      });
    } finally {
      await reader.cancel().catch(() => undefined);
    }
    return info.size;
  }

  /** Closes the file. That all of the object came, as its digest says, is the reader's to tell. */
  async #writeTo(
    file: FileHandle,
    {
      signal,
      budget,
      copy,
      reader,
    }: ReadSource & {
      readonly copy: CacheCopy | undefined;
      readonly reader: ReadableStreamDefaultReader<Uint8Array>;
    },
  ): Promise<void> {
    try {
      let received = 0;
      for (;;) {
        const { done, value } = await this.#inTime(reader.read(), signal);
        if (done) return;
        received += value.length;
        // What its description says of its size is its owner's word.
        this.#checkSize(received, budget);
        await file.writeFile(value);
        await copy?.write(value);
      }
    } finally {
      await file.close();
    }
  }

  async #store({ bucket, principal, object, signal }: Source, openFile: OpenFile): Promise<void> {
    const file = await openFile();
    try {
      const { size } = await file.stat();
      this.#checkSize(size);
      await this.#keeping({ principal, object }, size, (copy) => {
        const meta = { name: object, options: { max_chunk_size: CHUNK_BYTES } };
        return bucket.store.put(meta, this.#chunksOf(file, copy, signal));
      });
    } finally {
      await file.close();
    }
  }

  /** What is kept is what was sent: the file may change meanwhile. */
  #chunksOf(
    file: FileHandle,
    copy: CacheCopy | undefined,
    signal: AbortSignal,
  ): ReadableStream<Uint8Array> {
    let sent = 0;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        signal.throwIfAborted();
        const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0);
        sent += bytesRead;
        this.#checkSize(sent);
        const chunk = new Uint8Array(buffer.buffer, buffer.byteOffset, bytesRead);
        await copy?.write(chunk);
        if (bytesRead === 0) controller.close();
        else controller.enqueue(chunk);
      },
    });
  }

  /** Keeps what `work` copies under the digest that it returns; nothing of it when that throws. */
  async #keeping(
    name: Omit<CachedName, 'digest'>,
    bytes: number,
    work: (copy: CacheCopy | undefined) => Promise<ObjectInfo>,
  ): Promise<void> {
    const copy = await this.#options.cache?.begin(bytes);
    try {
      const { digest } = await work(copy);
      await copy?.keep({ ...name, digest });
    } finally {
      await copy?.discard();
    }
  }

  #checkSize(bytes: number, budget?: DiskBudget): void {
    if (bytes > this.#maxObjectBytes) {
      throw new CopyRefused(`it is larger than ${this.#maxObjectBytes} bytes, the limit`);
    }
    const refusal = budget?.refusal(bytes);
    if (refusal !== undefined) throw new CopyRefused(refusal);
  }

  async #inTime<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
    const settled = new AbortController();
    const either = AbortSignal.any([settled.signal, signal]);
    const stall = this.#options.pause(STALL_MS, either).then(() => {
      throw new Error(`nothing came for ${STALL_MS} ms`);
    });
    // Once the value is there nobody waits for this any more.
    stall.catch(() => undefined);
    try {
      return await Promise.race([value, stall]);
    } finally {
      settled.abort();
    }
  }
}

function sumOf(fetched: readonly Fetched[]): Omit<CopiedIn, 'principal'> {
  const cached = fetched.filter(({ isCached }) => isCached);
  const bytesOf = (some: readonly Fetched[]): number =>
    some.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    objects: fetched.length,
    bytes: bytesOf(fetched),
    cachedObjects: cached.length,
    cachedBytes: bytesOf(cached),
  };
}
