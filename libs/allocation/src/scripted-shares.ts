// Owns plain descriptions of who shares in a cluster, for tests of fair shares: as facts for the allocator, and the obvious,
// slow way to find the shares, drop by drop, to compare them with.
import type { Fact } from '@parley/protocol/allocation';
import { type FrameworkRef, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import type { Quantities } from '@parley/protocol/sharing';
import { normalise } from '@parley/resources/resources';
import { fairSharesOf } from './fair-shares.ts';
import { Knowledge } from './knowledge.ts';
import { OpenDemand } from './open-demand.ts';
import { aFramework, anAgentId } from './scripted-master.ts';

type Settings = {
  readonly weight?: number;
  readonly guarantee?: Quantities;
  readonly limit?: Quantities;
};
export type SharingRole = Settings & { readonly role: string };
/** `needs`: absent where it takes whatever it is offered; none where it wants nothing. */
export type SharingFramework = Settings & {
  readonly name: string;
  readonly role: string;
  readonly used: Quantities;
  readonly needs?: readonly { readonly of: Quantities; readonly count: number }[] | undefined;
};
export type SharingWorld = {
  readonly total: Quantities;
  readonly roles: readonly SharingRole[];
  readonly frameworks: readonly SharingFramework[];
};

/** What the allocator finds, by name. */
export function sharesIn(world: SharingWorld): Map<string, number> {
  const known = new Knowledge();
  known.hear(factsOf(world), { lastNumber: 0, nowMs: 0 });
  const demand = new OpenDemand(known);
  const shares = fairSharesOf(known.order.tree.root, known.totals, (client) =>
    demand.amountsOf(client),
  );
  return new Map([...shares].map(([{ framework }, share]) => [framework.ref.frameworkId, share]));
}

function factsOf({ total, roles, frameworks }: SharingWorld): Fact[] {
  const agent: Fact = {
    kind: 'agent',
    agentId: anAgentId('a1'),
    hostname: 'h',
    total: normalise({ scalars: total }),
    free: NO_RESOURCES,
    reservations: [],
    attributes: {},
  };
  return [agent, ...roles.map(roleFact), ...frameworks.flatMap(frameworkFacts)];
}

const roleFact = ({ role, weight = 1000, guarantee = {}, limit = {} }: SharingRole): Fact => ({
  kind: 'role',
  role: RoleName.parse(role),
  weight,
  guarantee,
  limit,
});

function frameworkFacts(one: SharingFramework): Fact[] {
  const { name, role: roleName, used, needs, weight = 1000, guarantee = {}, limit = {} } = one;
  const [framework, role] = [aFramework(name), RoleName.parse(roleName)];
  return [
    { kind: 'frameworkShare', framework, weight, guarantee, limit },
    subscription(framework, role, needs),
    { kind: 'usage', framework, role, scalars: used },
  ];
}

function subscription(
  framework: FrameworkRef,
  role: RoleName,
  needs: SharingFramework['needs'],
): Fact {
  const open = needs?.map(({ of, count }, index) => ({
    shape: `${index}`,
    count,
    resources: normalise({ scalars: of }),
    constraints: [],
  }));
  const isSuppressed = false;
  const roles = [{ role, isSuppressed, ...(open !== undefined && { needs: open }) }];
  return { kind: 'framework', framework, roles };
}

/** So many drops are divided at each level. */
const DROPS = 4000;

/** One that shares with its siblings: a framework, or a role with those in it. */
type Drinker = {
  readonly name: string | undefined;
  readonly weight: number;
  readonly below: readonly Drinker[];
  readonly held: number;
  readonly wants: Quantities;
  readonly least: number;
  readonly most: number;
};

/** The same drop by drop: each goes to whoever has least by weight of those that could have more. */
export function slowSharesIn(world: SharingWorld): Map<string, number> {
  const shares = new Map<string, number>();
  pour(drinkersIn('', world), 1, shares);
  return shares;
}

function pour(drinkers: readonly Drinker[], whole: number, shares: Map<string, number>): void {
  const promised = drinkers.reduce((sum, { least }) => sum + least, 0);
  const scale = promised > whole ? whole / promised : 1;
  const cups = drinkers.map((drinker) => ({ drinker, level: drinker.least * scale }));
  const drop = whole / DROPS;
  for (let left = whole - promised * scale; drop > 0 && left >= drop; left -= drop) {
    const thirsty = cups.filter(({ drinker, level }) => level + drop <= drinker.most);
    const [first, ...others] = thirsty;
    if (first === undefined) break;
    let lowest = first;
    for (const cup of others) {
      const isLower = cup.level / cup.drinker.weight < lowest.level / lowest.drinker.weight;
      if (isLower) lowest = cup;
    }
    lowest.level += drop;
  }
  for (const { drinker, level } of cups) {
    if (drinker.name !== undefined) shares.set(drinker.name, level);
    else pour(drinker.below, level, shares);
  }
}

/** Directly below this role; '' is above all. */
function drinkersIn(top: string, world: SharingWorld): Drinker[] {
  const own = world.frameworks
    .filter(({ role }) => role === top)
    .map((one) => aDrinker(one, world));
  const wanting = own.filter(({ held, most }) => held + most > 0);
  const prefix = top === '' ? '' : `${top}/`;
  const inside = world.frameworks.filter(({ role }) => role.startsWith(prefix) && role !== top);
  const names = new Set(inside.map(({ role }) => prefix + role.slice(prefix.length).split('/')[0]));
  const roles = [...names].map((role) => {
    const set = world.roles.find((one) => one.role === role) ?? {};
    const used = sumOf(
      world.frameworks.filter((one) => one.role === role || one.role.startsWith(`${role}/`)),
    );
    return together(drinkersIn(role, world), { set, used, world });
  });
  const sharing = roles.filter(({ below }) => below.length > 0);
  // The frameworks of a role are one beside the roles below it; where there are none they are by themselves.
  const hasRoles = names.size > 0;
  if (!hasRoles) return wanting;
  return wanting.length === 0
    ? sharing
    : [together(wanting, { set: {}, used: {}, world }), ...sharing];
}

function aDrinker({ name, used, needs, ...set }: SharingFramework, world: SharingWorld): Drinker {
  const { total } = world;
  const wanted =
    needs === undefined
      ? total
      : needs.reduce<Quantities>((sum, { of, count }) => plus(sum, times(of, count)), {});
  const wants = times(wanted, roomFor(wanted, used, set.limit));
  const held = dominant(used, total);
  const most = dominant(plus(used, wants), total);
  const least = Math.min(most, dominant(smallerOf(set.guarantee, plus(used, wants)), total));
  return { name, weight: set.weight ?? 1000, below: [], held, wants, least, most };
}

function together(
  below: readonly Drinker[],
  { set, used, world }: { set: Settings; used: Quantities; world: SharingWorld },
): Drinker {
  const wanted = below.reduce<Quantities>((sum, { wants }) => plus(sum, wants), {});
  const room = roomFor(wanted, used, set.limit);
  const wants = times(wanted, room);
  const held = below.reduce((sum, one) => sum + one.held, 0);
  const all = below.reduce((sum, one) => sum + one.most, 0);
  const most = held + (all - held) * room;
  const promised = below.reduce((sum, one) => sum + one.least, 0);
  const guaranteed = dominant(smallerOf(set.guarantee, plus(used, wants)), world.total);
  const least = Math.min(most, Math.max(promised, guaranteed));
  return { name: undefined, weight: set.weight ?? 1000, below, held, wants, least, most };
}

/** Of what is wanted, as much as the limit leaves room for: the part, by the resource of which there is least. */
function roomFor(wanted: Quantities, used: Quantities, limit: Quantities = {}): number {
  const parts = Object.entries(limit)
    .filter(([name]) => (wanted[name] ?? 0) > 0)
    .map(([name, most]) => Math.max(0, most - (used[name] ?? 0)) / (wanted[name] ?? 1));
  return Math.min(1, ...parts);
}

const dominant = (amounts: Quantities, total: Quantities): number =>
  Math.max(0, ...Object.entries(total).map(([name, all]) => (amounts[name] ?? 0) / all));

const smallerOf = (a: Quantities = {}, b: Quantities): Quantities =>
  Object.fromEntries(
    Object.entries(a).map(([name, amount]) => [name, Math.min(amount, b[name] ?? 0)]),
  );

const times = (amounts: Quantities, factor: number): Quantities =>
  Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount * factor]));

function plus(a: Quantities, b: Quantities): Quantities {
  const sum = { ...a };
  for (const [name, amount] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + amount;
  return sum;
}

const sumOf = (frameworks: readonly SharingFramework[]): Quantities =>
  frameworks.reduce<Quantities>((sum, { used }) => plus(sum, used), {});
