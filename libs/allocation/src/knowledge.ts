// Owns what the allocator knows of the cluster and how facts change it: agents, frameworks, shares, filters, caps and
// proposals under way, kept consistent with each other. When to decide is in allocator.ts. Milliseconds throughout.
import type { Fact, Proposal } from '@parley/protocol/allocation';
import { type AgentId, type FrameworkKey, frameworkKey, type RoleName } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { AgentDivision, type Grant } from './agent-division.ts';
import { AgentPool } from './agent-pool.ts';
import { accumulate, ClusterTotals } from './cluster-totals.ts';
import { type Client, FairOrder } from './fair-order.ts';
import { Filters } from './filters.ts';
import { OfferCaps } from './offer-caps.ts';
import { type PendingProposal, PendingProposals } from './pending-proposals.ts';
import { SubscribedFrameworks } from './subscribed-frameworks.ts';

export class Knowledge {
  readonly totals: ClusterTotals;
  readonly fairOrder: FairOrder;
  readonly pool: AgentPool;
  readonly filters = new Filters();
  readonly pending = new PendingProposals();
  readonly frameworks = new SubscribedFrameworks();
  readonly caps: OfferCaps;
  /** Frameworks that take something which they did not take before: every open agent gets a turn for them. */
  readonly fresh = new Set<FrameworkKey>();

  /** `exclude`: names of scalars that do not count towards fairness. */
  constructor(exclude: readonly string[] = []) {
    this.totals = new ClusterTotals(exclude);
    this.fairOrder = new FairOrder(this.totals);
    this.pool = new AgentPool(this.totals, this.pending);
    this.caps = new OfferCaps(this.totals);
  }

  /** Facts of one journal entry: consistent with each other at its end. `lastNumber`: of the proposals made so far. */
  hear(
    facts: readonly Fact[],
    { lastNumber, nowMs }: { readonly lastNumber: number; readonly nowMs: number },
  ): void {
    // Decisions first: the other facts then give a turn to agents that are open without them.
    const concerned = this.#decided(facts, lastNumber);
    /** Of these it is said what is outstanding. */
    const told = new Set<FrameworkKey>();
    for (const fact of facts) {
      this.#apply(fact, nowMs);
      if (!('framework' in fact)) continue;
      const framework = frameworkKey(fact.framework);
      concerned.add(framework);
      if (fact.kind === 'outstanding') told.add(framework);
    }
    for (const framework of this.caps.totalsChanged()) this.#resumed(framework);
    for (const framework of concerned) {
      // Less under way without a word about what is outstanding: refused, which gives no turn.
      if (this.caps.resumeWithLess(framework) && told.has(framework)) this.fresh.add(framework);
      this.#refresh(framework);
    }
  }

  /** Ends filters and proposals that were never decided: their agents get a turn. The value: whether there were any. */
  expire(nowMs: number): boolean {
    const unfiltered = this.filters.expire(nowMs);
    for (const agentId of unfiltered) this.pool.touch(agentId);
    const overdue = this.pending.takeOverdue(nowMs);
    for (const pending of overdue) {
      this.#released(pending);
      this.pool.touch(pending.proposal.agentId);
    }
    return overdue.length > 0;
  }

  /** Every open agent gets a turn, for whatever news were overlooked. */
  reopen(): void {
    this.frameworks.remeasure();
    this.pool.touchOpen();
  }

  /** One decision about an agent; each grant is to be proposed, see `proposed`. */
  divide(agentId: AgentId): Grant[] {
    const available = this.pool.available(agentId);
    if (available === undefined) return [];
    const division = new AgentDivision(this, available);
    const grants = division.divide();
    for (const framework of division.passed) {
      this.caps.pass(framework);
      this.#refresh(framework);
    }
    return grants;
  }

  /** One proposal a grant, in the same order. */
  proposed(
    agentId: AgentId,
    made: {
      readonly grants: readonly Grant[];
      readonly proposals: readonly Proposal[];
      readonly nowMs: number;
    },
  ): void {
    const { grants, proposals, nowMs } = made;
    if (proposals.length === 0) return;
    for (const [place, { client, amounts }] of grants.entries()) {
      const proposal = proposals[place];
      if (proposal !== undefined) this.pending.add({ proposal, client, amounts, sentMs: nowMs });
    }
    for (const { client, promised } of grants) {
      const { framework } = client;
      this.caps.passIfFull(framework);
      if (promised !== undefined || this.caps.isAtLimit(framework)) this.#refresh(framework);
    }
    this.pool.forgiveLate(agentId);
    this.pool.settle(agentId);
  }

  /** For tests and the simulator: throws when what is known contradicts itself. */
  checkInvariants(): void {
    this.fairOrder.checkInvariants();
    this.pool.checkInvariants();
    this.filters.checkInvariants();
    this.frameworks.checkInvariants();
    const underWay = new Map<FrameworkKey, { offers: number; amounts: number[] }>();
    for (const { client, amounts } of this.pending.all()) {
      const ofFramework = underWay.get(client.framework) ?? { offers: 0, amounts: [] };
      ofFramework.offers += 1;
      accumulate(ofFramework.amounts, amounts, 1);
      underWay.set(client.framework, ofFramework);
    }
    this.caps.checkInvariants(underWay);
  }

  /** The value: the frameworks of which proposals were decided. */
  #decided(facts: readonly Fact[], lastNumber: number): Set<FrameworkKey> {
    const concerned = new Set<FrameworkKey>();
    for (const fact of facts) {
      // A number that was never given out belongs to an earlier term.
      if (fact.kind !== 'decided' || fact.proposalNumber > lastNumber) continue;
      for (const pending of this.pending.takeDecided(fact.proposalNumber)) {
        this.#release(pending);
        concerned.add(pending.client.framework);
        // No turn: a refused proposal comes with correcting facts, or waits for the full run.
        this.pool.settle(pending.proposal.agentId);
      }
    }
    return concerned;
  }

  #apply(fact: Fact, nowMs: number): void {
    const { totals, fairOrder, pool, caps } = this;
    switch (fact.kind) {
      case 'agent':
        if (pool.set(fact) === 'changed') this.filters.clearAgent(fact.agentId);
        break;
      case 'agentAway':
        this.#forgetAgent(fact.agentId);
        break;
      case 'agentFree':
        pool.setFree(fact.agentId, fact.free, fact.reservations);
        break;
      case 'framework':
        this.#framework(fact);
        break;
      case 'filtersCleared':
        this.filters.clearFramework(frameworkKey(fact.framework), fact.role);
        this.fresh.add(frameworkKey(fact.framework));
        break;
      case 'frameworkAway':
        this.#forgetFramework(frameworkKey(fact.framework));
        break;
      case 'usage':
        fairOrder.setUsage(clientOf(fact), totals.vectorOf(fact.scalars));
        break;
      case 'outstanding': {
        const amounts = totals.vectorOf(fact.scalars);
        caps.setOutstanding(frameworkKey(fact.framework), fact.offers, amounts);
        break;
      }
      case 'refused':
        this.#refused(fact, nowMs);
        break;
      case 'expired':
        pool.noteExpired(fact.agentId, frameworkKey(fact.framework));
        break;
      case 'settings':
        for (const framework of caps.setPermille(fact.outstandingCapPermille)) {
          this.#resumed(framework);
        }
        break;
      case 'decided':
      case 'role':
      case 'frameworkShare':
      case 'revoking':
      case 'revoked':
        break;
      default:
        unreachable(fact);
    }
  }

  #framework(fact: Extract<Fact, { kind: 'framework' }>): void {
    const framework = frameworkKey(fact.framework);
    const wantsMore = this.frameworks.set(fact);
    const goesOn = this.caps.setMaxOffers(framework, fact.maxOffers);
    if (wantsMore || goesOn) this.fresh.add(framework);
  }

  #refused(fact: Extract<Fact, { kind: 'refused' }>, nowMs: number): void {
    const { agentId, resources, refuseMs } = fact;
    const client = clientOf(fact);
    if (!this.pool.has(agentId) || !this.frameworks.has(client.framework)) return;
    this.filters.refuse({ ...client, agentId, resources, expiresMs: nowMs + refuseMs });
  }

  #forgetFramework(framework: FrameworkKey): void {
    this.filters.clearFramework(framework);
    this.frameworks.remove(framework);
    this.caps.setMaxOffers(framework);
    this.fresh.delete(framework);
  }

  #forgetAgent(agentId: AgentId): void {
    for (const pending of this.pending.takeOfAgent(agentId)) this.#released(pending);
    this.filters.clearAgent(agentId);
    this.pool.remove(agentId);
  }

  #released(pending: PendingProposal): void {
    this.#release(pending);
    this.caps.resumeWithLess(pending.client.framework);
    this.#refresh(pending.client.framework);
  }

  /** It was decided, or never will be: what is known without it is what the master says. */
  #release({ client, amounts, proposal }: PendingProposal): void {
    this.fairOrder.release(client, amounts);
    this.caps.release(client.framework, amounts);
    for (const { shape, count } of proposal.promised) {
      this.frameworks.release(client, shape, count);
    }
  }

  #resumed(framework: FrameworkKey): void {
    this.fresh.add(framework);
    this.#refresh(framework);
  }

  /** Puts it into the order where it would take an offer, and out of it elsewhere. */
  #refresh(framework: FrameworkKey): void {
    const { fairOrder, frameworks } = this;
    const isAtLimit = this.caps.isAtLimit(framework);
    const refresh = (role: RoleName): void => {
      const isActive = !isAtLimit && frameworks.takesOffers({ framework, role });
      fairOrder.setActive({ framework, role }, isActive);
    };
    for (const role of frameworks.rolesOf(framework)) refresh(role);
    for (const role of fairOrder.rolesOf(framework)) {
      if (!frameworks.hasRole({ framework, role })) refresh(role);
    }
  }
}

function clientOf(fact: Extract<Fact, { kind: 'usage' | 'refused' }>): Client {
  return { framework: frameworkKey(fact.framework), role: fact.role };
}
