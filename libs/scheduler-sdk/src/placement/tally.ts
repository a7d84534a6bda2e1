// Owns counting what runs where, by group and by a fact about agents (an attribute, `hostname`, `agentId`, `region` or `zone`).
// Pure bookkeeping for strategies; which tasks run is the plan's knowledge.
import { agentValue, type ConstrainedAgent } from '@parley/protocol/constraints';

/** A task that is placed. Its agent's hostname and attributes may not be known (after a failover, until it offers). */
export type PlacedTask = {
  readonly group: string;
  readonly agentId: string;
  readonly agent?: ConstrainedAgent | undefined;
};

export class Tally {
  readonly #tasks: PlacedTask[];
  /** By fact; each by group and value. Filled when a fact is first asked for. */
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(running: readonly PlacedTask[]) {
    this.#tasks = [...running];
  }

  /** How many of the group are where the fact has this value. */
  count(name: string, group: string, value: string): number {
    return this.#countsOf(name).get(slotOf(group, value)) ?? 0;
  }

  add(task: PlacedTask): void {
    this.#tasks.push(task);
    for (const [name, counts] of this.#counts) increment(counts, name, task);
  }

  #countsOf(name: string): Map<string, number> {
    const known = this.#counts.get(name);
    if (known !== undefined) return known;
    const counts = new Map<string, number>();
    for (const task of this.#tasks) increment(counts, name, task);
    this.#counts.set(name, counts);
    return counts;
  }
}

const slotOf = (group: string, value: string): string => JSON.stringify([group, value]);

function increment(counts: Map<string, number>, name: string, task: PlacedTask): void {
  const value = name === 'agentId' ? task.agentId : task.agent && agentValue(task.agent, name);
  if (value === undefined) return;
  const slot = slotOf(task.group, value);
  counts.set(slot, (counts.get(slot) ?? 0) + 1);
}
