// Owns the checks of what is typed about sharing: amounts by resource, weights, whom they are for. A wrong value is a
// usage failure that says what would be right.
import { type FrameworkRef, frameworkKey, ReservationId, RoleName } from '@parley/protocol/ids';
import { Placement, type Quantities, Weight } from '@parley/protocol/sharing';
import { Labels } from '@parley/protocol/tasks';
import { parseAmount, parseScalars } from '@parley/resources/parse';
import { InvalidArgumentError } from 'commander';
import { parserOf } from './arguments.ts';
import { CommandFailure, EXIT } from './command-failure.ts';

export const roleArgument = parserOf('a role', RoleName);
export const reservationArgument = parserOf('a reservation id', ReservationId);

/** `cpus=4,mem=8GiB`: at least one, each resource once. */
export function quantitiesArgument(value: string): Quantities {
  const amounts = parseScalars(value);
  if (amounts.ok) return amounts.value;
  const why = amounts.failure.message;
  throw new InvalidArgumentError(`must be amounts such as cpus=4,mem=8GiB: ${why}.`);
}

/** Likewise, or the word. A parser must not return null: commander takes that for no value at all. */
export const quotaArgument = (value: string): Quantities | 'none' =>
  value === 'none' ? value : quantitiesArgument(value);

/** Likewise; `cluster`: the cluster's own. */
export const leastOfferArgument = (value: string): Quantities | 'cluster' =>
  value === 'cluster' ? value : quantitiesArgument(value);
export function placementOrCluster(value: string): Placement | 'cluster' {
  const placement = Placement.safeParse(value);
  if (value === 'cluster' || placement.success) return placement.data ?? 'cluster';
  const ways = [...Placement.options, 'cluster'].join(', ');
  throw new InvalidArgumentError(`a placement must be one of ${ways}.`);
}

/** What is asked of the leader: null sets back what the word stands for. */
export const withoutWords = <Value>(
  value: Value | 'none' | 'cluster' | undefined,
): Value | null | undefined => (value === 'none' || value === 'cluster' ? null : value);

/** `2`, `0.5`: in thousandths. */
export function weightArgument(value: string): number {
  const amount = parseAmount(value);
  const weight = Weight.safeParse(amount.ok ? amount.value : undefined);
  if (weight.success) return weight.data;
  throw new InvalidArgumentError(
    'a weight must be a number from 0.001 to 1000000, such as 2 or 0.5.',
  );
}

/** `team=search,tier=gold`. */
export function labelsArgument(value: string): Labels {
  const pairs = value.split(',').map((part) => part.split('='));
  const labels = Labels.safeParse(Object.fromEntries(pairs));
  if (!labels.success || pairs.some((pair) => pair.length !== 2)) {
    throw new InvalidArgumentError('labels must be NAME=VALUE, separated by commas.');
  }
  const wrong = pairs.find(
    ([name = ''], index) =>
      !Object.hasOwn(labels.data, name) || pairs.findIndex(([one]) => one === name) !== index,
  );
  if (wrong === undefined) return labels.data;
  throw new InvalidArgumentError(`the label ${wrong[0]} is named twice, or is no name for one.`);
}

/** Whom a weight or a quota is for. */
export type Whom =
  | { readonly kind: 'role'; readonly role: RoleName }
  | { readonly kind: 'framework'; readonly framework: FrameworkRef };

/** Throws a usage failure unless one of both is given. */
export function whomOf(role: RoleName | undefined, framework: FrameworkRef | undefined): Whom {
  if (role !== undefined && framework === undefined) return { kind: 'role', role };
  if (role === undefined && framework !== undefined) return { kind: 'framework', framework };
  throw new CommandFailure(EXIT.usage, {
    what: role === undefined ? 'for whom is not said' : 'a role and a framework are named',
    why: 'it is for a role, or for one framework over all its roles',
    remedy: 'name a role, or --framework PRINCIPAL/FRAMEWORK',
  });
}

/** `role eng`, `framework alice/web-1`. */
export const nameOf = (whom: Whom): string =>
  whom.kind === 'role' ? `role ${whom.role}` : `framework ${frameworkKey(whom.framework)}`;
