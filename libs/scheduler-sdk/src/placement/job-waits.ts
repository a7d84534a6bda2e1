// Owns how long the work of a group has waited for places near to its data, and who of it chooses first. What waits is the
// group, not each piece of work: a piece that found its place begins the wait anew, and one that took another place after the
// wait leaves it over, so that the rest need not wait for as long again. On an agent that is near to some of the work these come
// first. Zaharia et al., "Delay Scheduling", EuroSys 2010, algorithms 1 and 2. Pure.
import { agentValue, type ConstrainedAgent } from '@parley/protocol/constraints';
import { levelOf } from './delay.ts';
import type { Want } from './strategy.ts';

type Near = Pick<Want, 'group' | 'near'>;

/** Groups that are remembered; beyond, those that have not changed for longest wait anew. */
const MAX_GROUPS = 1024;

export class JobWaits {
  readonly #sinceMs = new Map<string, number>();

  /** Since when the group of this work waits. Undefined: it does not; so is work that is near to nothing. */
  sinceMs({ group, near }: Near): number | undefined {
    return isNearToSomething(near) ? this.#sinceMs.get(group) : undefined;
  }

  /** A place was let go that was not near enough: the wait begins, if it has not. */
  letGo({ group }: Near, nowMs: number): void {
    if (this.#sinceMs.has(group)) return;
    this.#sinceMs.set(group, nowMs);
    for (const oldest of this.#sinceMs.keys()) {
      if (this.#sinceMs.size <= MAX_GROUPS) break;
      this.#sinceMs.delete(oldest);
    }
  }

  /** Work was placed: as near as can be, the group's next wait begins with the next place that is let go. */
  placed({ group, near }: Near, agent: ConstrainedAgent): void {
    if (!isNearToSomething(near)) return;
    const levels = Object.keys(near).map((name) => ({ name }));
    if (levelOf({ near }, agent, levels) === 0) this.#sinceMs.delete(group);
  }
}

/**
 * The same list, in which the pieces of a group that are as near as can be to one of the agents stand before the group's
 * others. Groups keep the places that they have.
 */
export function nearestFirst<Item>(
  items: readonly Item[],
  agents: readonly ConstrainedAgent[],
  wantOf: (item: Item) => Near,
): Item[] {
  const offered = new OfferedValues(agents);
  const byGroup = new Map<string, { near: Item[]; others: Item[] }>();
  for (const item of items) {
    const want = wantOf(item);
    const group = byGroup.get(want.group) ?? { near: [], others: [] };
    byGroup.set(want.group, group);
    (offered.isNearest(want.near) ? group.near : group.others).push(item);
  }
  const order = new Map(
    [...byGroup].map(([name, { near, others }]) => [name, [...near, ...others].values()]),
  );
  return items.map((item) => order.get(wantOf(item).group)?.next().value ?? item);
}

/** By the name of a level, what the agents have there. */
class OfferedValues {
  readonly #agents: readonly ConstrainedAgent[];
  readonly #byName = new Map<string, ReadonlySet<string>>();

  constructor(agents: readonly ConstrainedAgent[]) {
    this.#agents = agents;
  }

  isNearest(near: Want['near']): boolean {
    const [name] = Object.keys(near);
    if (name === undefined) return false;
    const values = this.#byName.get(name) ?? this.#read(name);
    return near[name]?.some((value) => values.has(value)) ?? false;
  }

  #read(name: string): ReadonlySet<string> {
    const values = new Set(this.#agents.flatMap((agent) => agentValue(agent, name) ?? []));
    this.#byName.set(name, values);
    return values;
  }
}

const isNearToSomething = (near: Want['near']): boolean => Object.keys(near).length > 0;
