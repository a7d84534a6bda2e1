// Owns the port of the snapshot store: numbered parts of bytes and, written last, a manifest. What the bytes hold and
// which snapshot is good is in snapshots.ts.
import type { Outcome } from '@parley/protocol/errors';

/** Everything fails with `unavailable` (may be tried again); writes also with `diskFull`. */
export interface SnapshotStore {
  /** Journal sequences of which anything is kept, newest first: whole snapshots and what is left of others. */
  list(): Promise<Outcome<number[]>>;
  writePart(sequence: number, part: number, bytes: Uint8Array): Promise<Outcome<undefined>>;
  writeManifest(sequence: number, bytes: Uint8Array): Promise<Outcome<undefined>>;
  /** Undefined when it is not there. */
  readPart(sequence: number, part: number): Promise<Outcome<Uint8Array | undefined>>;
  readManifest(sequence: number): Promise<Outcome<Uint8Array | undefined>>;
  /** Removes manifest and parts. */
  remove(sequence: number): Promise<Outcome<undefined>>;
}

export class MemorySnapshotStore implements SnapshotStore {
  readonly #parts = new Map<string, Uint8Array>();
  readonly #manifests = new Map<number, Uint8Array>();

  async list(): Promise<Outcome<number[]>> {
    const sequences = new Set(this.#manifests.keys());
    for (const key of this.#parts.keys()) sequences.add(Number.parseInt(key, 10));
    return { ok: true, value: [...sequences].sort((a, b) => b - a) };
  }

  async writePart(sequence: number, part: number, bytes: Uint8Array): Promise<Outcome<undefined>> {
    this.#parts.set(`${sequence}.${part}`, bytes);
    return { ok: true, value: undefined };
  }

  async writeManifest(sequence: number, bytes: Uint8Array): Promise<Outcome<undefined>> {
    this.#manifests.set(sequence, bytes);
    return { ok: true, value: undefined };
  }

  async readPart(sequence: number, part: number): Promise<Outcome<Uint8Array | undefined>> {
    return { ok: true, value: this.#parts.get(`${sequence}.${part}`) };
  }

  async readManifest(sequence: number): Promise<Outcome<Uint8Array | undefined>> {
    return { ok: true, value: this.#manifests.get(sequence) };
  }

  async remove(sequence: number): Promise<Outcome<undefined>> {
    this.#manifests.delete(sequence);
    for (const key of this.#parts.keys()) {
      if (key.startsWith(`${sequence}.`)) this.#parts.delete(key);
    }
    return { ok: true, value: undefined };
  }

  /** Damages a part, for tests of what readers do about it. */
  damagePart(sequence: number, part: number): void {
    const bytes = this.#parts.get(`${sequence}.${part}`);
    if (bytes === undefined) this.#parts.delete(`${sequence}.${part}`);
    else
      this.#parts.set(
        `${sequence}.${part}`,
        bytes.map((byte) => byte ^ 0xff),
      );
  }
}
