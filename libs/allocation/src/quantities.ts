// Owns arithmetic with amounts by name where no agent is meant: what somebody holds, is guaranteed or is entitled to.
// Fractions are compared exactly, never stored (dominant share: Ghodsi et al., NSDI 2011, section 4).
import type { Quantities } from '@parley/protocol/sharing';

export const amountIn = (amounts: Quantities, name: string): number =>
  Object.hasOwn(amounts, name) ? (amounts[name] ?? 0) : 0;

export function plus(a: Quantities, b: Quantities): Quantities {
  const sum = { ...a };
  for (const name of Object.keys(b)) sum[name] = amountIn(a, name) + amountIn(b, name);
  return sum;
}

/** Nothing goes below zero: of what is known of others some may be older than the rest. */
export function minus(a: Quantities, b: Quantities): Quantities {
  const rest = { ...a };
  for (const name of Object.keys(b)) {
    rest[name] = Math.max(0, amountIn(a, name) - amountIn(b, name));
  }
  return rest;
}

/** A fraction: how much of what it is measured by. */
export type Fraction = readonly [numerator: number, denominator: number];

/** The largest of the fractions amount / whole. Something of what the whole has nothing of is more than any. */
export function largestFraction(amounts: Quantities, whole: Quantities): Fraction {
  let largest: Fraction = [0, 1];
  for (const [name, denominator] of Object.entries(whole)) {
    const numerator = amountIn(amounts, name);
    if (numerator === 0) continue;
    const fraction: Fraction = denominator === 0 ? [1, 0] : [numerator, denominator];
    if (compareFractions(fraction, largest) > 0) largest = fraction;
  }
  return largest;
}

/** Below 0 when `a` is smaller. Exact. */
export function compareFractions(a: Fraction, b: Fraction): number {
  const [left, right] = [a[0] * b[1], b[0] * a[1]];
  if (left <= Number.MAX_SAFE_INTEGER && right <= Number.MAX_SAFE_INTEGER) return left - right;
  const exact = BigInt(a[0]) * BigInt(b[1]) - BigInt(b[0]) * BigInt(a[1]);
  return exact === 0n ? 0 : exact < 0n ? -1 : 1;
}
