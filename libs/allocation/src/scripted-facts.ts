// Owns what the scripted master of the tests tells: its figures as facts, and the numbered messages in which they come. As
// in @parley/cluster what is free of an agent is told once a message, as it is at the end.
import type { Fact, FactsMessage } from '@parley/protocol/allocation';
import type { AgentId, FrameworkRef, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { DEFAULT_STARVATION_MS, type Placement, type Quantities } from '@parley/protocol/sharing';
import { assert } from '@parley/protocol/unreachable';
import {
  NOTHING_SET,
  type ScriptedAgent,
  type ScriptedFramework,
  type ScriptedNeed,
  type ScriptedSettings,
  type ScriptedShares,
} from './scripted-records.ts';

type FrameworkShares = ScriptedShares & { readonly ref: FrameworkRef };
/** What there is to tell of; as it is when it is told. */
export type ScriptedBooks = {
  readonly agents: ReadonlyMap<AgentId, ScriptedAgent>;
  readonly frameworks: ReadonlyMap<string, ScriptedFramework>;
  readonly roles: ReadonlyMap<RoleName, ScriptedSettings>;
  readonly shares: ReadonlyMap<string, FrameworkShares>;
  readonly capPermille: number;
  readonly reclaims: boolean;
  readonly minAllocatable: Quantities;
  readonly placement: Placement;
  readonly uncounted: readonly string[] | undefined;
  offeredOn(agentId: AgentId): Resources;
  openCount(framework: ScriptedFramework, role: RoleName, need: ScriptedNeed): number;
  outstandingOf(framework: ScriptedFramework): { offers: number; scalars: Resources['scalars'] };
};

export class ScriptedFacts {
  readonly #books: ScriptedBooks;
  #facts: Fact[] = [];
  readonly #freeAgents = new Set<AgentId>();
  #sequence = 0;
  #lastFactsSequence = 0;

  constructor(books: ScriptedBooks) {
    this.#books = books;
  }

  tell(...facts: readonly Fact[]): void {
    this.#facts.push(...facts);
  }

  /** What is free of it has changed. */
  tellFree(agentId: AgentId): void {
    this.#freeAgents.add(agentId);
  }

  /** The facts since the last message, as one journal entry makes them. */
  message(): FactsMessage {
    this.#sequence += 1;
    const free = [...this.#freeAgents].flatMap((agentId) => this.#free(agentId));
    const message = {
      sequence: this.#sequence,
      previous: this.#lastFactsSequence,
      facts: [...this.#facts, ...free],
    };
    this.#lastFactsSequence = this.#sequence;
    this.#facts = [];
    this.#freeAgents.clear();
    return message;
  }

  /** Everything, cut into so many parts. */
  snapshot(parts: number): FactsMessage[] {
    const { roles, shares, agents, frameworks } = this.#books;
    const facts: Fact[] = [this.settings()];
    for (const role of roles.keys()) facts.push(this.role(role));
    for (const one of shares.values()) facts.push(shareFact(one));
    for (const agentId of agents.keys()) facts.push(this.agent(agentId));
    for (const framework of frameworks.values()) {
      if (framework.isActive) facts.push(this.framework(framework));
      for (const role of framework.used.keys()) facts.push(usageFact(framework, role));
      facts.push(this.outstanding(framework));
    }
    const size = Math.ceil(facts.length / parts) || 1;
    return Array.from({ length: parts }, (_, index) => ({
      sequence: this.#lastFactsSequence,
      previous: this.#lastFactsSequence,
      facts: facts.slice(index * size, (index + 1) * size),
      snapshot: { part: index + 1, parts },
    }));
  }

  settings(): Fact {
    const { capPermille, reclaims, minAllocatable, placement, uncounted } = this.#books;
    return {
      kind: 'settings',
      outstandingCapPermille: capPermille,
      reclaims,
      starvationMs: DEFAULT_STARVATION_MS,
      minAllocatable,
      placement,
      ...(uncounted && { uncounted: [...uncounted] }),
    };
  }

  role(role: RoleName): Fact {
    return { kind: 'role', role, ...(this.#books.roles.get(role) ?? NOTHING_SET) };
  }

  agent(agentId: AgentId): Fact {
    const agent = this.#books.agents.get(agentId);
    assert(agent !== undefined, 'the agent is known');
    const offered = this.#offered(agentId);
    return { ...agent, kind: 'agent', agentId, hostname: `${agentId}.test`, ...offered };
  }

  framework(framework: ScriptedFramework): Fact {
    const { ref, maxOffers, takesRevocable } = framework;
    const roles = [...framework.roles].map(([role, { isSuppressed, needs }]) => ({
      role,
      isSuppressed,
      ...(needs && {
        needs: needs.map((need) => ({
          ...need,
          constraints: need.constraints ?? [],
          count: this.#books.openCount(framework, role, need),
        })),
      }),
    }));
    return {
      kind: 'framework',
      framework: ref,
      roles,
      ...(maxOffers && { maxOffers }),
      takesRevocable,
    };
  }

  outstanding(framework: ScriptedFramework): Fact {
    const outstanding = this.#books.outstandingOf(framework);
    return { kind: 'outstanding', framework: framework.ref, ...outstanding };
  }

  /** Nothing of an agent that is away. */
  #free(agentId: AgentId): Fact[] {
    const agent = this.#books.agents.get(agentId);
    if (agent === undefined) return [];
    const { free, reservations, revocable } = agent;
    const offered = this.#offered(agentId);
    return [{ kind: 'agentFree', agentId, free, reservations, revocable, ...offered }];
  }

  #offered(agentId: AgentId): { readonly offered?: Resources['scalars'] } {
    const { scalars } = this.#books.offeredOn(agentId);
    return Object.keys(scalars).length > 0 ? { offered: scalars } : {};
  }
}

export const usageFact = ({ ref, used }: ScriptedFramework, role: RoleName): Fact => {
  const { scalars } = used.get(role) ?? NO_RESOURCES;
  return { kind: 'usage', framework: ref, role, scalars };
};

export const shareFact = ({ ref, ...shares }: FrameworkShares): Fact => ({
  kind: 'frameworkShare',
  framework: ref,
  ...shares,
});
