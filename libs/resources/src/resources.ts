// Owns the algebra of resources: add, subtract, contain, compare. Integers in thousandths of the unit,
// inclusive port ranges, sets of strings. Every result is a new value in normal form: scalar names
// sorted and never zero, ranges coalesced, sets sorted, unique and never empty. Nothing is mutated.
// Shares are in dominant-share.ts, text in parse.ts and format.ts. Mesos docs, "Attributes and resources".
import type { Resources, ResourcesInput } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import {
  intersectRanges,
  lowestPorts,
  normaliseRanges,
  rangesContain,
  rangesEqual,
  subtractRanges,
  uniteRanges,
} from './port-ranges.ts';

type Scalars = Resources['scalars'];
type Sets = Resources['sets'];
type ReadonlyStrings = readonly string[];
const NO_STRINGS: ReadonlyStrings = [];

/** The normal form; missing parts count as empty. */
export function normalise(resources: ResourcesInput): Resources {
  const { scalars = {}, ports = [], sets = {} } = resources;
  return {
    scalars: combineScalars(scalars, {}, (amount) => amount),
    ports: normaliseRanges(ports),
    sets: combineSets(sets, {}, (strings) => strings),
  };
}

/** Thousandths of the unit; 0 for a name that is not there. */
export function amountOf(resources: Resources, name: string): number {
  return ownValue(resources.scalars, name) ?? 0;
}

/**
 * Scalars are summed; ports and sets are united, so overlaps count once.
 * Throws when a sum leaves the safe integers: check what strangers ask for with `trySubtract`
 * from what there is, not by adding their wishes up.
 */
export function add(a: Resources, b: Resources): Resources {
  return {
    scalars: combineScalars(a.scalars, b.scalars, (x, y, name) => {
      assert(Number.isSafeInteger(x + y), `the sum of ${name} is a safe integer`);
      return x + y;
    }),
    ports: uniteRanges(a.ports, b.ports),
    sets: combineSets(a.sets, b.sets, (x, y) => [...x, ...y]),
  };
}

export function sum(all: Iterable<Resources>): Resources {
  let total: Resources | undefined;
  for (const resources of all) {
    total = total === undefined ? normalise(resources) : add(total, resources);
  }
  return total ?? normalise({});
}

/** `a` without `b`; undefined when `a` does not contain `b`. */
export function trySubtract(a: Resources, b: Resources): Resources | undefined {
  if (!contains(a, b)) return undefined;
  return {
    scalars: combineScalars(a.scalars, b.scalars, (x, y) => x - y),
    ports: subtractRanges(a.ports, b.ports),
    sets: combineSets(a.sets, b.sets, (x, y) => x.filter((item) => !y.includes(item))),
  };
}

/** `a` without `b`. Throws when `a` does not contain `b`: that is a defect in the caller's books. */
export function subtract(a: Resources, b: Resources): Resources {
  const rest = trySubtract(a, b);
  assert(rest !== undefined, 'resources are subtracted from a set that contains them');
  return rest;
}

/** What is in both: the smaller amount of each scalar, common ports, common set items. */
export function intersect(a: Resources, b: Resources): Resources {
  return {
    scalars: combineScalars(a.scalars, b.scalars, (x, y) => Math.min(x, y)),
    ports: intersectRanges(a.ports, b.ports),
    sets: combineSets(a.sets, b.sets, (x, y) => x.filter((item) => y.includes(item))),
  };
}

/** Whether `a` holds all of `b`; equal sets contain each other. A partial order. */
export function contains(a: Resources, b: Resources): boolean {
  for (const name of Object.keys(b.scalars)) {
    if (amountOf(a, name) < amountOf(b, name)) return false;
  }
  for (const [name, items] of Object.entries(b.sets)) {
    const holder = ownValue(a.sets, name) ?? NO_STRINGS;
    if (!items.every((item) => holder.includes(item))) return false;
  }
  return rangesContain(a.ports, b.ports);
}

/** Whether both have something of the same port or set item: such two cannot be held side by side. */
export function overlap(a: Resources, b: Resources): boolean {
  if (intersectRanges(a.ports, b.ports).length > 0) return true;
  return Object.entries(a.sets).some(([name, items]) =>
    items.some((item) => (ownValue(b.sets, name) ?? NO_STRINGS).includes(item)),
  );
}

export function isEmpty(resources: Resources): boolean {
  return (
    resources.ports.length === 0 &&
    Object.values(resources.scalars).every((amount) => amount === 0) &&
    Object.values(resources.sets).every((items) => items.length === 0)
  );
}

/** Equal in normal form: zero scalars, order and the cutting of ranges do not matter. */
export function equals(a: Resources, b: Resources): boolean {
  return rangesEqual(a.ports, b.ports) && contains(a, b) && contains(b, a);
}

/** Takes the `count` lowest ports out; undefined when there are fewer. */
export function takePorts(
  from: Resources,
  count: number,
): { readonly taken: Resources; readonly rest: Resources } | undefined {
  const ports = lowestPorts(from.ports, count);
  if (ports === undefined) return undefined;
  const taken = normalise({ ports });
  return { taken, rest: subtract(from, taken) };
}

function combineScalars(
  a: Scalars,
  b: Scalars,
  combine: (x: number, y: number, name: string) => number,
): Scalars {
  const result: Scalars = {};
  for (const name of namesOfBoth(a, b)) {
    const amount = combine(ownValue(a, name) ?? 0, ownValue(b, name) ?? 0, name);
    if (amount !== 0) result[name] = amount;
  }
  return result;
}

function combineSets(
  a: Sets,
  b: Sets,
  combine: (x: ReadonlyStrings, y: ReadonlyStrings) => ReadonlyStrings,
): Sets {
  const result: Sets = {};
  for (const name of namesOfBoth(a, b)) {
    const items = combine(ownValue(a, name) ?? NO_STRINGS, ownValue(b, name) ?? NO_STRINGS);
    if (items.length > 0) result[name] = [...new Set(items)].sort();
  }
  return result;
}

/** Sorted, so that equal values are also written as equal bytes. */
function namesOfBoth(a: object, b: object): string[] {
  const names = Object.keys(a);
  for (const name of Object.keys(b)) if (!Object.hasOwn(a, name)) names.push(name);
  for (let index = 1; index < names.length; index += 1) {
    if ((names[index - 1] ?? '') > (names[index] ?? '')) return names.sort();
  }
  return names;
}

/** Never a member of Object.prototype: "constructor" is a valid name of a resource. */
function ownValue<T>(values: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
