// Owns how much each framework has in offers that it has not answered, those under way included, and the limits to it:
// a share of the cluster and a number of offers. Who is at a limit stands still until it has less, or the limit moves.
// What is in an offer, and whose turn it is, are decided elsewhere (agent-division.ts, fair-order.ts).
import { assert } from '@parley/protocol/unreachable';
import {
  accumulate,
  type ClusterTotals,
  isZero,
  NO_AMOUNTS,
  type Vector,
} from './cluster-totals.ts';
import type { Framework } from './frameworks.ts';

/**
 * Agents for which a framework is passed over because they are too much for it beside what it has: a smaller one may
 * still do, but asking for each of many would cost.
 */
const MAX_PASSES = 16;
/** Until the master has said otherwise one framework may hold everything. */
const NO_CAP_PERMILLE = 1000;

/** What one framework has in offers that it has not answered, and how many of them it may have. */
export class Unanswered {
  /** As the master says. */
  offers = 0;
  amounts: Vector = NO_AMOUNTS;
  /** In proposals that are not decided. */
  pendingOffers = 0;
  readonly pendingAmounts: number[] = [];
  maxOffers = Number.POSITIVE_INFINITY;
  /** What it had when it was last passed over; absent when it was not since it had less, or the limit moved. */
  passedAt: Holding | undefined;
  passes = 0;

  get allOffers(): number {
    return this.offers + this.pendingOffers;
  }

  /** Nothing that would have to be remembered. */
  get isNothing(): boolean {
    return this.allOffers === 0 && this.maxOffers === Number.POSITIVE_INFINITY && !this.passedAt;
  }

  get holding(): Holding {
    const amounts = [...this.pendingAmounts];
    accumulate(amounts, this.amounts, 1);
    return { offers: this.allOffers, amounts };
  }
}
type Holding = { readonly offers: number; readonly amounts: Vector };

const NOBODY: readonly Framework[] = [];

export class OfferCaps {
  readonly #totals: ClusterTotals;
  /** Passed over: they deserve a turn when there is room again. */
  readonly #passed = new Set<Framework>();
  #permille = NO_CAP_PERMILLE;
  /** Of the totals by which they were passed over. */
  #version = 0;

  constructor(totals: ClusterTotals) {
    this.#totals = totals;
  }

  /** Of the cluster's totals, in thousandths. The value: those for whom there may be room now. */
  setPermille(permille: number): Framework[] {
    if (permille === this.#permille) return [];
    this.#permille = permille;
    return this.#resumeAll();
  }

  /** To be called after the totals may have changed. The value: those for whom there may be room now. */
  totalsChanged(): readonly Framework[] {
    if (this.#version === this.#totals.version) return NOBODY;
    this.#version = this.#totals.version;
    return this.#resumeAll();
  }

  /** Whether there may be room for it because of this. */
  setMaxOffers(framework: Framework, maxOffers = Number.POSITIVE_INFINITY): boolean {
    const { unanswered } = framework;
    const isResumed = unanswered.maxOffers !== maxOffers && unanswered.passedAt !== undefined;
    unanswered.maxOffers = maxOffers;
    if (isResumed) this.#resume(framework);
    this.passIfFull(framework);
    return isResumed;
  }

  setOutstanding({ unanswered }: Framework, offers: number, amounts: Vector): void {
    unanswered.offers = offers;
    unanswered.amounts = amounts;
  }

  /** More in a proposal; `offers` is 1 when that is a new one. */
  hold({ unanswered }: Framework, amounts: Vector, offers: 0 | 1): void {
    accumulate(unanswered.pendingAmounts, amounts, 1);
    unanswered.pendingOffers += offers;
  }

  /** A proposal was decided, or never will be. */
  release({ unanswered }: Framework, amounts: Vector): void {
    accumulate(unanswered.pendingAmounts, amounts, -1);
    unanswered.pendingOffers -= 1;
  }

  /**
   * Whether it may have these too, in a new offer or (`offers` 0) in one that is counted already. A framework with no
   * other unanswered offer may always have one; what adds nothing always has room.
   */
  mayHold({ unanswered }: Framework, amounts: Vector, offers: 0 | 1): boolean {
    const others = unanswered.allOffers - (1 - offers);
    if (others === 0) return true;
    if (offers === 1 && others >= unanswered.maxOffers) return false;
    return this.#permille === NO_CAP_PERMILLE || this.#hasRoomFor(unanswered, amounts);
  }

  /** Whether it is not to be asked for now. */
  isAtLimit({ unanswered }: Framework): boolean {
    return unanswered.passes >= MAX_PASSES || unanswered.allOffers >= unanswered.maxOffers;
  }

  /** It was not offered something that was too much for it beside what it has. */
  pass(framework: Framework): void {
    framework.unanswered.passedAt = framework.unanswered.holding;
    framework.unanswered.passes += 1;
    this.#passed.add(framework);
  }

  passIfFull(framework: Framework): void {
    const { allOffers, maxOffers } = framework.unanswered;
    if (allOffers >= maxOffers) this.pass(framework);
  }

  /**
   * To be called after what it has may have changed. The value: whether there may be room for it: it was passed over,
   * and now has less of something than then.
   */
  resumeWithLess(framework: Framework): boolean {
    const { passedAt: before } = framework.unanswered;
    const hasLess = before !== undefined && isLess(framework.unanswered.holding, before);
    if (hasLess) this.#resume(framework);
    // Fewer than before may still be too many, when the limit fell meanwhile.
    this.passIfFull(framework);
    return hasLess;
  }

  /** For tests and the simulator: `pending` is what the undecided proposals of each framework hold. */
  checkInvariants(
    frameworks: Iterable<Framework>,
    pending: ReadonlyMap<Framework, { readonly offers: number; readonly amounts: Vector }>,
  ): void {
    const known = new Set(frameworks);
    for (const framework of known) {
      const { unanswered, key } = framework;
      const expected = pending.get(framework) ?? { offers: 0, amounts: NO_AMOUNTS };
      const difference = [...unanswered.pendingAmounts];
      accumulate(difference, expected.amounts, -1);
      assert(
        unanswered.pendingOffers === expected.offers && isZero(difference),
        `what is under way to ${key} is what its proposals hold`,
      );
      assert(
        this.#passed.has(framework) === (unanswered.passedAt !== undefined),
        `${key} was passed over when it is among the passed`,
      );
    }
    for (const framework of [...pending.keys(), ...this.#passed]) {
      assert(known.has(framework), `what ${framework.key} holds is known`);
    }
  }

  /** Whether with these it would have of no scalar more than one framework may. */
  #hasRoomFor(unanswered: Unanswered, amounts: Vector): boolean {
    if (isZero(amounts)) return true;
    const totals = this.#totals.all;
    for (let number = 0; number < totals.length; number += 1) {
      const total = totals[number] ?? 0;
      if (total === 0) continue;
      const held = (unanswered.amounts[number] ?? 0) + (unanswered.pendingAmounts[number] ?? 0);
      if (isAbove(held + (amounts[number] ?? 0), total, this.#permille)) return false;
    }
    return true;
  }

  #resumeAll(): Framework[] {
    const resumed = [...this.#passed];
    for (const framework of resumed) {
      this.#resume(framework);
      this.passIfFull(framework);
    }
    return resumed;
  }

  #resume(framework: Framework): void {
    framework.unanswered.passedAt = undefined;
    framework.unanswered.passes = 0;
    this.#passed.delete(framework);
  }
}

/** Exact, as the master reckons: else it would be proposed again and again what that refuses. */
function isAbove(held: number, total: number, permille: number): boolean {
  const [left, right] = [held * 1000, total * permille];
  if (left <= Number.MAX_SAFE_INTEGER && right <= Number.MAX_SAFE_INTEGER) return left > right;
  return BigInt(held) * 1000n > BigInt(total) * BigInt(permille);
}

function isLess(now: Holding, before: Holding): boolean {
  return (
    now.offers < before.offers ||
    before.amounts.some((amount, number) => (now.amounts[number] ?? 0) < amount)
  );
}
