// Tests that the allocator, through random histories, decides as the slow reference does, offers nothing twice and
// leaves nothing that somebody could take.
import type { Proposal } from '@parley/protocol/allocation';
import { type AgentId, frameworkKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { amountOf, intersect, isEmpty, subtract, sum } from '@parley/resources/resources';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Allocator, COALESCE_MS } from './allocator.ts';
import {
  fairReceivers,
  type ReferenceFramework,
  type ReferenceRefusal,
  withProposal,
} from './reference-allocator.ts';
import { aFramework, anAgentId, resourcesOf, ScriptedMaster } from './scripted-master.ts';

type Step = {
  readonly kind:
    | 'agent'
    | 'agentAway'
    | 'subscribe'
    | 'disconnect'
    | 'end'
    | 'refuse'
    | 'wait'
    | 'lose';
  readonly who: number;
  readonly cpus: number;
  readonly mem: number;
  readonly durationMs: number;
};

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'agent',
    'agentAway',
    'subscribe',
    'subscribe',
    'disconnect',
    'end',
    'end',
    'refuse',
    'refuse',
    'wait',
    'lose',
  ),
  who: fc.nat({ max: 9 }),
  cpus: fc.integer({ min: 0, max: 8 }),
  mem: fc.integer({ min: 0, max: 800 }),
  durationMs: fc.integer({ min: 1, max: 4000 }),
});

const ROLES = ['services', 'analytics', 'services', 'research'];

type Holding = {
  readonly framework: Proposal['framework'];
  readonly agentId: AgentId;
  readonly resources: Resources;
};

/** The allocator, a master with its books, and what the reference needs to know. */
class History {
  readonly master = new ScriptedMaster();
  readonly allocator: Allocator;
  #nowMs = 0;
  #refusals: ReferenceRefusal[] = [];
  /** What was proposed and accepted and is not given back. */
  #holdings: Holding[] = [];

  constructor(seed: number) {
    this.allocator = new Allocator({ seed });
    this.allocator.started({ bucketCreatedMs: 1, revision: 1 }, 0);
    this.#hearSnapshot();
  }

  apply(next: Step): void {
    const { kind, who } = next;
    switch (kind) {
      case 'agent':
        if (!this.master.agents.has(this.#agentId(who))) {
          this.master.addAgent(`agent-${who}`, resourcesOf(next.cpus, next.mem));
        }
        break;
      case 'agentAway':
        this.#removeAgent(who);
        break;
      case 'subscribe':
        this.#forgetRefusals((refusal) => refusal.key === frameworkKey(this.#framework(who)));
        this.master.subscribe(`framework-${who % 4}`, ROLES[who % 4] ?? '');
        break;
      case 'disconnect':
        this.#forgetRefusals((refusal) => refusal.key === frameworkKey(this.#framework(who)));
        this.master.disconnect(`framework-${who % 4}`);
        break;
      case 'end':
      case 'refuse':
        this.#giveBack(next);
        break;
      case 'wait':
        this.#nowMs += next.durationMs;
        break;
      case 'lose':
        this.master.message();
        break;
    }
    this.#hear();
    this.#run();
  }

  #hear(): void {
    const effects = this.allocator.facts(this.master.message(), this.#nowMs);
    if (effects.length > 0) this.#hearSnapshot();
    this.allocator.checkInvariants();
  }

  #hearSnapshot(): void {
    this.#refusals = [];
    for (const part of this.master.snapshot(2)) this.allocator.facts(part, this.#nowMs);
  }

  /** Until the run after the last event is over, that of a filter which ends meanwhile included. */
  #run(): void {
    const endMs = this.#nowMs + 2 * COALESCE_MS;
    for (; this.#nowMs <= endMs || this.#isDueSoon(); this.#nowMs += 1) {
      for (const effect of this.allocator.tick(this.#nowMs)) {
        if (effect.kind === 'propose') this.#judge(effect.proposals);
        else this.#hearSnapshot();
      }
      this.allocator.checkInvariants();
    }
    this.#expectNothingLeft();
  }

  #isDueSoon(): boolean {
    return (this.allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY) <= this.#nowMs + COALESCE_MS;
  }

  #judge(proposals: readonly Proposal[]): void {
    let frameworks = this.#frameworks();
    for (const proposal of proposals) {
      const receivers = fairReceivers(proposal, this.#world(frameworks));
      expect([...receivers]).toContain(frameworkKey(proposal.framework));
      frameworks = withProposal(frameworks, proposal);
    }
    for (const proposal of proposals) {
      // The master's books have not changed since: whatever does not fit would be offered twice.
      expect(this.master.decide(proposal)).toBe(true);
      this.#holdings.push(proposal);
    }
    this.#hear();
  }

  #expectNothingLeft(): void {
    for (const [agentId, { free }] of this.master.agents) {
      if (amountOf(free, 'cpus') < 10 || amountOf(free, 'mem') < 32_000) continue;
      const world = this.#world(this.#frameworks());
      expect([...fairReceivers({ agentId, resources: free }, world)]).toStrictEqual([]);
    }
  }

  /** Gives a part back, or refuses all: what is given back may be less than what was offered, as when a task ends. */
  #giveBack({ kind, who, cpus, mem, durationMs }: Step): void {
    const holding = this.#holdings[who % Math.max(1, this.#holdings.length)];
    if (holding === undefined) return;
    const { framework, agentId } = holding;
    const isRefused = kind === 'refuse';
    const given = isRefused
      ? holding.resources
      : intersect(holding.resources, resourcesOf(cpus, mem));
    const rest = subtract(holding.resources, given);
    this.#holdings = this.#holdings.filter((one) => one !== holding);
    if (!isEmpty(rest)) this.#holdings.push({ framework, agentId, resources: rest });
    this.master.giveBack(framework, agentId, given, isRefused ? durationMs : 0);
    const key = frameworkKey(framework);
    if (isRefused && this.master.frameworks.get(key)?.isActive === true) {
      const expiresMs = this.#nowMs + durationMs;
      this.#refusals.push({ key, agentId, resources: given, expiresMs });
    }
  }

  #removeAgent(who: number): void {
    const agentId = this.#agentId(who);
    if (!this.master.agents.has(agentId)) return;
    for (const { framework, agentId: id, resources } of this.#holdings) {
      if (id === agentId) this.master.giveBack(framework, id, resources);
    }
    this.#holdings = this.#holdings.filter((one) => one.agentId !== agentId);
    this.#forgetRefusals((refusal) => refusal.agentId === agentId);
    this.master.removeAgent(`agent-${who}`);
  }

  #forgetRefusals(isForgotten: (refusal: ReferenceRefusal) => boolean): void {
    this.#refusals = this.#refusals.filter((refusal) => !isForgotten(refusal));
  }

  #world(frameworks: readonly ReferenceFramework[]): Parameters<typeof fairReceivers>[1] {
    const total = sum([...this.master.agents.values()].map((agent) => agent.total));
    return { nowMs: this.#nowMs, total, frameworks, refusals: this.#refusals };
  }

  #frameworks(): ReferenceFramework[] {
    return [...this.master.frameworks.values()].map(({ ref, role, isActive, used }) => ({
      key: frameworkKey(ref),
      role,
      isActive,
      used,
    }));
  }

  #framework(who: number): Proposal['framework'] {
    return aFramework(`framework-${who % 4}`);
  }

  #agentId(who: number): AgentId {
    return anAgentId(`agent-${who}`);
  }
}

test('every decision is one that the slow reference allows, and nothing is left that somebody could take', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(step, { maxLength: 60 }), (seed, steps) => {
      const history = new History(seed);
      for (const next of steps) history.apply(next);
    }),
    {
      numRuns: 200,
      // A filter that ended while the run after the refusal was under way.
      examples: [
        [
          0,
          [
            { kind: 'agent', who: 0, cpus: 1, mem: 32, durationMs: 1 },
            { kind: 'subscribe', who: 0, cpus: 0, mem: 0, durationMs: 1 },
            { kind: 'refuse', who: 0, cpus: 0, mem: 0, durationMs: 3 },
          ],
        ],
      ],
    },
  );
});
