// Owns what part of a cluster weights give to each, down a tree of roles: at every level the weight of a role among its
// active siblings, at the end that of a framework among those of its role. Exact fractions of big integers.
import { type RoleName, roleAbove } from '@parley/protocol/ids';
import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';

type Node = {
  readonly children: Map<string, Node>;
  readonly weight: number;
  /** Of the frameworks in the role itself. */
  own: number;
  /** Of all that share what the role has: its children, and its own frameworks together. */
  sharing: number;
};

export class FairTree {
  readonly #weightOf: (role: RoleName) => number;
  readonly #root = aNode(DEFAULT_WEIGHT);

  constructor(weightOf: (role: RoleName) => number) {
    this.#weightOf = weightOf;
  }

  /** A framework of this weight is active in the role. */
  add(role: RoleName, weight: number): void {
    let node = this.#root;
    for (const path of pathsOf(role)) {
      let child = node.children.get(path);
      if (child === undefined) {
        child = aNode(this.#weightOf(path));
        node.children.set(path, child);
        node.sharing += child.weight;
      }
      node = child;
    }
    if (node.own === 0) node.sharing += DEFAULT_WEIGHT;
    node.own += weight;
  }

  /** Of a framework that was added: numerator and denominator. Nothing where its role has no active one. */
  fractionOf(role: RoleName, weight: number): readonly [bigint, bigint] {
    let node = this.#root;
    let [numerator, denominator] = [1n, 1n];
    for (const path of pathsOf(role)) {
      const child = node.children.get(path);
      if (child === undefined) return [0n, 1n];
      numerator *= BigInt(child.weight);
      denominator *= BigInt(node.sharing);
      node = child;
    }
    if (node.own === 0) return [0n, 1n];
    if (node.children.size > 0) {
      numerator *= BigInt(DEFAULT_WEIGHT);
      denominator *= BigInt(node.sharing);
    }
    return [numerator * BigInt(weight), denominator * BigInt(node.own)];
  }
}

const aNode = (weight: number): Node => ({ children: new Map(), weight, own: 0, sharing: 0 });

/** The roles on the way down to it, itself last. */
function pathsOf(role: RoleName): RoleName[] {
  const path: RoleName[] = [];
  for (let one: RoleName | undefined = role; one !== undefined; one = roleAbove(one))
    path.push(one);
  return path.reverse();
}
