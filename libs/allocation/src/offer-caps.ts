// Owns how much each framework has in offers that it has not answered, those under way included, and the limits to it:
// a share of the cluster and a number of offers. Who is at a limit stands still until it has less, or the limit moves.
// What is in an offer, and whose turn it is, are decided elsewhere (agent-division.ts, fair-order.ts).
import type { FrameworkKey } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import {
  accumulate,
  type ClusterTotals,
  isZero,
  NO_AMOUNTS,
  type Vector,
} from './cluster-totals.ts';

/**
 * Agents for which a framework is passed over because they are too much for it beside what it has: a smaller one may
 * still do, but asking for each of many would cost.
 */
const MAX_PASSES = 16;
/** Until the master has said otherwise one framework may hold everything. */
const NO_CAP_PERMILLE = 1000;

type Unanswered = {
  /** As the master says. */
  offers: number;
  amounts: Vector;
  /** In proposals that are not decided. */
  pendingOffers: number;
  readonly pendingAmounts: number[];
  maxOffers: number;
  /** What it had when it was last passed over; absent when it was not since it had less, or the limit moved. */
  passedAt: Holding | undefined;
  passes: number;
};
type Holding = { readonly offers: number; readonly amounts: Vector };

export class OfferCaps {
  readonly #totals: ClusterTotals;
  readonly #frameworks = new Map<FrameworkKey, Unanswered>();
  /** Passed over: they deserve a turn when there is room again. */
  readonly #passed = new Set<FrameworkKey>();
  #permille = NO_CAP_PERMILLE;
  /** Of the totals by which they were passed over. */
  #version = 0;

  constructor(totals: ClusterTotals) {
    this.#totals = totals;
  }

  /** Of the cluster's totals, in thousandths. The value: those for whom there may be room now. */
  setPermille(permille: number): FrameworkKey[] {
    if (permille === this.#permille) return [];
    this.#permille = permille;
    return this.#resumeAll();
  }

  /** To be called after the totals may have changed. The value: those for whom there may be room now. */
  totalsChanged(): FrameworkKey[] {
    if (this.#version === this.#totals.version) return [];
    this.#version = this.#totals.version;
    return this.#resumeAll();
  }

  /** Whether there may be room for it because of this. */
  setMaxOffers(framework: FrameworkKey, maxOffers = Number.POSITIVE_INFINITY): boolean {
    const entry = this.#ensure(framework);
    const isResumed = entry.maxOffers !== maxOffers && entry.passedAt !== undefined;
    entry.maxOffers = maxOffers;
    if (isResumed) this.#resume(framework);
    this.passIfFull(framework);
    this.#forgetUnused(framework);
    return isResumed;
  }

  setOutstanding(framework: FrameworkKey, offers: number, amounts: Vector): void {
    const entry = this.#ensure(framework);
    entry.offers = offers;
    entry.amounts = amounts;
    this.#forgetUnused(framework);
  }

  /** More in a proposal; `offers` is 1 when that is a new one. */
  hold(framework: FrameworkKey, amounts: Vector, offers: 0 | 1): void {
    const entry = this.#ensure(framework);
    accumulate(entry.pendingAmounts, amounts, 1);
    entry.pendingOffers += offers;
  }

  /** A proposal was decided, or never will be. */
  release(framework: FrameworkKey, amounts: Vector): void {
    const entry = this.#ensure(framework);
    accumulate(entry.pendingAmounts, amounts, -1);
    entry.pendingOffers -= 1;
    this.#forgetUnused(framework);
  }

  /**
   * Whether it may have these too, in a new offer or (`offers` 0) in one that is counted already. A framework with no
   * other unanswered offer may always have one; what adds nothing always has room.
   */
  mayHold(framework: FrameworkKey, amounts: Vector, offers: 0 | 1): boolean {
    const entry = this.#frameworks.get(framework);
    if (entry === undefined) return true;
    const others = entry.offers + entry.pendingOffers - (1 - offers);
    if (others === 0) return true;
    if (offers === 1 && others >= entry.maxOffers) return false;
    return this.#hasRoomFor(entry, amounts);
  }

  /** Whether it is not to be asked for now. */
  isAtLimit(framework: FrameworkKey): boolean {
    const entry = this.#frameworks.get(framework);
    if (entry === undefined) return false;
    return entry.passes >= MAX_PASSES || entry.offers + entry.pendingOffers >= entry.maxOffers;
  }

  /** It was not offered something that was too much for it beside what it has. */
  pass(framework: FrameworkKey): void {
    const entry = this.#ensure(framework);
    entry.passedAt = this.#holdingOf(framework);
    entry.passes += 1;
    this.#passed.add(framework);
  }

  passIfFull(framework: FrameworkKey): void {
    if (!this.#mayHaveAnotherOffer(framework)) this.pass(framework);
  }

  /**
   * To be called after what it has may have changed. The value: whether there may be room for it: it was passed over,
   * and now has less of something than then.
   */
  resumeWithLess(framework: FrameworkKey): boolean {
    const before = this.#frameworks.get(framework)?.passedAt;
    const now = this.#holdingOf(framework);
    const hasLess =
      before !== undefined &&
      (now.offers < before.offers ||
        before.amounts.some((amount, number) => (now.amounts[number] ?? 0) < amount));
    if (hasLess) this.#resume(framework);
    // Fewer than before may still be too many, when the limit fell meanwhile.
    this.passIfFull(framework);
    return hasLess;
  }

  /** Unanswered offers, proposals under way, and how many of both it may have at a time. */
  unansweredOf(framework: FrameworkKey): {
    readonly outstanding: number;
    readonly proposed: number;
    readonly most?: number;
  } {
    const entry = this.#frameworks.get(framework);
    if (entry === undefined) return { outstanding: 0, proposed: 0 };
    const { offers: outstanding, pendingOffers: proposed, maxOffers: most } = entry;
    return { outstanding, proposed, ...(Number.isFinite(most) && { most }) };
  }

  /** For tests and the simulator: `pending` is what the undecided proposals of each framework hold. */
  checkInvariants(
    pending: ReadonlyMap<FrameworkKey, { readonly offers: number; readonly amounts: Vector }>,
  ): void {
    for (const [framework, entry] of this.#frameworks) {
      const expected = pending.get(framework) ?? { offers: 0, amounts: NO_AMOUNTS };
      const difference = [...entry.pendingAmounts];
      accumulate(difference, expected.amounts, -1);
      assert(
        entry.pendingOffers === expected.offers && difference.every((amount) => amount === 0),
        `what is under way to ${framework} is what its proposals hold`,
      );
      assert(
        this.#passed.has(framework) === (entry.passedAt !== undefined),
        `${framework} was passed over when it is among the passed`,
      );
    }
    for (const framework of [...pending.keys(), ...this.#passed]) {
      assert(this.#frameworks.has(framework), `what ${framework} holds is known`);
    }
  }

  #mayHaveAnotherOffer(framework: FrameworkKey): boolean {
    const entry = this.#frameworks.get(framework);
    return entry === undefined || entry.offers + entry.pendingOffers < entry.maxOffers;
  }

  /** Whether with these it would have of no scalar more than one framework may. */
  #hasRoomFor(entry: Unanswered, amounts: Vector): boolean {
    if (isZero(amounts)) return true;
    const totals = this.#totals.amounts;
    for (let number = 0; number < totals.length; number += 1) {
      const total = totals[number] ?? 0;
      if (total === 0) continue;
      const held = (entry.amounts[number] ?? 0) + (entry.pendingAmounts[number] ?? 0);
      if ((held + (amounts[number] ?? 0)) * 1000 > total * this.#permille) return false;
    }
    return true;
  }

  #holdingOf(framework: FrameworkKey): Holding {
    const entry = this.#frameworks.get(framework);
    if (entry === undefined) return { offers: 0, amounts: NO_AMOUNTS };
    const amounts = [...entry.pendingAmounts];
    accumulate(amounts, entry.amounts, 1);
    return { offers: entry.offers + entry.pendingOffers, amounts };
  }

  #resumeAll(): FrameworkKey[] {
    const resumed = [...this.#passed];
    for (const framework of resumed) {
      this.#resume(framework);
      this.passIfFull(framework);
    }
    return resumed;
  }

  #resume(framework: FrameworkKey): void {
    const entry = this.#ensure(framework);
    entry.passedAt = undefined;
    entry.passes = 0;
    this.#passed.delete(framework);
  }

  #ensure(framework: FrameworkKey): Unanswered {
    const known = this.#frameworks.get(framework);
    if (known !== undefined) return known;
    const entry: Unanswered = {
      offers: 0,
      amounts: NO_AMOUNTS,
      pendingOffers: 0,
      pendingAmounts: [],
      maxOffers: Number.POSITIVE_INFINITY,
      passedAt: undefined,
      passes: 0,
    };
    this.#frameworks.set(framework, entry);
    return entry;
  }

  /** Keeps what is known bounded by what is unanswered or limited. */
  #forgetUnused(framework: FrameworkKey): void {
    const entry = this.#frameworks.get(framework);
    if (entry === undefined || entry.passedAt !== undefined) return;
    if (entry.offers + entry.pendingOffers > 0 || Number.isFinite(entry.maxOffers)) return;
    this.#frameworks.delete(framework);
  }
}
