// Owns what clients want beyond what they have, as far as taking something back for them looks at it: their open needs
// and where they may be met; of one that states none what guarantees lack, and whatever is an offer, as often as it may
// have it, but nothing for as long as it refuses one. Milliseconds of a monotonic clock.
import type { Fact, OpenNeed } from '@parley/protocol/allocation';
import { unmetConstraint } from '@parley/protocol/constraints';
import type { AgentId } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { DEFAULT_MIN_ALLOCATABLE } from '@parley/protocol/sharing';
import type { Agent } from './agent-pool.ts';
import { accumulate, covers, isZero, larger, type Vector } from './cluster-totals.ts';
import { type StatedNeed, takesOffers } from './frameworks.ts';
import { lackOf } from './guarantee-standings.ts';
import type { Knowledge } from './knowledge.ts';
import { repeated, timesContained } from './need-fit.ts';
import type { Client } from './share-tree.ts';
import type { UnmetNeed } from './spare-room.ts';

type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;
export type WantedNeed = UnmetNeed & Pick<OpenNeed, 'constraints'>;

/** A framework that states no demand wants whatever is an offer, as often as it may have it. */
const NO_COUNT = 1_000_000;
/** What a guarantee lacks of a resource may come from several agents: so many parts of it are placed one by one. */
const LACK_PARTS = 100;
const NOTHING: readonly WantedNeed[] = [];

/** What runs on nothing but revocable resources is nobody's to give back. */
const isSought = ({ open, revocable }: Pick<StatedNeed, 'open' | 'revocable'>): boolean =>
  open > 0 && revocable !== 'only';

export class OpenDemand {
  readonly #known: Knowledge;
  /** Until when a client refuses what it is offered. */
  readonly #refusing = new Map<Client, number>();

  constructor(known: Knowledge) {
    this.#known = known;
  }

  /** What an accept leaves over is refused, too, and says nothing where it would be no offer. */
  refused({ framework, role, resources, refuseMs }: FactOf<'refused'>, nowMs: number): void {
    const client = this.#known.frameworks.get(framework)?.clients.get(role);
    if (client === undefined) return;
    const { totals, policy } = this.#known;
    const amounts = totals.vectorOf(resources.scalars);
    if (isZero(amounts) || !covers(amounts, policy.minimumOf(client))) return;
    this.#refusing.set(client, Math.max(this.#refusing.get(client) ?? 0, nowMs + refuseMs));
  }

  /** It takes offers again, or is away and takes none. */
  resumed({ framework, role }: Pick<FactOf<'filtersCleared'>, 'framework' | 'role'>): void {
    for (const client of this.#known.frameworks.get(framework)?.clients.values() ?? []) {
      if (role === undefined || role === client.role) this.#refusing.delete(client);
    }
  }

  /** The value: whether any refusal has ended. */
  expire(nowMs: number): boolean {
    const before = this.#refusing.size;
    for (const [client, untilMs] of this.#refusing) {
      if (untilMs <= nowMs) this.#refusing.delete(client);
    }
    return this.#refusing.size < before;
  }

  wantsMore(client: Client): boolean {
    return takesOffers(client) && (client.needs !== undefined || !this.#refusing.has(client));
  }

  /** What its needs would add to what it has; undefined where it wants no more. */
  amountsOf(client: Client): Vector | undefined {
    if (!this.wantsMore(client)) return undefined;
    const { totals } = this.#known;
    if (client.needs === undefined) return totals.all;
    const amounts: number[] = [];
    for (const need of client.needs.values()) {
      if (!isSought(need)) continue;
      const { open, resources } = need;
      const ofOne = totals.vectorOf(resources.scalars);
      accumulate(
        amounts,
        ofOne.map((amount) => amount * open),
        1,
      );
    }
    return amounts;
  }

  /** Each on the agents that its constraints allow, and of which it does not refuse whatever it may have. */
  needsOf(client: Client): readonly WantedNeed[] {
    if (!this.wantsMore(client)) return NOTHING;
    if (client.needs === undefined) return this.#undemanded(client);
    const mayRefuse = this.#known.filters.refusalsIn(client) > 0;
    return [...client.needs.values()].filter(isSought).map(({ resources, open, constraints }) => {
      const need = { resources, count: open, constraints };
      if (constraints.length === 0 && !mayRefuse) return need;
      const has = (agentId: AgentId): boolean => this.#isAllowed(client, agentId, need);
      return { ...need, agents: { has } };
    });
  }

  /**
   * For a guarantee what this lacks, of each resource in parts, each agent's with the least that is an offer. Else least
   * offers; where any amount is one, those that are so where nothing is set.
   */
  #undemanded(client: Client): WantedNeed[] {
    const { totals, policy } = this.#known;
    const minimum = policy.minimumOf(client);
    const least = isZero(minimum) ? totals.vectorOf(DEFAULT_MIN_ALLOCATABLE) : minimum;
    const constraints: OpenNeed['constraints'] = [];
    const needs: WantedNeed[] = [];
    for (const [number, lack] of lackOf(client).entries()) {
      const part = Math.max(minimum[number] ?? 0, Math.ceil(lack / LACK_PARTS));
      const parts = lack === 0 ? 0 : Math.floor(lack / part);
      for (const [amount, count] of [
        [part, parts],
        [lack - part * parts, 1],
      ] as const) {
        if (amount === 0 || count === 0) continue;
        const vector = Array.from({ length: number + 1 }, (_, one) =>
          one === number ? amount : 0,
        );
        const resources = this.#resourcesOf(vector);
        const first = this.#resourcesOf(larger(minimum, vector));
        needs.push({ resources, first, count, constraints, reason: 'belowGuarantee' });
      }
    }
    const resources = this.#resourcesOf(least);
    return [...needs, { resources, count: NO_COUNT, constraints, reason: 'starved' }];
  }

  #resourcesOf(amounts: Vector): Resources {
    return { ...NO_RESOURCES, scalars: this.#known.totals.scalarsOf(amounts) };
  }

  /** Agents of which it refuses as many tasks of each of these needs as there may be; so many at most. */
  refusedBy(client: Client, needs: readonly WantedNeed[], limit: number): AgentId[] {
    const refused: AgentId[] = [];
    for (const agent of this.#known.filters.agentsOf(client)) {
      if (refused.length === limit) break;
      if (needs.every((need) => this.#isRefused(client, agent, need))) refused.push(agent.agentId);
    }
    return refused;
  }

  #isAllowed(client: Client, agentId: AgentId, need: WantedNeed): boolean {
    const agent = this.#known.pool.get(agentId);
    if (agent === undefined || unmetConstraint(agent, need.constraints) !== undefined) return false;
    return !this.#isRefused(client, agent, need);
  }

  #isRefused(client: Client, agent: Agent, { resources, count }: WantedNeed): boolean {
    const { filters } = this.#known;
    if (!filters.hasAny(client, agent)) return false;
    const most = Math.max(1, Math.min(count, timesContained(agent.kind.total, resources)));
    return filters.blocks(client, agent, repeated(resources, most));
  }
}
