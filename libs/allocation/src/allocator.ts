// Owns the decisions of the allocator: which agent's free resources are proposed to which framework next. It does no
// I/O: facts of the master and the time go in, proposals come out. The master alone knows who holds what; what is
// known here may be stale, then a proposal is refused and costs time only.
// A decision gives all that an agent has left to the first framework, by DRF over roles and then over the frameworks
// of the role, that has not refused it. Mesos, hierarchical DRF allocator. Milliseconds of a monotonic clock.
import type { Fact, FactsMessage, Proposal } from '@parley/protocol/allocation';
import { type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import {
  type AgentId,
  type FrameworkKey,
  type FrameworkRef,
  frameworkKey,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { unreachable } from '@parley/protocol/unreachable';
import { AgentPool } from './agent-pool.ts';
import { ClusterTotals } from './cluster-totals.ts';
import { FactsIntake } from './facts-intake.ts';
import { type Client, FairOrder } from './fair-order.ts';
import { Filters } from './filters.ts';
import { PendingProposals } from './pending-proposals.ts';
import { SeededRandom } from './seeded-random.ts';

export type AllocatorEffect =
  | { readonly kind: 'requestSnapshot' }
  | { readonly kind: 'propose'; readonly proposals: Proposal[] };

export type AllocatorOptions = {
  /** Mixed with the term's epoch; decides the order in which agents get their turn. */
  readonly seed?: number;
  /** Names of scalars that do not count towards fairness. */
  readonly exclude?: readonly string[];
};

/** From the first reason for a run to the run: what frees at about the same time is offered together. */
export const COALESCE_MS = 2;
/** A safety net: offers again what is open, when anything has changed since the last time. */
export const FULL_RUN_INTERVAL_MS = 5000;
const PROPOSALS_A_MESSAGE = 100;
/** The rest of a larger run follows in the next tick, so that facts are heard in between. */
const AGENTS_A_RUN = 1000;

type Knowledge = {
  readonly totals: ClusterTotals;
  readonly fairOrder: FairOrder;
  readonly pool: AgentPool;
  readonly filters: Filters;
  readonly pending: PendingProposals;
  /** Subscribed frameworks. */
  readonly frameworks: Map<FrameworkKey, FrameworkRef>;
};

export class Allocator {
  readonly #options: AllocatorOptions;
  #intake: FactsIntake | undefined;
  #known: Knowledge;
  #random: SeededRandom;
  #lastNumber = 0;
  /** Agents whose turn it is, in a shuffled order, last first. */
  #cycle: AgentId[] = [];
  #runAtMs: number | undefined;
  #lastFullRunMs = 0;
  #hasChanged = false;

  constructor(options: AllocatorOptions = {}) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed ?? 0);
    this.#known = knowNothing(options);
  }

  /** Begins a term: nothing is known, proposals count from 1. `epoch` is the own one. */
  started(epoch: Epoch, nowMs: number): AllocatorEffect[] {
    const seed = (this.#options.seed ?? 0) ^ epoch.revision ^ epoch.bucketCreatedMs;
    this.#random = new SeededRandom(seed);
    this.#intake = new FactsIntake(nowMs);
    this.#forget();
    this.#lastNumber = 0;
    this.#lastFullRunMs = nowMs;
    return [{ kind: 'requestSnapshot' }];
  }

  /** Facts of the master of this epoch; those of an earlier master's are dropped. */
  facts(message: FactsMessage, nowMs: number, masterEpoch: Epoch = NO_EPOCH): AllocatorEffect[] {
    const verdict = this.#intake?.receive(message, masterEpoch, nowMs) ?? 'ignore';
    switch (verdict) {
      case 'ignore':
        return [];
      case 'ask':
        return [{ kind: 'requestSnapshot' }];
      case 'replace':
        this.#forget();
        break;
      case 'apply':
        break;
      default:
        return unreachable(verdict);
    }
    // Decisions first: the other facts then give a turn to agents that are open without them.
    for (const fact of message.facts) if (fact.kind === 'decided') this.#decided(fact);
    for (const fact of message.facts) this.#apply(fact, nowMs);
    this.#hasChanged = true;
    this.#scheduleRun(nowMs);
    return [];
  }

  /** The bus was away: facts may have been lost, and there may be none to come that would show it. */
  reconnected(nowMs: number): AllocatorEffect[] {
    if (this.#intake === undefined) return [];
    this.#intake.loseStep(nowMs);
    return [{ kind: 'requestSnapshot' }];
  }

  /** Whether everything that the master has said is known; otherwise nothing is proposed. */
  get isInStep(): boolean {
    return this.#intake?.isInStep === true;
  }

  /** Does what is due. To be called no later than `nextWakeMs`. */
  tick(nowMs: number): AllocatorEffect[] {
    const effects: AllocatorEffect[] = [];
    if (this.#intake === undefined) return effects;
    if (this.#intake.mustAsk(nowMs)) effects.push({ kind: 'requestSnapshot' });
    if (!this.#intake.isInStep) return effects;
    this.#expire(nowMs);
    this.#reopen(nowMs);
    if (this.#runAtMs === undefined || this.#runAtMs > nowMs) return effects;
    const proposals = this.#run(nowMs);
    for (let from = 0; from < proposals.length; from += PROPOSALS_A_MESSAGE) {
      effects.push({
        kind: 'propose',
        proposals: proposals.slice(from, from + PROPOSALS_A_MESSAGE),
      });
    }
    return effects;
  }

  /** When there is something to do without news; undefined before the term began. */
  nextWakeMs(): number | undefined {
    if (this.#intake === undefined) return undefined;
    const asking = this.#intake.nextAskMs;
    if (!this.#intake.isInStep) return asking;
    const { filters, pending } = this.#known;
    return Math.min(
      asking,
      this.#runAtMs ?? Number.POSITIVE_INFINITY,
      filters.nextExpiryMs ?? Number.POSITIVE_INFINITY,
      pending.nextTimeoutMs ?? Number.POSITIVE_INFINITY,
      this.#hasChanged ? this.#lastFullRunMs + FULL_RUN_INTERVAL_MS : Number.POSITIVE_INFINITY,
    );
  }

  /** For tests and the simulator: throws when what is known contradicts itself. */
  checkInvariants(): void {
    const { fairOrder, pool, filters } = this.#known;
    fairOrder.checkInvariants();
    pool.checkInvariants();
    filters.checkInvariants();
  }

  #forget(): void {
    this.#known = knowNothing(this.#options);
    this.#cycle = [];
    this.#runAtMs = undefined;
  }

  #apply(fact: Fact, nowMs: number): void {
    const { totals, fairOrder, pool, filters, frameworks } = this.#known;
    switch (fact.kind) {
      case 'agent':
        if (pool.set(fact) === 'changed') filters.clearAgent(fact.agentId);
        break;
      case 'agentAway':
        this.#forgetAgent(fact.agentId);
        break;
      case 'agentFree':
        pool.setFree(fact.agentId, fact.free);
        break;
      case 'framework': {
        const framework = frameworkKey(fact.framework);
        filters.clearFramework(framework);
        frameworks.set(framework, fact.framework);
        fairOrder.activate({ framework, role: fact.role });
        pool.touchOpen();
        break;
      }
      case 'frameworkAway': {
        const framework = frameworkKey(fact.framework);
        filters.clearFramework(framework);
        frameworks.delete(framework);
        fairOrder.deactivate(framework);
        break;
      }
      case 'usage':
        fairOrder.setUsage(clientOf(fact), totals.vectorOf(fact.scalars));
        break;
      case 'refused':
        if (!pool.has(fact.agentId) || !frameworks.has(frameworkKey(fact.framework))) break;
        filters.refuse({
          ...clientOf(fact),
          agentId: fact.agentId,
          resources: fact.resources,
          expiresMs: nowMs + fact.refuseMs,
        });
        break;
      case 'decided':
        break;
      default:
        unreachable(fact);
    }
  }

  /** Gives no turn by itself: a refused proposal comes with correcting facts, or waits for the full run. */
  #decided({ proposalNumber }: Extract<Fact, { kind: 'decided' }>): void {
    // A number that was never given out belongs to an earlier term.
    if (proposalNumber > this.#lastNumber) return;
    const { fairOrder, pool, pending } = this.#known;
    for (const { client, amounts, proposal } of pending.takeDecided(proposalNumber)) {
      fairOrder.release(client, amounts);
      pool.settle(proposal.agentId);
    }
  }

  #forgetAgent(agentId: AgentId): void {
    const { fairOrder, pool, filters, pending } = this.#known;
    for (const { client, amounts } of pending.takeOfAgent(agentId)) {
      fairOrder.release(client, amounts);
    }
    filters.clearAgent(agentId);
    pool.remove(agentId);
  }

  /** Filters that end and proposals that were never decided give their agents another turn. */
  #expire(nowMs: number): void {
    const { fairOrder, pool, filters, pending } = this.#known;
    for (const agentId of filters.expire(nowMs)) pool.touch(agentId);
    for (const { client, amounts, proposal } of pending.takeOverdue(nowMs)) {
      fairOrder.release(client, amounts);
      pool.touch(proposal.agentId);
    }
    this.#scheduleRun(nowMs);
  }

  #reopen(nowMs: number): void {
    if (!this.#hasChanged || nowMs < this.#lastFullRunMs + FULL_RUN_INTERVAL_MS) return;
    this.#lastFullRunMs = nowMs;
    this.#hasChanged = false;
    this.#known.pool.touchOpen();
    this.#scheduleRun(nowMs);
  }

  #scheduleRun(nowMs: number): void {
    if (this.#known.pool.touchedCount > 0) this.#runAtMs ??= nowMs + COALESCE_MS;
  }

  #run(nowMs: number): Proposal[] {
    const { fairOrder, pool } = this.#known;
    this.#runAtMs = undefined;
    if (!fairOrder.hasActive) {
      // Whoever comes first gives every open agent its turn.
      pool.takeTouched();
      this.#cycle = [];
      return [];
    }
    if (this.#cycle.length === 0) {
      this.#cycle = pool.takeTouched();
      this.#random.shuffle(this.#cycle);
    }
    const proposals: Proposal[] = [];
    for (let turn = 0; turn < AGENTS_A_RUN; turn += 1) {
      const agentId = this.#cycle.pop();
      if (agentId === undefined) break;
      const proposal = this.#decide(agentId, nowMs);
      if (proposal !== undefined) proposals.push(proposal);
    }
    if (this.#cycle.length > 0 || pool.touchedCount > 0) this.#runAtMs = nowMs;
    return proposals;
  }

  /** One decision: all that the agent has left, to the first in the order that has not refused it. */
  #decide(agentId: AgentId, nowMs: number): Proposal | undefined {
    const { totals, fairOrder, pool, pending } = this.#known;
    const resources = pool.openResources(agentId);
    if (resources === undefined) return undefined;
    const client = this.#firstWilling(agentId, resources);
    const framework = client && this.#known.frameworks.get(client.framework);
    if (client === undefined || framework === undefined) return undefined;
    this.#lastNumber += 1;
    const { role } = client;
    const proposal: Proposal = { number: this.#lastNumber, framework, role, agentId, resources };
    const amounts = totals.vectorOf(resources.scalars);
    fairOrder.allocate(client, amounts);
    pending.add(proposal, amounts, nowMs);
    pool.settle(agentId);
    return proposal;
  }

  #firstWilling(agentId: AgentId, resources: Resources): Client | undefined {
    const { fairOrder, filters } = this.#known;
    for (const client of fairOrder.inOrder()) {
      const { framework, role } = client;
      if (!filters.blocks({ framework, role, agentId, resources })) return client;
    }
    return undefined;
  }
}

function knowNothing({ exclude = [] }: AllocatorOptions): Knowledge {
  const totals = new ClusterTotals(exclude);
  const pending = new PendingProposals();
  return {
    totals,
    fairOrder: new FairOrder(totals),
    pool: new AgentPool(totals, pending),
    filters: new Filters(),
    pending,
    frameworks: new Map(),
  };
}

function clientOf(fact: Extract<Fact, { kind: 'usage' | 'refused' }>): Client {
  return { framework: frameworkKey(fact.framework), role: fact.role };
}
