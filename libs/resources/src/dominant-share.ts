// Owns dominant shares: the largest fraction of any one resource that somebody holds.
// Shares are exact fractions and compared exactly; a floating-point number is for display only.
// Dominant share: Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 4.1.
import type { Resources } from '@parley/protocol/resources';

type Amounts = Readonly<Resources['scalars']>;

/** `used / total` of one resource; 0 / 1 for whoever holds nothing. */
export type Share = {
  readonly used: number;
  readonly total: number;
  /** The dominant resource. */
  readonly resource?: string;
};

const NO_SHARE: Share = { used: 0, total: 1 };

export type ShareOptions = {
  /** Names that do not count towards fairness. */
  readonly uncounted?: readonly string[];
};

/** The largest used/total over the scalars that exist at all; of equal ones the first by name. */
export function dominantShare(used: Amounts, total: Amounts, options: ShareOptions = {}): Share {
  let dominant = NO_SHARE;
  for (const resource of Object.keys(used).sort()) {
    const all = Object.hasOwn(total, resource) ? (total[resource] ?? 0) : 0;
    if (all <= 0 || options.uncounted?.includes(resource)) continue;
    const share: Share = { used: used[resource] ?? 0, total: all, resource };
    if (compareShares(share, dominant) > 0) dominant = share;
  }
  return dominant;
}

/** Negative when `a` is the smaller share, 0 when equal, positive when larger. Exact. */
export function compareShares(a: Share, b: Share): number {
  return compareFractions(a.used, a.total, b.used, b.total);
}

/** Likewise for share divided by weight: `a.used / (a.total * aWeight)`. Weights are positive integers. */
export function compareWeightedShares(
  a: Share,
  aWeight: number,
  b: Share,
  bWeight: number,
): number {
  if (aWeight === bWeight) return compareShares(a, b);
  return compareProducts([a.used, b.total, bWeight], [b.used, a.total, aWeight]);
}

/** Between 0 and 1 (above 1 only when more is used than there is); for display, never for decisions. */
export function shareAsNumber(share: Share): number {
  return share.used / share.total;
}

type Factors = readonly [number, number, number];

/** Relative error of a product of three integers below 2^53 in doubles is below 2^-51. */
const ROUNDING = 2 ** -50;

/**
 * Exact without big integers, because equal shares are common: of parts of one whole the parts decide, of others the
 * first difference of their continued fractions. What is left after a division is exact in doubles, and so is the
 * quotient of the rest.
 */
function compareFractions(a: number, aWhole: number, b: number, bWhole: number): number {
  if (aWhole === bWhole) return Math.sign(a - b);
  const [left, right] = [a * bWhole, b * aWhole];
  if (Math.abs(left - right) > (left + right) * ROUNDING) return left < right ? -1 : 1;
  let [x, xOf, y, yOf] = [a, aWhole, b, bWhole];
  for (let sign = 1; ; sign = -sign) {
    const [xRest, yRest] = [x % xOf, y % yOf];
    const difference = (x - xRest) / xOf - (y - yRest) / yOf;
    if (difference !== 0) return sign * Math.sign(difference);
    if (xRest === 0 || yRest === 0) return xRest === yRest ? 0 : sign * Math.sign(xRest - yRest);
    // Of two remainders the larger is the one whose reciprocal is smaller.
    [x, xOf, y, yOf] = [xOf, xRest, yOf, yRest];
  }
}

/** Doubles decide when they are further apart than their rounding error; else big integers do. */
function compareProducts(a: Factors, b: Factors): number {
  const left = a[0] * a[1] * a[2];
  const right = b[0] * b[1] * b[2];
  const difference = left - right;
  if (Math.abs(difference) > (left + right) * ROUNDING) return difference < 0 ? -1 : 1;
  if (left <= Number.MAX_SAFE_INTEGER && right <= Number.MAX_SAFE_INTEGER) {
    return Math.sign(difference);
  }
  const exact =
    BigInt(a[0]) * BigInt(a[1]) * BigInt(a[2]) - BigInt(b[0]) * BigInt(b[1]) * BigInt(b[2]);
  if (exact === 0n) return 0;
  return exact < 0n ? -1 : 1;
}
