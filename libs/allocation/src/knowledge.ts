// Owns what the allocator knows of the cluster and how facts change it: agents, frameworks, shares, quotas, filters, caps
// and proposals under way, kept consistent with each other. When to decide is in allocator.ts. Milliseconds throughout.
import type { Fact, Proposal } from '@parley/protocol/allocation';
import type { AgentId, FrameworkRef } from '@parley/protocol/ids';
import { DEFAULT_UNCOUNTED } from '@parley/protocol/sharing';
import { unreachable } from '@parley/protocol/unreachable';
import { AgentDivision, type Grant } from './agent-division.ts';
import { type Agent, AgentPool } from './agent-pool.ts';
import { AskedInVain } from './asked-in-vain.ts';
import { accumulate, ClusterTotals } from './cluster-totals.ts';
import { FairOrder } from './fair-order.ts';
import { Filters } from './filters.ts';
import { type Framework, Frameworks, takesOffers } from './frameworks.ts';
import { type Free, isAnythingLeft, isNoMore } from './free.ts';
import { Headroom } from './headroom.ts';
import { KeptAgents } from './kept-agents.ts';
import { LeftUnused } from './left-unused.ts';
import { OfferCaps } from './offer-caps.ts';
import { OfferPolicy } from './offer-policy.ts';
import { type PendingProposal, PendingProposals } from './pending-proposals.ts';
import type { Client } from './share-tree.ts';

type AboutFramework = Extract<Fact, { framework: FrameworkRef }>;
type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;
type Hearing = { readonly lastNumber: number; readonly nowMs: number };

export class Knowledge {
  readonly totals: ClusterTotals;
  readonly order: FairOrder;
  readonly pool: AgentPool;
  readonly headroom: Headroom;
  readonly policy: OfferPolicy;
  readonly filters = new Filters();
  readonly vain = new AskedInVain();
  readonly kept = new KeptAgents();
  readonly leftUnused = new LeftUnused();
  readonly pending = new PendingProposals();
  readonly frameworks: Frameworks;
  readonly caps: OfferCaps;
  /** Frameworks that take something which they did not take before: every open agent gets a turn for them. */
  readonly fresh = new Set<Framework>();
  readonly #standing = new Set<Client>();
  /** Of what is being heard: whom it is about, and of whom it is said what is outstanding. Empty in between. */
  readonly #concerned = new Set<Framework>();
  readonly #told = new Set<Framework>();
  /** The last decision has left something to those who were asked before: once it is proposed, another is due. */
  mustDivideAgain = false;
  /** What is set has changed so that everybody is to be asked about everything again. */
  #mustAskAll = false;
  readonly reduce: (agent: Agent, left: Free) => void;

  constructor() {
    this.totals = new ClusterTotals();
    this.order = new FairOrder(this.totals);
    this.pool = new AgentPool({
      totals: this.totals,
      reserve: (role, amounts, sign) => this.order.reserve(role, amounts, sign),
    });
    this.reduce = (agent, left) => this.pool.reduce(agent, left);
    this.headroom = new Headroom(this.order, this.pool.available);
    this.policy = new OfferPolicy(this.totals, this.order.tree);
    this.caps = new OfferCaps(this.totals);
    this.frameworks = new Frameworks((framework, role) => this.order.clientOf(framework, role));
  }

  /** Facts of one journal entry: consistent with each other at its end. `lastNumber`: of the proposals made so far. */
  hear(facts: readonly Fact[], hearing: Hearing): void {
    // Decisions first: the other facts then give a turn to agents that are open without them.
    this.#decided(facts, hearing);
    for (const fact of facts) {
      if (!('framework' in fact)) {
        this.#apply(fact);
        continue;
      }
      const framework = this.frameworks.ensure(fact.framework);
      this.#applyTo(framework, fact, hearing.nowMs);
      this.#concerned.add(framework);
      if (fact.kind === 'outstanding') this.#told.add(framework);
    }
    for (const framework of this.caps.totalsChanged()) this.#resumed(framework);
    for (const framework of this.#concerned) {
      const hasLess = this.caps.resumeWithLess(framework);
      // Less under way without a word about what is outstanding: refused, which gives no turn.
      if (hasLess && this.#told.has(framework)) this.fresh.add(framework);
      this.#refresh(framework);
    }
    this.#concerned.clear();
    this.#told.clear();
    this.#resumeWaiting();
    if (this.#mustAskAll) this.#askAll();
  }

  /** Ends filters and proposals that were never decided: their agents get a turn. The value: whether there were any. */
  expire(nowMs: number): boolean {
    for (const { client, agent } of this.filters.expire(nowMs)) {
      this.vain.forget(agent.number, client.number);
      this.pool.touch(agent);
    }
    return this.#takeBack(this.pending.takeOverdue(nowMs));
  }

  /** What was proposed to a master that leads no more, and was not decided: nobody will. */
  loseProposals(): void {
    this.#takeBack(this.pending.takeAll());
  }

  #takeBack(lost: readonly PendingProposal[]): boolean {
    for (const pending of lost) {
      this.#release(pending);
      this.caps.resumeWithLess(pending.client.framework);
      this.#refresh(pending.client.framework);
      this.pool.touch(pending.agent);
    }
    return lost.length > 0;
  }

  /** Every open agent gets a turn, for whatever news were overlooked. */
  reopen(): void {
    this.frameworks.remeasure();
    this.order.lookForRoom();
    this.#resumeWaiting();
    this.pool.touchOpen();
  }

  /** To be called before every open agent gets a turn for those who are fresh. */
  askFreshAgain(): void {
    const numbers: number[] = [];
    for (const { clients } of this.fresh)
      for (const one of clients.values()) numbers.push(one.number);
    this.vain.forgetClients(numbers);
  }

  /** One decision about an agent; each grant is to be proposed at once, see `proposed`. */
  divide(agent: Agent): Grant[] {
    this.mustDivideAgain = false;
    if (!isAnythingLeft(agent.left)) return [];
    if (!this.vain.isEmpty(agent.number) && !isNoMore(agent.left, agent.asked)) {
      this.vain.forgetAgent(agent.number);
    }
    agent.asked = agent.left;
    const division = new AgentDivision(this, agent);
    const grants = division.divide();
    if (division.isCutShort) {
      this.mustDivideAgain = true;
      this.vain.forgetAgent(agent.number);
    }
    for (const framework of division.passed) {
      this.caps.pass(framework);
      this.#refresh(framework);
    }
    for (const client of division.stuck) {
      client.stands = true;
      this.#standing.add(client);
      this.#refreshClient(client);
    }
    if (grants.length > 0 && !isAnythingLeft(agent.left)) this.pool.close(agent);
    return grants;
  }

  /** Of what was granted in the last decision; each grant once. */
  proposed(
    { client, amounts, promised }: Grant,
    made: { readonly agent: Agent; readonly proposal: Proposal; readonly sentMs: number },
  ): void {
    const { agent, proposal, sentMs } = made;
    this.pending.add({ proposal, client, agent, amounts, sentMs, isGone: false });
    const { framework } = client;
    this.caps.passIfFull(framework);
    if (promised !== undefined || this.caps.isAtLimit(framework)) this.#refresh(framework);
  }

  /** For tests and the simulator: throws when what is known contradicts itself. */
  checkInvariants(): void {
    this.order.checkInvariants();
    this.pool.checkInvariants();
    this.filters.checkInvariants();
    this.leftUnused.checkInvariants();
    this.frameworks.checkInvariants();
    const underWay = new Map<Framework, { offers: number; amounts: number[] }>();
    for (const { client, amounts } of this.pending.all()) {
      const ofFramework = underWay.get(client.framework) ?? { offers: 0, amounts: [] };
      ofFramework.offers += 1;
      accumulate(ofFramework.amounts, amounts, 1);
      underWay.set(client.framework, ofFramework);
    }
    this.caps.checkInvariants(this.frameworks.all(), underWay);
  }

  #decided(facts: readonly Fact[], { lastNumber, nowMs }: Hearing): void {
    for (const fact of facts) {
      // A number that was never given out belongs to an earlier term.
      if (fact.kind !== 'decided' || fact.proposalNumber > lastNumber) continue;
      for (const pending of this.pending.takeDecided(fact.proposalNumber, nowMs)) {
        this.#release(pending);
        this.#concerned.add(pending.client.framework);
        // No turn: a refused proposal comes with correcting facts, or waits for the full run.
        this.pool.settle(pending.agent);
      }
    }
  }

  #apply(fact: Exclude<Fact, AboutFramework>): void {
    switch (fact.kind) {
      case 'agent':
        this.#agent(fact);
        break;
      case 'agentAway':
        this.#forgetAgent(this.pool.get(fact.agentId));
        break;
      case 'agentFree':
        this.#free(fact);
        break;
      case 'role':
        this.order.setRole(fact.role, fact);
        this.policy.roleChanged();
        this.#mustAskAll = true;
        break;
      case 'settings':
        this.#settings(fact);
        break;
      case 'revoking':
        this.kept.begun(fact);
        this.#touch(fact.agentId);
        break;
      case 'revoked': {
        const agentId = this.kept.over(fact);
        if (agentId !== undefined) this.#touch(agentId);
        break;
      }
      case 'decided':
        break;
      default:
        unreachable(fact);
    }
  }

  /** Somebody else may be offered of it than before. */
  #touch(agentId: AgentId): void {
    const agent = this.pool.get(agentId);
    if (agent !== undefined) this.pool.touch(agent);
  }

  #applyTo(framework: Framework, fact: AboutFramework, nowMs: number): void {
    switch (fact.kind) {
      case 'framework':
        this.#framework(framework, fact);
        break;
      case 'frameworkShare':
        this.order.setFramework(framework, fact);
        this.#mustAskAll = true;
        break;
      case 'filtersCleared':
        for (const client of framework.clients.values()) {
          if (fact.role === undefined || fact.role === client.role)
            this.filters.clearClient(client);
        }
        this.fresh.add(framework);
        break;
      case 'frameworkAway':
        for (const client of framework.clients.values()) this.filters.clearClient(client);
        this.frameworks.unsubscribe(framework);
        this.order.frameworkChanged(framework);
        this.caps.setMaxOffers(framework);
        this.fresh.delete(framework);
        break;
      case 'usage': {
        const amounts = this.totals.vectorOf(fact.scalars);
        this.order.setUsage(this.order.clientOf(framework, fact.role), amounts);
        break;
      }
      case 'outstanding':
        this.caps.setOutstanding(framework, fact.offers, this.totals.vectorOf(fact.scalars));
        break;
      case 'leftUnused': {
        const agent = this.pool.get(fact.agentId);
        if (agent !== undefined) this.leftUnused.note(agent, framework.key);
        break;
      }
      case 'refused':
        this.#refused(framework, fact, nowMs);
        break;
      default:
        unreachable(fact);
    }
  }

  #agent(fact: FactOf<'agent'>): void {
    const { agent, isChanged } = this.pool.set(fact);
    this.leftUnused.measure(agent);
    if (!isChanged) return;
    this.filters.clearAgent(agent);
    this.vain.forgetAgent(agent.number);
    this.leftUnused.forgetAgent(agent);
  }

  #free(fact: FactOf<'agentFree'>): void {
    const agent = this.pool.setFree(fact.agentId, fact);
    if (agent !== undefined) this.leftUnused.measure(agent);
  }

  #settings(fact: FactOf<'settings'>): void {
    this.headroom.isKept = !fact.reclaims;
    this.pool.sumUp(this.headroom.isKept);
    this.policy.set(fact.minAllocatable, fact.placement);
    this.totals.setUncounted(fact.uncounted ?? DEFAULT_UNCOUNTED);
    this.#mustAskAll = true;
    for (const framework of this.caps.setPermille(fact.outstandingCapPermille)) {
      this.#resumed(framework);
    }
  }

  #framework(framework: Framework, fact: FactOf<'framework'>): void {
    const wantsMore = this.frameworks.subscribe(fact);
    this.order.frameworkChanged(framework);
    const goesOn = this.caps.setMaxOffers(framework, fact.maxOffers);
    for (const client of framework.clients.values()) {
      this.#standing.delete(client);
      client.stands = false;
      if (!client.isMember) this.filters.clearClient(client);
    }
    if (wantsMore || goesOn) this.fresh.add(framework);
  }

  #refused(framework: Framework, fact: FactOf<'refused'>, nowMs: number): void {
    const { agentId, resources, revocable, refuseMs, role } = fact;
    const [agent, client] = [this.pool.get(agentId), framework.clients.get(role)];
    if (agent === undefined || client === undefined || !framework.isSubscribed) return;
    const expiresMs = nowMs + refuseMs;
    const dropped = this.filters.refuse({ client, agent, resources, revocable, expiresMs });
    if (dropped) this.vain.forget(dropped.agent.number, dropped.client.number);
  }

  #forgetAgent(agent: Agent | undefined): void {
    if (agent === undefined) return;
    for (const pending of this.pending.takeOfAgent(agent)) {
      this.#release(pending);
      // It is forgotten with the last fact, if at all: a later one may be about it.
      this.#concerned.add(pending.client.framework);
    }
    this.filters.clearAgent(agent);
    this.vain.forgetAgent(agent.number);
    this.leftUnused.forgetAgent(agent);
    this.kept.letGo(agent.agentId);
    this.pool.remove(agent);
  }

  /** It was decided, or never will be: what is known without it is what the master says. */
  #release({ client, amounts, proposal }: PendingProposal): void {
    this.order.release(client, amounts);
    this.caps.release(client.framework, amounts);
    for (const { shape, count } of proposal.promised) this.frameworks.release(client, shape, count);
  }

  #resumed(framework: Framework): void {
    this.fresh.add(framework);
    this.#refresh(framework);
  }

  #resumeWaiting(): void {
    for (const client of this.order.takeResumed()) this.#goOn(client);
    for (const client of this.headroom.takeResumed()) this.#goOn(client);
  }

  #goOn(client: Client): void {
    client.stands = false;
    this.#standing.delete(client);
    if (client.isMember) this.#resumed(client.framework);
  }

  #askAll(): void {
    this.#mustAskAll = false;
    for (const client of this.#standing) {
      client.stands = false;
      this.#refreshClient(client);
    }
    this.#standing.clear();
    this.vain.forgetAll();
    this.pool.touchOpen();
  }

  /** Puts it into the order where it would take an offer, and out of it elsewhere. */
  #refresh(framework: Framework): void {
    for (const client of framework.clients.values()) this.#refreshClient(client);
    this.frameworks.forgetUnused(framework);
  }

  #refreshClient(client: Client): void {
    const isActive =
      !client.stands && takesOffers(client) && !this.caps.isAtLimit(client.framework);
    if (client.isActive !== isActive) {
      this.order.setActive(client, isActive);
      this.vain.setActive(client.number, isActive);
    }
    if (this.order.forgetUnused(client)) {
      this.#standing.delete(client);
      this.headroom.waiting.delete(client);
      this.vain.forgetClients([client.number]);
    }
  }
}
