// Owns which offers a Mesos framework wants at all: those on agents that meet its offer constraints, and that hold as much as
// its offer filters ask for. The others are declined for it (subscription.ts). Pure; what cannot be told throws
// `Untranslatable`, and the framework's info is invalid.
import type { Offer } from '@parley/protocol/offers';
import type { FrameworkInfo, Subscription } from './mesos-types.ts';
import { milliOf, Untranslatable } from './mesos-values.ts';
import { textPattern } from './text-pattern.ts';

export type OfferWishes = (offer: Offer) => boolean;

type RoleConstraints = NonNullable<
  NonNullable<Subscription['offer_constraints']>['role_constraints']
>[string];
type Constraint = NonNullable<
  NonNullable<RoleConstraints['groups']>[number]['attribute_constraints']
>[number];
type OfferFilter = NonNullable<FrameworkInfo['offer_filters']>[string];

export function offerWishes(subscription: Subscription): OfferWishes {
  const { framework_info, offer_constraints } = subscription;
  const byRole = new Map<string, OfferWishes[]>();
  const add = (role: string, wish: OfferWishes): void => {
    byRole.set(role, [...(byRole.get(role) ?? []), wish]);
  };
  for (const [role, constraints] of Object.entries(offer_constraints?.role_constraints ?? {})) {
    add(role, anyGroup(constraints, `offer_constraints.role_constraints["${role}"]`));
  }
  for (const [role, filter] of Object.entries(framework_info.offer_filters ?? {})) {
    add(role, largeEnough(filter));
  }
  return (offer) => (byRole.get(offer.role) ?? []).every((isWanted) => isWanted(offer));
}

/** One of the groups has to be met whole. */
function anyGroup({ groups = [] }: RoleConstraints, field: string): OfferWishes {
  const wishes = groups.map(({ attribute_constraints = [] }) => {
    if (attribute_constraints.length === 0) {
      throw new Untranslatable(`${field}.groups: one has no constraints`);
    }
    return attribute_constraints.map((constraint) => one(constraint, field));
  });
  if (wishes.length === 0) throw new Untranslatable(`${field}.groups: there must be one`);
  return (offer) => wishes.some((group) => group.every((isMet) => isMet(offer)));
}

function one({ selector, predicate }: Constraint, field: string): OfferWishes {
  const read = selected(selector, field);
  const isMet = predicateOf(predicate, field);
  return (offer) => isMet(read(offer));
}

type Selected = (offer: Offer) => string | undefined;

function selected(
  { attribute_name, pseudoattribute_type }: Constraint['selector'],
  field: string,
): Selected {
  if (attribute_name !== undefined) {
    return ({ attributes }) =>
      Object.hasOwn(attributes, attribute_name) ? attributes[attribute_name] : undefined;
  }
  switch (pseudoattribute_type) {
    case 'HOSTNAME':
      return ({ hostname }) => hostname;
    case 'REGION':
      return ({ domain }) => domain?.region;
    case 'ZONE':
      return ({ domain }) => domain?.zone;
    default:
      throw new Untranslatable(`${field}: a selector names an attribute, HOSTNAME, REGION or ZONE`);
  }
}

/** Those that say "not" are met by an agent that has no such value. */
function predicateOf(
  predicate: Constraint['predicate'],
  field: string,
): (value: string | undefined) => boolean {
  const { exists, not_exists, text_equals, text_not_equals, text_matches, text_not_matches } =
    predicate;
  if (exists !== undefined) return (value) => value !== undefined;
  if (not_exists !== undefined) return (value) => value === undefined;
  if (text_equals !== undefined) return (value) => value === text_equals.value;
  if (text_not_equals !== undefined) return (value) => value !== text_not_equals.value;
  if (text_matches !== undefined) {
    const pattern = textPattern(text_matches.regex, field);
    return (value) => value !== undefined && pattern(value);
  }
  if (text_not_matches !== undefined) {
    const pattern = textPattern(text_not_matches.regex, field);
    return (value) => value === undefined || !pattern(value);
  }
  throw new Untranslatable(`${field}: a constraint has one predicate`);
}

/** As much of everything as one of the sets of quantities names. */
function largeEnough({ min_allocatable_resources }: OfferFilter): OfferWishes {
  const sets = min_allocatable_resources?.quantities ?? [];
  const wanted = sets.map(({ quantities = {} }) =>
    Object.entries(quantities).map(([name, { value }]) => [name, milliOf(value)] as const),
  );
  return (offer) =>
    wanted.length === 0 ||
    wanted.some((set) => set.every(([name, amount]) => amountOf(offer, name) >= amount));
}

function amountOf({ resources, revocable, reservations }: Offer, name: string): number {
  const parts = [resources, revocable, ...reservations.map((each) => each.resources)];
  return parts.reduce((sum, part) => sum + (part?.scalars[name] ?? 0), 0);
}
