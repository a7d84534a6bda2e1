// Owns an ordered set with insertion, removal and the first item in O(log n) expected comparisons.
// It knows nothing of shares; an item's place must not change while it is inside.
// A treap: Seidel and Aragon, Randomized Search Trees, Algorithmica 16, 1996.
import { assert } from '@parley/protocol/unreachable';
import { SeededRandom } from './seeded-random.ts';

type Node<Item> = {
  readonly item: Item;
  /** A parent's is never below its children's. */
  readonly priority: number;
  left: Node<Item> | undefined;
  right: Node<Item> | undefined;
};

/** Negative, 0 or positive, as for sorting. 0 only for one and the same item. */
export type Comparison<Item> = (a: Item, b: Item) => number;

export class OrderedIndex<Item> {
  readonly #compare: Comparison<Item>;
  // The order does not depend on the priorities, so a fixed seed keeps runs repeatable.
  readonly #random = new SeededRandom(1);
  #root: Node<Item> | undefined;
  #size = 0;

  constructor(compare: Comparison<Item>) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  /** Throws when an item of the same place is inside. */
  insert(item: Item): void {
    const node = { item, priority: this.#random.next(), left: undefined, right: undefined };
    this.#root = this.#insertBelow(this.#root, node);
    this.#size += 1;
  }

  /** Throws when the item is not inside, or its place has changed since it was inserted. */
  remove(item: Item): void {
    this.#root = this.#removeBelow(this.#root, item);
    this.#size -= 1;
  }

  clear(): void {
    this.#root = undefined;
    this.#size = 0;
  }

  /** In order. Nothing may be inserted or removed until the caller has stopped iterating. */
  *[Symbol.iterator](): Generator<Item, void, void> {
    const path: Node<Item>[] = [];
    let node = this.#root;
    while (node !== undefined || path.length > 0) {
      while (node !== undefined) {
        path.push(node);
        node = node.left;
      }
      const next = path.pop();
      if (next === undefined) return;
      yield next.item;
      node = next.right;
    }
  }

  #insertBelow(root: Node<Item> | undefined, node: Node<Item>): Node<Item> {
    if (root === undefined) return node;
    const order = this.#compare(node.item, root.item);
    assert(order !== 0, 'an item is inserted once');
    if (order < 0) {
      root.left = this.#insertBelow(root.left, node);
      return root.left.priority > root.priority ? rotateRight(root, root.left) : root;
    }
    root.right = this.#insertBelow(root.right, node);
    return root.right.priority > root.priority ? rotateLeft(root, root.right) : root;
  }

  #removeBelow(root: Node<Item> | undefined, item: Item): Node<Item> | undefined {
    assert(root !== undefined, 'the item to remove is inside, at its place');
    const order = this.#compare(item, root.item);
    if (order === 0) return join(root.left, root.right);
    if (order < 0) root.left = this.#removeBelow(root.left, item);
    else root.right = this.#removeBelow(root.right, item);
    return root;
  }
}

function rotateRight<Item>(root: Node<Item>, left: Node<Item>): Node<Item> {
  root.left = left.right;
  left.right = root;
  return left;
}

function rotateLeft<Item>(root: Node<Item>, right: Node<Item>): Node<Item> {
  root.right = right.left;
  right.left = root;
  return right;
}

/** Every item on the left comes before every item on the right. */
function join<Item>(
  left: Node<Item> | undefined,
  right: Node<Item> | undefined,
): Node<Item> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = join(left.right, right);
    return left;
  }
  right.left = join(left, right.left);
  return right;
}
