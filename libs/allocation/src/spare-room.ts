// Owns what a client could be given on each agent without anybody giving more: what is free, and what is coming back for
// it. Of what comes back for somebody, nobody else gets anything here. Who gives what is in victims.ts.
import type { AgentId } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { Quantities } from '@parley/protocol/sharing';
import { add, contains, intersect, normalise, subtract } from '@parley/resources/resources';
import { amountIn } from './quantities.ts';

/** `count` tasks of these resources are wanted and not launched. `agents`: those that the constraints allow; absent: all. */
export type UnmetNeed = {
  readonly resources: Resources;
  readonly count: number;
  readonly agents?: ReadonlySet<AgentId>;
};

export class SpareRoom {
  readonly #free: Map<AgentId, Resources>;
  /** By client and agent. */
  readonly #coming = new Map<string, Map<AgentId, Resources>>();

  constructor(free: ReadonlyMap<AgentId, Resources>) {
    this.#free = new Map(free);
  }

  comesBack(client: string, agentId: AgentId, resources: Resources): void {
    const coming = this.#coming.get(client) ?? new Map<AgentId, Resources>();
    this.#coming.set(
      client,
      coming.set(agentId, add(coming.get(agentId) ?? NO_RESOURCES, resources)),
    );
  }

  /** `most`: of what is free, where a name is in it. */
  of(client: string, agentId: AgentId, most: Quantities = {}): Resources {
    const coming = this.#coming.get(client)?.get(agentId);
    const free = atMost(this.#free.get(agentId) ?? NO_RESOURCES, most);
    return coming === undefined ? free : add(free, coming);
  }

  /** Somewhere, at once. */
  isFree(need: UnmetNeed): boolean {
    for (const [agentId, free] of this.#free) {
      if (isAllowed(need, agentId) && contains(free, need.resources)) return true;
    }
    return false;
  }

  /** Where it has room with what comes back for it. */
  placeFor(client: string, need: UnmetNeed, most: Quantities = {}): AgentId | undefined {
    for (const agentId of this.#coming.get(client)?.keys() ?? []) {
      if (isAllowed(need, agentId) && contains(this.of(client, agentId, most), need.resources)) {
        return agentId;
      }
    }
    return undefined;
  }

  /** What comes back for it first. The value: the rest, out of what is free. Throws where there is not so much. */
  use(client: string, agentId: AgentId, resources: Resources): Resources {
    const coming = this.#coming.get(client)?.get(agentId) ?? NO_RESOURCES;
    const ofComing = intersect(coming, resources);
    this.#coming.get(client)?.set(agentId, subtract(coming, ofComing));
    const rest = subtract(resources, ofComing);
    this.#free.set(agentId, subtract(this.#free.get(agentId) ?? NO_RESOURCES, rest));
    return rest;
  }
}

const isAllowed = ({ agents }: UnmetNeed, agentId: AgentId): boolean =>
  agents === undefined || agents.has(agentId);

function atMost(free: Resources, most: Quantities): Resources {
  const names = Object.keys(most);
  if (names.length === 0) return free;
  const scalars = { ...free.scalars };
  for (const name of names) scalars[name] = Math.min(amountIn(scalars, name), amountIn(most, name));
  return normalise({ ...free, scalars });
}
