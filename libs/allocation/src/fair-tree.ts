// Owns what part of a cluster weights give to each, down a tree of roles: at every level the weight of a role among its
// active siblings, at the end that of a framework among those of its role. Exact fractions of big integers.
import { RoleName } from '@parley/protocol/ids';
import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';

type Node = {
  readonly children: Map<string, Node>;
  readonly weight: number;
  /** Of the frameworks in the role itself. */
  own: number;
};

export class FairTree {
  readonly #weightOf: (role: RoleName) => number;
  readonly #root: Node = { children: new Map(), weight: DEFAULT_WEIGHT, own: 0 };

  constructor(weightOf: (role: RoleName) => number) {
    this.#weightOf = weightOf;
  }

  /** A framework of this weight is active in the role. */
  add(role: RoleName, weight: number): void {
    let node = this.#root;
    for (const path of pathsOf(role)) {
      const known = node.children.get(path);
      const child = known ?? { children: new Map(), weight: this.#weightOf(path), own: 0 };
      node.children.set(path, child);
      node = child;
    }
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
      denominator *= BigInt(siblingsOf(node));
      node = child;
    }
    if (node.own === 0) return [0n, 1n];
    if (node.children.size > 0) {
      numerator *= BigInt(DEFAULT_WEIGHT);
      denominator *= BigInt(siblingsOf(node));
    }
    return [numerator * BigInt(weight), denominator * BigInt(node.own)];
  }
}

/** The weights of all that share what a role has. */
function siblingsOf({ children, own }: Node): number {
  let sum = own > 0 ? DEFAULT_WEIGHT : 0;
  for (const { weight } of children.values()) sum += weight;
  return sum;
}

/** The roles on the way down to it, itself last. */
function pathsOf(role: RoleName): RoleName[] {
  const tokens = role.split('/');
  return tokens.map((_, index) => RoleName.parse(tokens.slice(0, index + 1).join('/')));
}
