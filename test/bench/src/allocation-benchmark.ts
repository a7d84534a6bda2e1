// Owns measuring the allocator: whole rounds in which every agent of a free cluster is given to somebody. Facts and
// proposals stay in this process; the same cases were measured with Mesos's hierarchical allocator.
import { Allocator } from '@parley/allocation/allocator';
import type { Fact, Proposal } from '@parley/protocol/allocation';
import {
  AgentId,
  FrameworkId,
  type FrameworkRef,
  frameworkKey,
  PrincipalName,
  RoleName,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { add, normalise, subtract } from '@parley/resources/resources';
import { type Benchmark, median, type Result, rounded } from './measurement.ts';

type Case = {
  readonly agents: number;
  readonly frameworks: number;
  readonly rounds: number;
  /** Offers a second of Mesos's allocator: best median of its own time for a full cycle, one thread. */
  readonly mesos: number;
};

const CASES: readonly Case[] = [
  { agents: 1000, frameworks: 50, rounds: 25, mesos: 91_600 },
  { agents: 5000, frameworks: 200, rounds: 11, mesos: 45_100 },
];
const MESOS = 'Mesos 1.12-dev, hierarchical DRF, full cycle';
const WARM_UP_ROUNDS = 3;

/** As in Mesos's own benchmarks: 24 CPUs, 4 GiB of memory and of disk. */
const AGENT_TOTAL: Resources = normalise({
  scalars: { cpus: 24_000, mem: 4_096_000, disk: 4_096_000 },
});

export const allocationBenchmark: Benchmark = {
  name: 'allocation',
  summary: 'decisions a second of the allocator',
  run: async (say) => {
    const results: Result[] = [];
    for (const one of CASES) {
      say(`${one.agents} agents, ${one.frameworks} frameworks, ${one.rounds} rounds`);
      results.push(...measure(one));
    }
    return results;
  },
};

function measure({ agents, frameworks, rounds, mesos }: Case): Result[] {
  const cluster = new FactsOfACluster(agents, frameworks);
  const deciding: number[] = [];
  const whole: number[] = [];
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    const { decidingMs, hearingMs } = cluster.playRound();
    if (round < 0) continue;
    deciding.push((agents / decidingMs) * 1000);
    whole.push((agents / (decidingMs + hearingMs)) * 1000);
  }
  const size = `${agents}x${frameworks}`;
  const unit = 'decisions/s';
  const reference = { value: mesos, of: MESOS };
  return [
    {
      name: `allocation.decisions.${size}`,
      value: rounded(median(deciding)),
      unit,
      aim: mesos,
      reference,
    },
    {
      name: `allocation.rounds.${size}`,
      value: rounded(median(whole)),
      unit,
      aim: null,
      reference: null,
    },
  ];
}

/** The master's side of a round: every proposal is accepted, then everything is given back without a filter. */
class FactsOfACluster {
  readonly #allocator = new Allocator({ seed: 1 });
  readonly #agents: readonly AgentId[];
  readonly #used = new Map<
    string,
    { readonly framework: FrameworkRef; readonly role: RoleName; used: Resources }
  >();
  #sequence = 1;
  #nowMs = 0;

  constructor(agents: number, frameworks: number) {
    this.#agents = Array.from({ length: agents }, (_, number) => AgentId.parse(`agent-${number}`));
    const principal = PrincipalName.parse('bench');
    for (let number = 0; number < frameworks; number += 1) {
      const framework = { principal, frameworkId: FrameworkId.parse(`framework-${number}`) };
      const role = RoleName.parse(`role-${number}`);
      this.#used.set(frameworkKey(framework), { framework, role, used: NO_RESOURCES });
    }
    this.#allocator.started({ bucketCreatedMs: 1, revision: 1 }, 0);
    const facts = [...this.#agentFacts(), ...this.#frameworkFacts()];
    const snapshot = { part: 1, parts: 1 };
    this.#allocator.facts({ sequence: 1, previous: 0, facts, snapshot }, 0);
  }

  /** Milliseconds: for the decisions, and for hearing what became of them. */
  playRound(): { readonly decidingMs: number; readonly hearingMs: number } {
    const beganMs = performance.now();
    const proposals = this.#collect();
    const decidingMs = performance.now() - beganMs;
    if (proposals.length !== this.#agents.length) throw new Error('a round gives every agent away');
    const taken = this.#taken(proposals);
    const givenBack = this.#givenBack(proposals);
    const hearsMs = performance.now();
    this.#tell(taken);
    this.#tell(givenBack);
    return { decidingMs, hearingMs: performance.now() - hearsMs };
  }

  #collect(): Proposal[] {
    const proposals: Proposal[] = [];
    while (proposals.length < this.#agents.length) {
      this.#nowMs = Math.max(this.#nowMs, this.#allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY);
      for (const effect of this.#allocator.tick(this.#nowMs)) {
        if (effect.kind === 'propose') proposals.push(...effect.proposals);
      }
    }
    return proposals;
  }

  #tell(facts: Fact[]): void {
    const previous = this.#sequence;
    this.#sequence += 1;
    this.#allocator.facts({ sequence: this.#sequence, previous, facts }, this.#nowMs);
  }

  #taken(proposals: readonly Proposal[]): Fact[] {
    for (const proposal of proposals) this.#move(proposal, add);
    const free = proposals.map(
      ({ agentId }): Fact => ({
        kind: 'agentFree',
        agentId,
        free: NO_RESOURCES,
        reservations: [],
      }),
    );
    const proposalNumber = proposals.at(-1)?.number ?? 0;
    return [...this.#usageFacts(), ...free, { kind: 'decided', proposalNumber }];
  }

  #givenBack(proposals: readonly Proposal[]): Fact[] {
    for (const proposal of proposals) this.#move(proposal, subtract);
    const free = proposals.map(
      ({ agentId, resources }): Fact => ({
        kind: 'agentFree',
        agentId,
        free: resources,
        reservations: [],
      }),
    );
    return [...this.#usageFacts(), ...free];
  }

  #move(
    { framework, resources }: Proposal,
    change: (used: Resources, resources: Resources) => Resources,
  ): void {
    const record = this.#used.get(frameworkKey(framework));
    if (record !== undefined) record.used = change(record.used, resources);
  }

  #agentFacts(): Fact[] {
    return this.#agents.map((agentId) => ({
      kind: 'agent',
      agentId,
      hostname: agentId,
      total: AGENT_TOTAL,
      free: AGENT_TOTAL,
      reservations: [],
      attributes: {},
    }));
  }

  #frameworkFacts(): Fact[] {
    return [...this.#used.values()].map(({ framework, role }) => ({
      kind: 'framework',
      framework,
      roles: [{ role, isSuppressed: false }],
    }));
  }

  #usageFacts(): Fact[] {
    return [...this.#used.values()].map(({ framework, role, used }) => ({
      kind: 'usage',
      framework,
      role,
      scalars: used.scalars,
    }));
  }
}
