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
  /** The object stores of the `work` account; undefined when this agent has no user there. */
  readonly objects: Objm | undefined;
  readonly cluster: ClusterName;
  /** Resolves after that many milliseconds. */
  readonly pause: (durationMs: number) => Promise<void>;
  /** Bytes; an object that is larger is refused. */
  readonly maxObjectBytes?: number;
};

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
  readonly #stores = new Map<PrincipalName, Promise<ObjectStore>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: ObjectCopiesOptions) {
    this.#options = options;
    this.#maxObjectBytes = options.maxObjectBytes ?? WORK_BUCKET_LIMITS.maxObjectBytes;
  }

  /** Objects into the sandbox. Never rejects. */
  copyIn(request: CopyRequest): Promise<CopyOutcome> {
    return this.#copyAll(request, (store, { object, path }) =>
      this.#fetch(store, object, () => openToWrite(request.sandboxDirectory, path)),
    );
  }

  /** Files of the sandbox into objects; an object of the same name is replaced. Never rejects. */
  copyOut(request: CopyRequest): Promise<CopyOutcome> {
    return this.#copyAll(request, (store, { object, path }) =>
      this.#store(store, object, () => openToRead(request.sandboxDirectory, path)),
    );
  }

  async #copyAll(
    { principal, transfers }: CopyRequest,
    copy: (store: ObjectStore, transfer: Transfer) => Promise<void>,
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
    copy: (store: ObjectStore, transfer: Transfer) => Promise<void>,
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
        this.#stores.delete(principal);
        await this.#options.pause(FIRST_PAUSE_MS * 2 ** attempt);
      }
    }
  }

  #open(principal: PrincipalName): Promise<ObjectStore> {
    const { objects, cluster } = this.#options;
    if (objects === undefined) {
      throw new CopyRefused('this agent has no credential for the account that holds objects');
    }
    const known = this.#stores.get(principal);
    if (known !== undefined) return known;
    // Looking whether the bucket exists would cost a request and tell nothing that the copy does not.
    const opened = objects.open(workBucketName(cluster, principal), false);
    this.#stores.set(principal, opened);
    return opened;
  }

  async #fetch(
    store: ObjectStore,
    object: string,
    openFile: () => Promise<FileHandle>,
  ): Promise<void> {
    const info = await store.info(object);
    if (info === null || info.deleted) throw new CopyRefused('there is no such object');
    this.#checkSize(info.size);
    const result = await store.get(object);
    if (result === null) throw new CopyRefused('there is no such object');
    const file = await openFile();
    const reader = result.data.getReader();
    try {
      let received = 0;
      for (;;) {
        const { done, value } = await this.#inTime(reader.read());
        if (done) break;
        received += value.length;
        this.#checkSize(received);
        await file.writeFile(value);
      }
      const error = await this.#inTime(result.error);
      if (error !== null) throw error;
    } finally {
      await reader.cancel().catch(() => undefined);
      await file.close();
    }
  }

  async #store(
    store: ObjectStore,
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
    const stalled = Symbol('stalled');
    const timer = this.#options.pause(STALL_MS).then((): typeof stalled => stalled);
    const first = await Promise.race([value, timer]);
    if (first === stalled) throw new Error(`nothing came for ${STALL_MS} ms`);
    return first;
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
