// Owns the simulated store of snapshots: what one process writes all read, a process that ends leaves one half written,
// and what is kept may be damaged.
import {
  newestFirst,
  type SnapshotName,
  type SnapshotStore,
  snapshotKey,
} from '@parley/actor/snapshot-store';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { Random } from './random.ts';

type Kept = {
  readonly name: SnapshotName;
  readonly parts: Map<number, Uint8Array>;
  manifest: Uint8Array | undefined;
};
/** Has something done at the store; undefined when no answer comes. */
export type AskStore = <Value>(act: () => Value) => Promise<Value | undefined>;

const NO_ANSWER = fail('unavailable', 'the store of snapshots does not answer');

export class SimulatedSnapshots {
  readonly #kept = new Map<string, Kept>();
  readonly #nowMs: () => number;
  /** Of snapshots whose manifest was written. */
  written = 0;
  damaged = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  storeOf(writer: string, ask: AskStore): SnapshotStore {
    const answered = async <Value>(act: () => Value): Promise<Outcome<Value>> => {
      const answer = await ask(() => ({ value: act() }));
      return answer === undefined ? NO_ANSWER : succeed(answer.value);
    };
    const done = async (act: () => void): Promise<Outcome<undefined>> =>
      answered(() => {
        act();
        return undefined;
      });
    return {
      writer,
      list: () => answered(() => this.#names()),
      maxBytes: async () => succeed(undefined),
      writePart: (name, part, bytes) => done(() => this.#of(name).parts.set(part, bytes)),
      writeManifest: (name, bytes) => done(() => this.#finish(name, bytes)),
      readPart: (name, part) => answered(() => this.#kept.get(snapshotKey(name))?.parts.get(part)),
      readManifest: (name) =>
        answered(() => {
          const bytes = this.#kept.get(snapshotKey(name))?.manifest;
          return bytes && { bytes, storedMs: this.#nowMs() };
        }),
      remove: (name) => done(() => this.#kept.delete(snapshotKey(name))),
    };
  }

  /** Bits of one that is kept flip; the newest one but now and then any. The value says which. */
  damageOne(random: Random): string | undefined {
    const whole = this.#names().filter((name) => this.#kept.get(snapshotKey(name))?.parts.size);
    const name = random.chance(0.7) ? whole[0] : random.pick([undefined, ...whole]);
    if (name === undefined) return undefined;
    const { parts } = this.#of(name);
    const part = random.between(0, parts.size - 1);
    const bytes = parts.get(part);
    if (bytes === undefined || bytes.length === 0) return undefined;
    const changed = Uint8Array.from(bytes);
    const at = random.between(0, bytes.length - 1);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    parts.set(part, random.chance(0.5) ? changed : changed.subarray(0, at));
    this.damaged += 1;
    return snapshotKey(name);
  }

  /** Those of later entries are no more. */
  cutBack(lastSequence: number): void {
    for (const [key, { name }] of this.#kept)
      if (name.sequence > lastSequence) this.#kept.delete(key);
  }

  #names(): SnapshotName[] {
    return [...this.#kept.values()].map(({ name }) => name).sort(newestFirst);
  }

  #finish(name: SnapshotName, bytes: Uint8Array): void {
    this.#of(name).manifest = bytes;
    this.written += 1;
  }

  #of(name: SnapshotName): Kept {
    const known = this.#kept.get(snapshotKey(name));
    if (known !== undefined) return known;
    const made: Kept = { name, parts: new Map(), manifest: undefined };
    this.#kept.set(snapshotKey(name), made);
    return made;
  }
}
