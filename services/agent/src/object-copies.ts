// Copies between a task's sandbox and the object-store bucket of its principal in the `work` account: streaming, one
// object after the other, with a limit on the size. When to copy what is the supervisor's to say.
import type { FileHandle } from 'node:fs/promises';
import type { ObjectStore, Objm } from '@nats-io/obj';
import { fileFailure } from '@parley/isolation/file-failure';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { WORK_BUCKET_LIMITS, workBucketName } from '@parley/protocol/streams';
import type { Transfer } from '@parley/protocol/tasks';
import { openToRead, openToWrite, SandboxPathError } from './sandbox-files.ts';
import type { StepFailure } from './supervisor-messages.ts';

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
};

type Bucket = { readonly name: string; readonly store: ObjectStore };

export type CopyRequest = {
  readonly principal: PrincipalName;
  readonly sandboxDirectory: string;
  readonly transfers: readonly Transfer[];
};

const CHUNK_BYTES = 128 * 1024;
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 500;
/** Nothing has arrived of an object for this long: the attempt is given up. */
const STALL_MS = 20_000;
const MAX_TASKS_AT_ONCE = 4;

/** Trying again would not help. */
class CopyRefused extends Error {}

export class ObjectCopies {
  readonly #options: ObjectCopiesOptions;
  readonly #maxObjectBytes: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: ObjectCopiesOptions) {
    this.#options = options;
    this.#maxObjectBytes = options.maxObjectBytes ?? WORK_BUCKET_LIMITS.maxObjectBytes;
  }

  /** Objects into the sandbox. Never rejects. */
  copyIn(request: CopyRequest): Promise<CopyOutcome> {
    return this.#copyAll(request, (bucket, { object, path }) =>
      this.#fetch(bucket, object, () => openToWrite(request.sandboxDirectory, path)),
    );
  }

  /** Files of the sandbox into objects; an object of the same name is replaced. Never rejects. */
  copyOut(request: CopyRequest): Promise<CopyOutcome> {
    return this.#copyAll(request, (bucket, { object, path }) =>
      this.#store(bucket, object, () => openToRead(request.sandboxDirectory, path)),
    );
  }

  async #copyAll(
    { principal, transfers }: CopyRequest,
    copy: (bucket: Bucket, transfer: Transfer) => Promise<void>,
  ): Promise<CopyOutcome> {
    if (transfers.length === 0) return { ok: true };
    await this.#enter();
    try {
      for (const transfer of transfers) {
        const failure = await this.#copyOne(principal, transfer, copy);
        if (failure !== undefined) return { ok: false, failure };
      }
      return { ok: true };
    } finally {
      this.#leave();
    }
  }

  /** A bus that is away for a moment must not fail a task: everything but a refusal is tried again. */
  async #copyOne(
    principal: PrincipalName,
    transfer: Transfer,
    copy: (bucket: Bucket, transfer: Transfer) => Promise<void>,
  ): Promise<StepFailure | undefined> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await copy(await this.#open(principal), transfer);
        return undefined;
      } catch (error) {
        const { code, message } = fileFailure(error);
        const what = `object ${transfer.object}, file ${transfer.path}: ${message}`;
        if (code === 'diskFull') return { code, message: what };
        const isFinal = error instanceof CopyRefused || error instanceof SandboxPathError;
        if (isFinal || attempt === ATTEMPTS) return { code: 'failed', message: what };
        await this.#options.pause(FIRST_PAUSE_MS * 2 ** attempt);
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

  async #fetch(
    { name: bucket, store }: Bucket,
    object: string,
    openFile: () => Promise<FileHandle>,
  ): Promise<void> {
    const info = await store.info(object);
    if (info === null || info.deleted) throw new CopyRefused('there is no such object');
    // A link can lead to another bucket, which its owner may not read: this agent could.
    if (info.options?.link !== undefined) throw new CopyRefused('it is a link, not followed');
    this.#checkSize(info.size);
    const result = await this.#inTime(store.get(object));
    if (result === null) throw new CopyRefused('there is no such object');
    // A failure shows when the data is read.
    result.error.catch(() => undefined);
    const reader = result.data.getReader();
    try {
      // It may have been replaced by a link meanwhile.
      if (result.info.bucket !== bucket || result.info.name !== object) {
        throw new CopyRefused('it is a link, not followed');
      }
      await this.#writeTo(await openFile(), reader);
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  async #writeTo(file: FileHandle, reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      let received = 0;
      for (;;) {
        const { done, value } = await this.#inTime(reader.read());
        if (done) return;
        received += value.length;
        this.#checkSize(received);
        await file.writeFile(value);
      }
    } finally {
      await file.close();
    }
  }

  async #store(
    { store }: Bucket,
    object: string,
    openFile: () => Promise<FileHandle>,
  ): Promise<void> {
    const file = await openFile();
    try {
      this.#checkSize((await file.stat()).size);
      let sent = 0;
      const chunks = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0);
          sent += bytesRead;
          this.#checkSize(sent);
          if (bytesRead === 0) controller.close();
          else controller.enqueue(new Uint8Array(buffer.buffer, buffer.byteOffset, bytesRead));
        },
      });
      await store.put({ name: object, options: { max_chunk_size: CHUNK_BYTES } }, chunks);
    } finally {
      await file.close();
    }
  }

  #checkSize(bytes: number): void {
    if (bytes <= this.#maxObjectBytes) return;
    throw new CopyRefused(`it is larger than ${this.#maxObjectBytes} bytes, the limit`);
  }

  async #inTime<Value>(value: Promise<Value>): Promise<Value> {
    const settled = new AbortController();
    const stall = this.#options.pause(STALL_MS, settled.signal).then(() => {
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

  async #enter(): Promise<void> {
    if (this.#running < MAX_TASKS_AT_ONCE) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
