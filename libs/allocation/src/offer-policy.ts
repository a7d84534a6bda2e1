// Owns what the least offer is and in which order agents are looked at: the cluster's settings, and those of roles that
// have their own. A role's are not those of the roles below it.
import { DEFAULT_MIN_ALLOCATABLE, type Placement, type Quantities } from '@parley/protocol/sharing';
import { type ClusterTotals, smaller, type Vector } from './cluster-totals.ts';
import type { Client, ShareTree } from './share-tree.ts';

export class OfferPolicy {
  readonly #totals: ClusterTotals;
  readonly #tree: ShareTree;
  #minimum: Vector;
  #placement: Placement = 'random';
  #least: Vector;
  #ownPlacements = 0;

  constructor(totals: ClusterTotals, tree: ShareTree) {
    this.#totals = totals;
    this.#tree = tree;
    this.#minimum = totals.vectorOf(DEFAULT_MIN_ALLOCATABLE);
    this.#least = this.#minimum;
  }

  /** What less than of anybody's is not worth an offer. */
  get least(): Vector {
    return this.#least;
  }

  /** Whether every role has the cluster's placement. */
  get commonPlacement(): Placement | undefined {
    return this.#ownPlacements === 0 ? this.#placement : undefined;
  }

  set(minimum: Quantities, placement: Placement): void {
    this.#minimum = this.#totals.vectorOf(minimum);
    this.#placement = placement;
    this.roleChanged();
  }

  /** What is set for some role has changed. */
  roleChanged(): void {
    this.#least = this.#minimum;
    this.#ownPlacements = 0;
    for (const { minimum, placement } of this.#tree.roles()) {
      if (minimum !== undefined) this.#least = smaller(this.#least, minimum);
      if (placement !== undefined) this.#ownPlacements += 1;
    }
  }

  minimumOf(client: Client): Vector {
    return client.branch.minimum ?? this.#minimum;
  }

  placementOf(client: Client): Placement {
    return client.branch.placement ?? this.#placement;
  }
}
