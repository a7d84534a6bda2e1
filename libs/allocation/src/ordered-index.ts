// Owns an ordered set: insertion and removal in O(log n) comparisons, the first item and iteration at once.
// It knows nothing of shares; an item's place must not change while it is inside.
// The items are in short sorted blocks, one after the other: a tree of two levels that is found through by halving.
import { assert } from '@parley/protocol/unreachable';

/** Longer blocks are cut in two; moving within one costs less than a comparison. */
const MAX_BLOCK = 64;

/** Negative, 0 or positive, as for sorting. 0 only for one and the same item. */
export type Comparison<Item> = (a: Item, b: Item) => number;

export class OrderedIndex<Item> {
  readonly #compare: Comparison<Item>;
  /** None is empty. */
  #blocks: Item[][] = [];
  #size = 0;

  constructor(compare: Comparison<Item>) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  /** In order, for loops that must not cost anything. Nothing may be inserted or removed meanwhile. */
  get blocks(): readonly (readonly Item[])[] {
    return this.#blocks;
  }

  /** Throws when an item of the same place is inside. */
  insert(item: Item): void {
    const number = this.#blockOf(item);
    const block = this.#blocks[number];
    this.#size += 1;
    if (block === undefined) {
      this.#blocks.push([item]);
      return;
    }
    const place = this.#placeIn(block, item);
    const next = block[place];
    assert(next === undefined || this.#compare(next, item) !== 0, 'an item is inserted once');
    insertAt(block, place, item);
    if (block.length > MAX_BLOCK) this.#blocks.splice(number + 1, 0, block.splice(MAX_BLOCK / 2));
  }

  /** Throws when the item is not inside, or its place has changed since it was inserted. */
  remove(item: Item): void {
    const number = this.#blockOf(item);
    const block = this.#blocks[number] ?? [];
    const place = this.#placeIn(block, item);
    assert(block[place] === item, 'the item to remove is inside, at its place');
    removeAt(block, place);
    if (block.length === 0) this.#blocks.splice(number, 1);
    this.#size -= 1;
  }

  /** Orders what is inside anew, after its places have changed. */
  reorder(): void {
    const items = [...this].sort(this.#compare);
    this.#blocks = [];
    for (let from = 0; from < items.length; from += MAX_BLOCK / 2) {
      this.#blocks.push(items.slice(from, from + MAX_BLOCK / 2));
    }
  }

  /** In order. Nothing may be inserted or removed until the caller has stopped iterating. */
  *[Symbol.iterator](): Generator<Item, void, void> {
    for (const block of this.#blocks) yield* block;
  }

  /** The last block that does not begin behind the item; the first one when all do. */
  #blockOf(item: Item): number {
    let [low, high] = [0, this.#blocks.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      const first = this.#blocks[middle]?.[0];
      if (first !== undefined && this.#compare(first, item) <= 0) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Of the first one that is not before the item. */
  #placeIn(block: readonly Item[], item: Item): number {
    let [low, high] = [0, block.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = block[middle];
      if (other !== undefined && this.#compare(other, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** As splice does, which takes longer for so few. */
function insertAt<Item>(block: Item[], place: number, item: Item): void {
  block.push(item);
  for (let number = block.length - 1; number > place; number -= 1) {
    const before = block[number - 1];
    if (before !== undefined) block[number] = before;
  }
  block[place] = item;
}

function removeAt<Item>(block: Item[], place: number): void {
  for (let number = place + 1; number < block.length; number += 1) {
    const next = block[number];
    if (next !== undefined) block[number - 1] = next;
  }
  block.pop();
}
