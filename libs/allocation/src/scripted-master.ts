// Owns a master for the tests of the allocator: books that say what is free, numbered facts about every change, and
// the decision about proposals. Simple on purpose; the real books are in @parley/cluster.
import type { Fact, FactsMessage, Proposal } from '@parley/protocol/allocation';
import {
  AgentId,
  FrameworkId,
  type FrameworkRef,
  frameworkKey,
  PrincipalName,
  RoleName,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { add, contains, normalise, subtract } from '@parley/resources/resources';

type Framework = {
  readonly ref: FrameworkRef;
  readonly role: RoleName;
  isActive: boolean;
  used: Resources;
};
type Agent = { readonly total: Resources; free: Resources };

export const anAgentId = (name: string): AgentId => AgentId.parse(name);

export const aFramework = (name: string): FrameworkRef => ({
  principal: PrincipalName.parse('tests'),
  frameworkId: FrameworkId.parse(name),
});

/** CPUs and MiB. */
export const resourcesOf = (cpus: number, mem: number): Resources =>
  normalise({ scalars: { cpus: cpus * 1000, mem: mem * 1000 } });

export class ScriptedMaster {
  readonly agents = new Map<AgentId, Agent>();
  readonly frameworks = new Map<string, Framework>();
  #facts: Fact[] = [];
  #sequence = 0;
  #lastFactsSequence = 0;

  addAgent(name: string, total: Resources): void {
    const agentId = anAgentId(name);
    this.agents.set(agentId, { total, free: total });
    this.#facts.push(this.#agentFact(agentId));
  }

  removeAgent(name: string): void {
    this.agents.delete(anAgentId(name));
    this.#facts.push({ kind: 'agentAway', agentId: anAgentId(name) });
  }

  subscribe(name: string, role: string): void {
    const ref = aFramework(name);
    const known = this.frameworks.get(frameworkKey(ref));
    const framework = known ?? {
      ref,
      role: RoleName.parse(role),
      isActive: true,
      used: normalise({}),
    };
    framework.isActive = true;
    this.frameworks.set(frameworkKey(ref), framework);
    this.#facts.push({ kind: 'framework', framework: ref, role: framework.role });
  }

  disconnect(name: string): void {
    const framework = this.frameworks.get(frameworkKey(aFramework(name)));
    if (framework === undefined) return;
    framework.isActive = false;
    this.#facts.push({ kind: 'frameworkAway', framework: framework.ref });
  }

  /** Whether the proposal still fits the books. */
  decide({ number, framework: ref, agentId, resources }: Proposal): boolean {
    const framework = this.frameworks.get(frameworkKey(ref));
    const agent = this.agents.get(agentId);
    const isFitting =
      framework?.isActive === true && agent !== undefined && contains(agent.free, resources);
    if (isFitting) this.#move(framework, agentId, resources, 'take');
    else if (agent !== undefined)
      this.#facts.push({ kind: 'agentFree', agentId, free: agent.free });
    this.#facts.push({ kind: 'decided', proposalNumber: number });
    return isFitting;
  }

  /** Gives resources back; with `refuseMs` also refuses them for so long. */
  giveBack(ref: FrameworkRef, agentId: AgentId, resources: Resources, refuseMs = 0): void {
    const framework = this.frameworks.get(frameworkKey(ref));
    assert(framework !== undefined, 'the framework is known');
    this.#move(framework, agentId, resources, 'give');
    if (refuseMs === 0) return;
    const { role } = framework;
    this.#facts.push({ kind: 'refused', framework: ref, role, agentId, resources, refuseMs });
  }

  /** The facts since the last message, as one journal entry makes them. */
  message(): FactsMessage {
    this.#sequence += 1;
    const message = {
      sequence: this.#sequence,
      previous: this.#lastFactsSequence,
      facts: this.#facts,
    };
    this.#lastFactsSequence = this.#sequence;
    this.#facts = [];
    return message;
  }

  /** Everything, cut into so many parts. */
  snapshot(parts = 1): FactsMessage[] {
    const facts: Fact[] = [...this.agents.keys()].map((agentId) => this.#agentFact(agentId));
    for (const framework of this.frameworks.values()) {
      const { ref, role, isActive } = framework;
      if (isActive) facts.push({ kind: 'framework', framework: ref, role });
      facts.push(this.#usageFact(framework));
    }
    const size = Math.ceil(facts.length / parts) || 1;
    return Array.from({ length: parts }, (_, index) => ({
      sequence: this.#lastFactsSequence,
      previous: this.#lastFactsSequence,
      facts: facts.slice(index * size, (index + 1) * size),
      snapshot: { part: index + 1, parts },
    }));
  }

  #move(framework: Framework, agentId: AgentId, resources: Resources, way: 'take' | 'give'): void {
    const agent = this.agents.get(agentId);
    const isTaken = way === 'take';
    framework.used = (isTaken ? add : subtract)(framework.used, resources);
    this.#facts.push(this.#usageFact(framework));
    if (agent === undefined) return;
    agent.free = (isTaken ? subtract : add)(agent.free, resources);
    this.#facts.push({ kind: 'agentFree', agentId, free: agent.free });
  }

  #agentFact(agentId: AgentId): Fact {
    const agent = this.agents.get(agentId);
    assert(agent !== undefined, 'the agent is known');
    return { kind: 'agent', agentId, total: agent.total, free: agent.free, attributes: {} };
  }

  #usageFact({ ref, role, used }: Framework): Fact {
    return { kind: 'usage', framework: ref, role, scalars: used.scalars };
  }
}
