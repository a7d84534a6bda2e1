// Owns dividing amounts by weight, exactly: master and allocator must come to the same figures.

type Amounts = Readonly<Record<string, number>>;

/** Of amounts for all, what one has by its weight; rounded down, so that no more is given away than there is. */
export function shareByWeight(
  whole: Amounts,
  weight: number | bigint,
  allWeights: number | bigint,
): Record<string, number> {
  const all = BigInt(allWeights) > 0n ? BigInt(allWeights) : 1n;
  const share = (amount: number): number => Number((BigInt(amount) * BigInt(weight)) / all);
  return Object.fromEntries(Object.entries(whole).map(([name, amount]) => [name, share(amount)]));
}
