// Owns why a need does not fit what there is: one value for each thing that is missing. Pure; for offers, for plans and
// for people who ask why a task waits.
import { type Constraint, type Constraints, unmetConstraint } from '@parley/protocol/constraints';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import { formatScalar } from '@parley/resources/format';
import { add, amountOf, intersect, subtract } from '@parley/resources/resources';
import { type OfferRest, partsOf } from './offer-rest.ts';

/** What a task asks of an agent. */
export type LeaseNeed = Pick<TaskDescription, 'resources'> &
  Partial<Pick<TaskDescription, 'reservationId' | 'revocable'>> & {
    readonly constraints?: Constraints;
  };

export type Shortfall =
  /** In thousandths of the unit; of `mem` and `disk` in thousandths of a MiB. */
  | {
      readonly kind: 'scalar';
      readonly name: string;
      /** Of what is revocable. */
      readonly isRevocable?: true;
      readonly wanted: number;
      readonly there: number;
    }
  | { readonly kind: 'ports'; readonly missing: Resources['ports'] }
  | { readonly kind: 'set'; readonly name: string; readonly missing: readonly string[] }
  | { readonly kind: 'constraint'; readonly constraint: Constraint };

/** Empty when the need fits. */
export function shortfalls(there: Resources, wanted: Resources): Shortfall[] {
  const found: Shortfall[] = [];
  for (const name of Object.keys(wanted.scalars)) {
    const amount = amountOf(wanted, name);
    const had = amountOf(there, name);
    if (amount > had) found.push({ kind: 'scalar', name, wanted: amount, there: had });
  }
  const missing = subtract(wanted, intersect(wanted, there));
  if (missing.ports.length > 0) found.push({ kind: 'ports', missing: missing.ports });
  for (const [name, members] of Object.entries(missing.sets)) {
    found.push({ kind: 'set', name, missing: members });
  }
  return found;
}

/** Why a task would not fit on an offer, of which `rest` is not reserved and still free. Empty when it fits. */
export function shortfallsOn(offer: Offer, rest: OfferRest, need: LeaseNeed): Shortfall[] {
  const { constraints = [] } = need;
  const unmet = unmetConstraint(offer, constraints);
  const found =
    need.revocable === true
      ? revocableShortfalls(rest, need)
      : ordinaryShortfalls(offer, rest, need);
  return unmet === undefined ? found : [{ kind: 'constraint', constraint: unmet }, ...found];
}

function ordinaryShortfalls(offer: Offer, { ordinary }: OfferRest, need: LeaseNeed): Shortfall[] {
  const reserved = offer.reservations.find((one) => one.reservationId === need.reservationId);
  const there = reserved === undefined ? ordinary : add(ordinary, reserved.resources);
  return shortfalls(there, need.resources);
}

function revocableShortfalls(rest: OfferRest, { resources }: LeaseNeed): Shortfall[] {
  const { ordinary, revocable } = partsOf(resources);
  const lent = shortfalls(rest.revocable, revocable).map(
    (one): Shortfall => (one.kind === 'scalar' ? { ...one, isRevocable: true } : one),
  );
  return [...lent, ...shortfalls(rest.ordinary, ordinary)];
}

/** For people: "mem 1200 MiB of 2 GiB". */
export function describeShortfall(shortfall: Shortfall): string {
  switch (shortfall.kind) {
    case 'scalar': {
      const { name, there, wanted, isRevocable } = shortfall;
      return `${isRevocable ? 'revocable ' : ''}${name} ${formatScalar(name, there)} of ${formatScalar(name, wanted)}`;
    }
    case 'ports':
      return `ports ${shortfall.missing.map(([from, to]) => `${from}-${to}`).join(', ')} missing`;
    case 'set':
      return `${shortfall.name} ${shortfall.missing.join(', ')} missing`;
    case 'constraint': {
      const { name, operator, ...rest } = shortfall.constraint;
      return `constraint ${[name, operator, ...Object.values(rest)].join(' ')} not met`;
    }
    default:
      return unreachable(shortfall);
  }
}
