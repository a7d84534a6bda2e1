// Owns one table of the state: immutable records by key, in the order in which their keys were first put.
// Keeps its share of the state's hash up to date lazily and lets a snapshot be read while records change.
// What the records mean is not known here.
import { type Digest, DigestSum, digestOf } from './canonical-hash.ts';

type Entry<Row> = { readonly key: string; readonly row: Row };
type Slot<Row> = { readonly key: string; row: Row; position: number; digest: Digest | undefined };

/** Holes that deletions leave are closed when they outnumber the records by this many. */
const COMPACT_ABOVE = 64;
/** A reader that was given up counts until this many newer ones exist; it then refuses to go on. */
const MAX_READERS = 4;

export class EntityTable<Row extends object> {
  readonly name: string;
  readonly #index = new Map<string, Slot<Row>>();
  #slots: (Slot<Row> | undefined)[] = [];
  readonly #sum = new DigestSum();
  /** Slots whose record is not in the sum: those without a digest. */
  readonly #dirty = new Set<Slot<Row>>();
  #readers: TableReader<Row>[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get size(): number {
    return this.#index.size;
  }

  has(key: string): boolean {
    return this.#index.has(key);
  }

  get(key: string): Row | undefined {
    return this.#index.get(key)?.row;
  }

  put(key: string, row: Row): void {
    const slot = this.#index.get(key);
    if (slot === undefined) {
      this.#append(key, row);
      return;
    }
    this.#keepPreImage(slot);
    if (slot.digest !== undefined) {
      this.#forgetDigest(slot);
      this.#dirty.add(slot);
    }
    slot.row = row;
  }

  /** A record out of a snapshot; that it is one of these rows is vouched for by the snapshot's hash. */
  restore(key: string, row: unknown): void {
    this.put(key, row as Row);
  }

  delete(key: string): void {
    const slot = this.#index.get(key);
    if (slot === undefined) return;
    this.#keepPreImage(slot);
    this.#forgetDigest(slot);
    this.#dirty.delete(slot);
    this.#index.delete(key);
    this.#slots[slot.position] = undefined;
  }

  /** In order. The table must not change meanwhile. */
  *rows(): Generator<Row> {
    for (const slot of this.#slots) if (slot !== undefined) yield slot.row;
  }

  *keys(): Generator<string> {
    for (const slot of this.#slots) if (slot !== undefined) yield slot.key;
  }

  *entries(): Generator<readonly [string, Row]> {
    for (const slot of this.#slots) if (slot !== undefined) yield [slot.key, slot.row];
  }

  /** Hexadecimal; costs one hash for each record that changed since it was asked for last. */
  hash(): string {
    this.hashSome(Number.POSITIVE_INFINITY);
    return this.#sum.hexadecimal();
  }

  /** Hashes at most so many of the records that changed; returns how many it did. */
  hashSome(limit: number): number {
    let count = 0;
    for (const slot of this.#dirty) {
      if (count >= limit) break;
      slot.digest = digestOf(this.name, slot.key, slot.row);
      this.#sum.add(slot.digest);
      this.#dirty.delete(slot);
      count += 1;
    }
    return count;
  }

  /** Records that changed and are not hashed yet. */
  get unhashed(): number {
    return this.#dirty.size;
  }

  /** Reads the table as it is now, however it changes afterwards. */
  reader(): TableReader<Row> {
    const reader = new TableReader<Row>(this.#slots, () => {
      this.#readers = this.#readers.filter((one) => one !== reader);
    });
    this.#readers.push(reader);
    if (this.#readers.length > MAX_READERS) this.#readers.shift()?.giveUp();
    return reader;
  }

  #append(key: string, row: Row): void {
    this.#compact();
    const slot = { key, row, position: this.#slots.length, digest: undefined };
    this.#slots.push(slot);
    this.#index.set(key, slot);
    this.#dirty.add(slot);
  }

  #compact(): void {
    if (this.#slots.length < 2 * this.#index.size + COMPACT_ABOVE) return;
    if (this.#readers.length > 0) return;
    this.#slots = this.#slots.filter((slot) => slot !== undefined);
    for (const [position, slot] of this.#slots.entries()) if (slot) slot.position = position;
  }

  #forgetDigest(slot: Slot<Row>): void {
    if (slot.digest !== undefined) this.#sum.subtract(slot.digest);
    slot.digest = undefined;
  }

  #keepPreImage(slot: Slot<Row>): void {
    for (const reader of this.#readers) reader.keep(slot.position, slot);
  }
}

/** Copy on write: a record that changes ahead of the reader is kept as it was, by its position. */
export class TableReader<Row> {
  readonly #slots: readonly (Entry<Row> | undefined)[];
  readonly #preImages = new Map<number, Entry<Row>>();
  readonly #end: number;
  readonly #finished: () => void;
  #position = 0;
  #isGivenUp = false;

  constructor(slots: readonly (Entry<Row> | undefined)[], finished: () => void) {
    this.#slots = slots;
    this.#end = slots.length;
    this.#finished = finished;
  }

  keep(position: number, { key, row }: Entry<Row>): void {
    if (position < this.#position || position >= this.#end) return;
    if (!this.#preImages.has(position)) this.#preImages.set(position, { key, row });
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#preImages.clear();
  }

  /** At most `limit` more entries; fewer only at the end. Throws when newer readers took its place. */
  next(limit: number): Entry<Row>[] {
    if (this.#isGivenUp)
      throw new Error('this snapshot was given up: too many newer ones are read');
    const entries: Entry<Row>[] = [];
    while (this.#position < this.#end && entries.length < limit) {
      const entry = this.#preImages.get(this.#position) ?? this.#slots[this.#position];
      this.#preImages.delete(this.#position);
      this.#position += 1;
      if (entry !== undefined) entries.push({ key: entry.key, row: entry.row });
    }
    if (this.#position >= this.#end) this.#finished();
    return entries;
  }
}
