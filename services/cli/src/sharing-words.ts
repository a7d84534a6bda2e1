// Owns how shares read on a screen: amounts by resource, weights, what of them an operator changed.
import type { RoleShares } from '@parley/cluster/records';
import { formatAmount, formatScalars } from '@parley/resources/format';
import type { Amounts } from './metrics/utilisation.ts';

/** `cpus 4, mem 8 GiB`; `nothing` where no resource is named. */
export const describeAmounts = (amounts: Amounts, nothing = '-'): string =>
  Object.keys(amounts).length === 0 ? nothing : formatScalars({ ...amounts }).join(', ');

/** `2`, `0.5`. */
export const describeWeight = (weight: number): string => formatAmount(weight);

/** `weight 1; guarantee cpus 2; limit none`, and what of its offers is not as the cluster's: `; placement bestFit`. */
export function describeShares(shares: RoleShares): string {
  const { weight, guarantee, limit, minAllocatable, placement } = shares;
  const parts = [
    `weight ${describeWeight(weight)}`,
    `guarantee ${describeAmounts(guarantee, 'none')}`,
    `limit ${describeAmounts(limit, 'none')}`,
  ];
  if (minAllocatable !== undefined) parts.push(`least offer ${describeAmounts(minAllocatable)}`);
  if (placement !== undefined) parts.push(`placement ${placement}`);
  return parts.join('; ');
}

/** `limit cpus 4 -> cpus 8; weight 1 -> 2`. */
export function describeChange(before: Partial<RoleShares>, after: Partial<RoleShares>): string {
  const changes: string[] = [];
  const tell = (what: string, old: string, now: string): void => {
    if (old !== now) changes.push(`${what} ${old} -> ${now}`);
  };
  tell('weight', weightIn(before), weightIn(after));
  tell('guarantee', amountsIn(before.guarantee), amountsIn(after.guarantee));
  tell('limit', amountsIn(before.limit), amountsIn(after.limit));
  tell('least offer', amountsIn(before.minAllocatable), amountsIn(after.minAllocatable));
  tell('placement', before.placement ?? "the cluster's", after.placement ?? "the cluster's");
  return changes.join('; ');
}

const weightIn = ({ weight }: Partial<RoleShares>): string =>
  weight === undefined ? '' : describeWeight(weight);

const amountsIn = (amounts: Amounts | undefined): string => describeAmounts(amounts ?? {}, 'none');
