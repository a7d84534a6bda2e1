// Owns dividing amounts by weight, exactly: master and allocator must come to the same figures.

type Amounts = Readonly<Record<string, number>>;

/** Of amounts for all, what one has by its weight; rounded down, so that no more is given away than there is. */
export function shareByWeight(whole: Amounts, weight: number, allWeights: number): Amounts {
  return Object.fromEntries(
    Object.entries(whole).map(([name, amount]) => [name, partByWeight(amount, weight, allWeights)]),
  );
}

/** Likewise of one amount. Integers throughout. */
export function partByWeight(amount: number, weight: number, allWeights: number): number {
  const all = Math.max(1, allWeights);
  const product = amount * weight;
  if (Number.isSafeInteger(product)) return (product - (product % all)) / all;
  return Number((BigInt(amount) * BigInt(weight)) / BigInt(all));
}
