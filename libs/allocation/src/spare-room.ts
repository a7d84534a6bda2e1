// Owns what a client could be given on each agent without anybody giving more: what is free, and what is coming back for
// it. Of what comes back for somebody, nobody else gets anything here. Who gives what is in victims.ts.
import type { AgentId, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { RevocationReason } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { add, intersect, isEmpty, normalise, subtract } from '@parley/resources/resources';
import { amountIn } from './quantities.ts';

/** Agents that a need may be met on, by their ids; whether one is among them may be found out when it is asked. */
export type AllowedAgents = { has(agentId: AgentId): boolean };

/** `count` tasks of these resources are wanted and not launched. `agents`: those that the constraints allow; absent: all. */
export type UnmetNeed = {
  readonly resources: Resources;
  readonly count: number;
  readonly agents?: AllowedAgents;
  /** What the first one on an agent takes: with the least that is an offer. Absent: the same as the others. */
  readonly first?: Resources;
  /** Only a claim of this kind goes so far; absent: each. */
  readonly reason?: RevocationReason;
};

/** What comes back for somebody, and the role of whoever held it. */
type Part = { readonly from: RoleName; readonly resources: Resources };
/** Of one agent, for one client. `parts` add up to the sum. */
type Coming = { readonly sum: Resources; readonly parts: readonly Part[] };

const NOTHING_COMING: Coming = { sum: NO_RESOURCES, parts: [] };

export class SpareRoom {
  readonly #free: Map<AgentId, Resources>;
  /** By client and agent. */
  readonly #coming = new Map<string, Map<AgentId, Coming>>();

  constructor(free: ReadonlyMap<AgentId, Resources>) {
    this.#free = new Map(free);
  }

  comesBack(client: string, agentId: AgentId, part: Part): void {
    const { sum, parts } = this.#comingTo(client, agentId);
    this.#setComing(client, agentId, {
      sum: add(sum, part.resources),
      parts: [...parts, part],
    });
  }

  /** `most`: of what is free, where a name is in it. */
  of(client: string, agentId: AgentId, most: Quantities = {}): Resources {
    const free = atMost(this.#free.get(agentId) ?? NO_RESOURCES, most);
    const { sum } = this.#comingTo(client, agentId);
    return sum === NO_RESOURCES ? free : add(free, sum);
  }

  /** Agents where something is free. */
  freeAgents(): Iterable<AgentId> {
    return this.#free.keys();
  }

  /** Agents where something comes back for it. */
  comingAgents(client: string): Iterable<AgentId> {
    return this.#coming.get(client)?.keys() ?? [];
  }

  /** What comes back for it first. Throws where there is not so much. */
  use(
    client: string,
    agentId: AgentId,
    resources: Resources,
  ): { readonly ofComing: readonly Part[]; readonly ofFree: Resources } {
    const { sum, parts } = this.#comingTo(client, agentId);
    const used = intersect(sum, resources);
    const { taken, left } = cut(parts, used);
    this.#setComing(client, agentId, { sum: subtract(sum, used), parts: left });
    const ofFree = subtract(resources, used);
    this.#free.set(agentId, subtract(this.#free.get(agentId) ?? NO_RESOURCES, ofFree));
    return { ofComing: taken, ofFree };
  }

  #comingTo(client: string, agentId: AgentId): Coming {
    return this.#coming.get(client)?.get(agentId) ?? NOTHING_COMING;
  }

  #setComing(client: string, agentId: AgentId, coming: Coming): void {
    const ofClient = this.#coming.get(client) ?? new Map<AgentId, Coming>();
    this.#coming.set(client, ofClient.set(agentId, coming));
  }
}

export const isAllowed = ({ agents }: UnmetNeed, agentId: AgentId): boolean =>
  agents === undefined || agents.has(agentId);

/** The first parts, up to these resources, which they hold together. */
function cut(parts: readonly Part[], resources: Resources): { taken: Part[]; left: Part[] } {
  const [taken, left]: [Part[], Part[]] = [[], []];
  let missing = resources;
  for (const { from, resources: whole } of parts) {
    const used = intersect(whole, missing);
    missing = subtract(missing, used);
    if (!isEmpty(used)) taken.push({ from, resources: used });
    const rest = subtract(whole, used);
    if (!isEmpty(rest)) left.push({ from, resources: rest });
  }
  return { taken, left };
}

function atMost(free: Resources, most: Quantities): Resources {
  const names = Object.keys(most);
  if (names.length === 0) return free;
  const scalars = { ...free.scalars };
  for (const name of names) scalars[name] = Math.min(amountIn(scalars, name), amountIn(most, name));
  return normalise({ ...free, scalars });
}
