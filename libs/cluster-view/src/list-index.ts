// Owns answering pages of one list again and again while its rows change: what was found and put in order for a question is
// kept, and what has changed since is worked in. Nothing here changes a row. Pure; runs in a browser.
import type { Page } from './query.ts';
import { rowTest, searchText } from './row-filter.ts';
import type { RowMap } from './row-map.ts';
import { compareValues, type SortValue, sortValueAt } from './row-order.ts';

/** Questions that are kept, those that were asked last. */
const MAX_SELECTIONS = 8;
/** More that waits to be worked in than this, beside the rows: a selection that nobody asks for is dropped. */
const MAX_WAITING = 1000;
/** Rows of a later part come after all of an earlier one. */
const PART = 2 ** 40;

/** A row at its place in the list; a row that replaces it gets an entry of its own. */
type Entry = {
  readonly row: object;
  readonly place: number;
  text: string | undefined;
  isOld: boolean;
};
type Part = {
  readonly rows: RowMap<object>;
  /** In the order of the rows. */
  readonly entries: Map<string, Entry>;
  nextPlace: number;
};

type Range = { readonly offset: number; readonly limit: number };

/** The same without keeping anything: for who asks once. */
export function pageOnce(
  parts: readonly RowMap<object>[],
  filter: string,
  sort: string,
  { offset, limit }: Range,
): Page<object> {
  return new Selection(filter, sort, entriesOf(parts)).page(offset, limit);
}

function* entriesOf(parts: readonly RowMap<object>[]): Generator<Entry> {
  let place = 0;
  for (const rows of parts) {
    for (const row of rows.values()) {
      place += 1;
      yield { row, place, text: undefined, isOld: false };
    }
  }
}

export class ListIndex {
  readonly #parts: readonly Part[];
  readonly #selections = new Map<string, Selection>();

  /** It becomes the one reader of their changes. */
  constructor(parts: readonly RowMap<object>[]) {
    this.#parts = parts.map((rows, index) => ({
      ...{ rows, entries: new Map(), nextPlace: index * PART },
    }));
  }

  /** Of all rows that fit, in order. `sort`: `''` for the order of the list. */
  page(filter: string, sort: string, { offset, limit }: Range): Page<object> {
    for (const part of this.#parts) this.#read(part);
    const key = `${sort}\n${filter}`;
    const known = this.#selections.get(key);
    const selection = known ?? new Selection(filter, sort, this.#entries());
    if (known !== undefined) known.workIn();
    this.#selections.delete(key);
    this.#selections.set(key, selection);
    for (const oldest of this.#selections.keys()) {
      if (this.#selections.size <= MAX_SELECTIONS) break;
      this.#selections.delete(oldest);
    }
    return selection.page(offset, limit);
  }

  *#entries(): Generator<Entry> {
    for (const { entries } of this.#parts) yield* entries.values();
  }

  #read(part: Part): void {
    const { rows, entries } = part;
    const changes = rows.takeChanges();
    if (changes === undefined) {
      entries.clear();
      this.#selections.clear();
      for (const [key, row] of rows) entries.set(key, entryOf(row, part));
      return;
    }
    const old: Entry[] = [];
    const fresh: Entry[] = [];
    for (const { key, row } of changes) {
      const before = entries.get(key);
      if (before !== undefined) {
        before.isOld = true;
        old.push(before);
      }
      if (row === undefined) {
        entries.delete(key);
        continue;
      }
      const entry = entryOf(row, part, before?.place);
      entries.set(key, entry);
      fresh.push(entry);
    }
    if (changes.length > 0) this.#tell(old, fresh);
  }

  #tell(old: readonly Entry[], fresh: readonly Entry[]): void {
    for (const [key, selection] of this.#selections) {
      selection.changed(old, fresh);
      if (selection.waiting > this.#size() + MAX_WAITING) this.#selections.delete(key);
    }
  }

  #size(): number {
    return this.#parts.reduce((sum, { entries }) => sum + entries.size, 0);
  }
}

function entryOf(row: object, part: Part, place?: number): Entry {
  if (place !== undefined) return { row, place, text: undefined, isOld: false };
  part.nextPlace += 1;
  return { row, place: part.nextPlace, text: undefined, isOld: false };
}

type Item = { readonly entry: Entry; readonly value: SortValue };

/** Before the item at `at` comes this one; without one, the item at `at` goes. */
type Cut = { readonly at: number; readonly item: Item | undefined };

/** `cuts`: those with an item in its order. */
function withCuts(items: readonly Item[], cuts: readonly Cut[]): Item[] {
  const result: Item[] = [];
  let next = 0;
  // Sorting keeps the order of cuts at one place: what comes there is before what goes.
  for (const { at, item } of cuts.toSorted((a, b) => a.at - b.at)) {
    for (; next < at; next += 1) result.push(items[next] as Item);
    if (item === undefined) next += 1;
    else result.push(item);
  }
  for (; next < items.length; next += 1) result.push(items[next] as Item);
  return result;
}

/** What fits one question, in order. */
class Selection {
  readonly #fits: (entry: Entry) => boolean;
  readonly #isDescending: boolean;
  readonly #path: readonly string[] | undefined;
  #items: Item[];
  #old: Entry[] = [];
  #fresh: Entry[] = [];

  constructor(filter: string, sort: string, entries: Iterable<Entry>) {
    this.#fits = entryTest(filter);
    this.#isDescending = sort.startsWith('-');
    const field = this.#isDescending ? sort.slice(1) : sort;
    this.#path = field === '' ? undefined : field.split('.');
    this.#items = this.#itemsOf(entries);
  }

  /** Changes that are not worked in. */
  get waiting(): number {
    return this.#old.length + this.#fresh.length;
  }

  page(offset: number, limit: number): Page<object> {
    const items = this.#items.slice(offset, offset + limit).map(({ entry }) => entry.row);
    return { total: this.#items.length, items };
  }

  changed(old: readonly Entry[], fresh: readonly Entry[]): void {
    for (const entry of old) this.#old.push(entry);
    for (const entry of fresh) this.#fresh.push(entry);
  }

  workIn(): void {
    if (this.waiting === 0) return;
    const items = this.#items;
    const cuts: Cut[] = this.#itemsOf(this.#fresh.filter(({ isOld }) => !isOld)).map((item) => ({
      at: this.#placeOf(item),
      item,
    }));
    for (const item of this.#itemsOf(this.#old)) {
      const at = this.#placeOf(item);
      // What came and went since the last time was never in.
      if (items[at]?.entry === item.entry) cuts.push({ at, item: undefined });
    }
    this.#old = [];
    this.#fresh = [];
    if (cuts.length > 0) this.#items = withCuts(items, cuts);
  }

  /** Of the first that does not come before it. */
  #placeOf(item: Item): number {
    let [low, high] = [0, this.#items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#items[middle];
      if (other !== undefined && this.#compare(other, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #itemsOf(entries: Iterable<Entry>): Item[] {
    const path = this.#path;
    const items: Item[] = [];
    for (const entry of entries) {
      if (!this.#fits(entry)) continue;
      items.push({ entry, value: path === undefined ? undefined : sortValueAt(entry.row, path) });
    }
    return items.sort((a, b) => this.#compare(a, b));
  }

  #compare(a: Item, b: Item): number {
    return compareValues(a.value, b.value, this.#isDescending) || a.entry.place - b.entry.place;
  }
}

function entryTest(filter: string): (entry: Entry) => boolean {
  const fits = rowTest(filter);
  return (entry) =>
    fits(entry.row, (row) => {
      entry.text ??= searchText(row);
      return entry.text;
    });
}
