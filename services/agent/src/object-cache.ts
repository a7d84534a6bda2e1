// Owns copies of objects that this agent has fetched or stored, so that the next task that reads one need not wait for the
// bus. Bounded in bytes and entries, least recently used goes first, empty at each start. What is current is the store's to say.
import { type FileHandle, mkdir, open, rm, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { PrincipalName } from '@parley/protocol/ids';

/** An object of the same name and another digest is another object; so is one of another principal. */
export type CachedName = {
  readonly principal: PrincipalName;
  readonly object: string;
  /** As the object store gives it. */
  readonly digest: string;
};

export type ObjectCacheOptions = {
  /** It belongs to the cache alone: what lies in it at the start goes. */
  readonly directory: string;
  readonly maxBytes: number;
  readonly maxEntries?: number;
};

/** A copy under way. A disk that takes no more ends it; whoever copies need not care. */
export interface CacheCopy {
  write(bytes: Uint8Array): Promise<void>;
  /** All of it was written: it is found under this name from now on. */
  keep(name: CachedName): Promise<void>;
  /** After `keep` without effect. */
  discard(): Promise<void>;
}

type Entry = { readonly file: string; readonly bytes: number };

const MAX_ENTRIES = 16_384;
const GIB = 1024 ** 3;
const DEFAULT_MAX_BYTES = 2 * GIB;
const DEFAULT_PART_OF_DISK = 10;

/** 2 GiB, or a tenth of the file system that holds the work directory where that is less. */
export const defaultCacheBytes = (diskBytes: number): number =>
  Math.min(DEFAULT_MAX_BYTES, Math.floor(diskBytes / DEFAULT_PART_OF_DISK));

export class ObjectCache {
  readonly #options: ObjectCacheOptions;
  readonly #maxEntries: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  /** Of entries, and set aside for copies under way. */
  #bytes = 0;
  #files = 0;
  #ready: Promise<boolean> | undefined;

  constructor(options: ObjectCacheOptions) {
    this.#options = options;
    this.#maxEntries = options.maxEntries ?? MAX_ENTRIES;
  }

  /** What the entries hold, and what is set aside for copies under way. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The copy, open to be read and to be closed by the caller; it stays whole even when it is dropped meanwhile. */
  async find(name: CachedName): Promise<FileHandle | undefined> {
    const key = keyOf(name);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    try {
      return await open(entry.file, 'r');
    } catch {
      this.#drop(key, entry);
      return undefined;
    }
  }

  /** It turned out not to be readable. */
  forget(name: CachedName): void {
    const entry = this.#entries.get(keyOf(name));
    if (entry !== undefined) this.#drop(keyOf(name), entry);
  }

  /** Undefined for what is not worth a copy: nothing at all, more than there may be, or on a disk that takes no more. */
  async begin(bytes: number): Promise<CacheCopy | undefined> {
    if (bytes === 0 || !this.#hasRoomFor(bytes)) return undefined;
    this.#bytes += bytes;
    try {
      if (await this.#makeReady()) {
        this.#files += 1;
        const file = path.join(this.#options.directory, String(this.#files));
        return this.#copyInto(file, await open(file, 'wx', 0o644), bytes);
      }
    } catch {
      // As on a full disk: nothing is kept.
    }
    this.#bytes -= bytes;
    return undefined;
  }

  #copyInto(file: string, handle: FileHandle, reserved: number): CacheCopy {
    let written = 0;
    let isOpen = true;
    const close = async (): Promise<boolean> => {
      isOpen = false;
      return await handle.close().then(yes, no);
    };
    const discard = async (): Promise<void> => {
      if (!isOpen) return;
      await close();
      await this.#remove(file, reserved);
    };
    return {
      write: async (chunk) => {
        if (!isOpen) return;
        written += chunk.length;
        const isTaken = written <= reserved && (await handle.writeFile(chunk).then(yes, no));
        if (!isTaken) await discard();
      },
      keep: async (name) => {
        if (!isOpen) return;
        const isWhole = (await close()) && written === reserved;
        if (isWhole && !this.#entries.has(keyOf(name))) this.#add(name, { file, bytes: reserved });
        else await this.#remove(file, reserved);
      },
      discard,
    };
  }

  #add(name: CachedName, entry: Entry): void {
    this.#entries.set(keyOf(name), entry);
    for (const [key, oldest] of this.#entries) {
      if (this.#entries.size <= this.#maxEntries) break;
      this.#drop(key, oldest);
    }
  }

  /** Makes it where it can be made. */
  #hasRoomFor(bytes: number): boolean {
    const { maxBytes } = this.#options;
    if (bytes > maxBytes) return false;
    for (const [key, oldest] of this.#entries) {
      if (this.#bytes + bytes <= maxBytes) break;
      this.#drop(key, oldest);
    }
    return this.#bytes + bytes <= maxBytes;
  }

  #drop(key: string, { file, bytes }: Entry): void {
    this.#entries.delete(key);
    void this.#remove(file, bytes);
  }

  /** One that cannot be taken away goes at the next start. */
  async #remove(file: string, bytes: number): Promise<void> {
    this.#bytes -= bytes;
    await unlink(file).catch(() => undefined);
  }

  /** What an earlier process left is not read: whether it is whole nobody knows. */
  #makeReady(): Promise<boolean> {
    this.#ready ??= this.#clear();
    return this.#ready;
  }

  async #clear(): Promise<boolean> {
    const { directory } = this.#options;
    try {
      await rm(directory, { recursive: true, force: true });
      // No user but the agent's reaches it: what a task is given is a copy.
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return true;
    } catch {
      this.#ready = undefined;
      return false;
    }
  }
}

const keyOf = ({ principal, object, digest }: CachedName): string =>
  JSON.stringify([principal, object, digest]);

const yes = (): boolean => true;
const no = (): boolean => false;
