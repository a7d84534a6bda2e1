// Owns a snapshot store in memory, for tests: the rules of the real one, and damage on demand.
import { type Outcome, succeed } from '@parley/protocol/errors';
import {
  newestFirst,
  type SnapshotName,
  type SnapshotStore,
  type StoredManifest,
  snapshotKey,
} from './snapshot-store.ts';

type Kept = {
  readonly name: SnapshotName;
  readonly parts: Map<number, Uint8Array>;
  manifest: StoredManifest | undefined;
};

export class MemorySnapshotStore implements SnapshotStore {
  readonly writer: string;
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, Kept>();
  #maxBytes: number | undefined;

  constructor(
    options: { readonly writer?: string; readonly nowMs?: () => number; maxBytes?: number } = {},
  ) {
    this.writer = options.writer ?? 'master-1';
    this.#nowMs = options.nowMs ?? (() => 0);
    this.#maxBytes = options.maxBytes;
  }

  async list(): Promise<Outcome<SnapshotName[]>> {
    return succeed([...this.#kept.values()].map(({ name }) => name).sort(newestFirst));
  }

  async maxBytes(): Promise<Outcome<number | undefined>> {
    return succeed(this.#maxBytes);
  }

  async writePart(
    name: SnapshotName,
    part: number,
    bytes: Uint8Array,
  ): Promise<Outcome<undefined>> {
    this.#of(name).parts.set(part, bytes);
    return succeed(undefined);
  }

  async writeManifest(name: SnapshotName, bytes: Uint8Array): Promise<Outcome<undefined>> {
    this.#of(name).manifest = { bytes, storedMs: this.#nowMs() };
    return succeed(undefined);
  }

  async readPart(name: SnapshotName, part: number): Promise<Outcome<Uint8Array | undefined>> {
    return succeed(this.#kept.get(snapshotKey(name))?.parts.get(part));
  }

  async readManifest(name: SnapshotName): Promise<Outcome<StoredManifest | undefined>> {
    return succeed(this.#kept.get(snapshotKey(name))?.manifest);
  }

  async remove(name: SnapshotName): Promise<Outcome<undefined>> {
    this.#kept.delete(snapshotKey(name));
    return succeed(undefined);
  }

  /** Flips every bit of a part, for tests of what readers do about it. */
  damagePart(name: SnapshotName, part: number): void {
    const { parts } = this.#of(name);
    const bytes = parts.get(part);
    if (bytes !== undefined)
      parts.set(
        part,
        bytes.map((byte) => byte ^ 0xff),
      );
  }

  #of(name: SnapshotName): Kept {
    const kept = this.#kept.get(snapshotKey(name)) ?? {
      name,
      parts: new Map(),
      manifest: undefined,
    };
    this.#kept.set(snapshotKey(name), kept);
    return kept;
  }
}
