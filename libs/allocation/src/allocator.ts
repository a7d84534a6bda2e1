// Owns when the allocator decides: terms, runs over the agents whose turn it is, the numbers of proposals. It does no
// I/O: facts of the master and the time go in, proposals come out. The master alone knows who holds what; what is
// known here may be stale (knowledge.ts), then a proposal is refused and costs time only. How one agent is divided is
// in agent-division.ts. Mesos, hierarchical DRF allocator. Milliseconds of a monotonic clock.
import type { FactsMessage, Proposal } from '@parley/protocol/allocation';
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import type { ExplainRequest, Explanation } from '@parley/protocol/explanations';
import { NO_RESOURCES } from '@parley/protocol/resources';
import type { CandidatesAnswer } from '@parley/protocol/revocations';
import type { Placement } from '@parley/protocol/sharing';
import { unreachable } from '@parley/protocol/unreachable';
import type { Grant } from './agent-division.ts';
import type { Agent } from './agent-pool.ts';
import { explain } from './explain.ts';
import { ExplainableKnowledge } from './explainable-knowledge.ts';
import { FactsIntake } from './facts-intake.ts';
import type { Framework } from './frameworks.ts';
import { Knowledge } from './knowledge.ts';
import { type ReclaimEffect, Reclaimer } from './reclaimer.ts';
import { ReturnedRoom } from './returned-room.ts';
import { SeededRandom } from './seeded-random.ts';
import { TurnCycle } from './turn-cycle.ts';

export type AllocatorEffect =
  | { readonly kind: 'requestSnapshot' }
  | { readonly kind: 'propose'; readonly proposals: Proposal[] }
  | ReclaimEffect;

export type AllocatorOptions = {
  /** Mixed with the term's epoch; decides the order in which agents get their turn. */
  readonly seed?: number;
  /**
   * From the first reason for a run to the run, which takes in whatever has become known meanwhile: however many events
   * come, there is one run an interval. Up to COALESCE_MS it does not wait where nothing ran within the last COALESCE_MS,
   * and until then where something did: so nothing waits longer than that, and no two runs are closer together.
   */
  readonly intervalMs?: number;
  /** So many proposals wait for the master at most, however much is free: it is not told more than it can decide. */
  readonly maxUndecided?: number;
};

/** The least from one run to the next: what frees at about the same time is offered together. */
export const COALESCE_MS = 2;
/** A safety net: offers again what is open, when anything has changed since the last time. */
export const FULL_RUN_INTERVAL_MS = 5000;
const PROPOSALS_A_MESSAGE = 100;
/** The rest of a larger run follows in the next tick, so that facts are heard in between. */
const AGENTS_A_RUN = 1000;
const MAX_UNDECIDED = 2500;

/** Most proposals have neither; to be read only. */
const NO_RESERVATIONS: Proposal['reservations'] = [];
const NO_PROMISES: Proposal['promised'] = [];

export class Allocator {
  readonly #options: AllocatorOptions;
  #intake: FactsIntake | undefined;
  #known: Knowledge;
  #random: SeededRandom;
  readonly #maxUndecided: number;
  #returned = new ReturnedRoom();
  #reclaimer: Reclaimer;
  #lastNumber = 0;
  #cycle = new TurnCycle();
  #runAtMs: number | undefined;
  #lastRunMs = Number.NEGATIVE_INFINITY;
  #lastFullRunMs = 0;
  #hasChanged = false;

  constructor(options: AllocatorOptions = {}) {
    this.#options = options;
    this.#maxUndecided = options.maxUndecided ?? MAX_UNDECIDED;
    this.#random = new SeededRandom(options.seed ?? 0);
    this.#known = new Knowledge();
    this.#reclaimer = new Reclaimer(this.#known, this.#returned);
  }

  /** Begins a term: nothing is known, proposals count from 1. `epoch` is the own one. */
  started(epoch: Epoch, nowMs: number): AllocatorEffect[] {
    const seed = (this.#options.seed ?? 0) ^ epoch.revision ^ epoch.bucketCreatedMs;
    this.#random = new SeededRandom(seed);
    this.#intake = new FactsIntake(nowMs);
    this.#returned = new ReturnedRoom();
    this.#forget();
    this.#lastNumber = 0;
    this.#lastFullRunMs = nowMs;
    return [{ kind: 'requestSnapshot' }];
  }

  /** Facts of the master of this epoch; those of an earlier master's are dropped. */
  facts(message: FactsMessage, nowMs: number, masterEpoch: Epoch = NO_EPOCH): AllocatorEffect[] {
    const before = this.#intake?.epoch;
    const verdict = this.#intake?.receive(message, masterEpoch, nowMs) ?? 'ignore';
    const isNewLeader = before !== undefined && compareEpochs(masterEpoch, before) > 0;
    switch (verdict) {
      case 'ignore':
        if (isNewLeader && this.isInStep) this.#loseProposals(nowMs);
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
    this.#known.hear(message.facts, { lastNumber: this.#lastNumber, nowMs });
    this.#reclaimer.hear(message.facts, nowMs);
    if (isNewLeader) this.#loseProposals(nowMs);
    this.#hasChanged = true;
    this.#scheduleRun(nowMs);
    return [];
  }

  /**
   * The master's answer to `askCandidates`. One that is ahead of the facts is of no use: what comes back already is not in
   * it and not known either, so that it would be taken back from others once more. It is asked for again then.
   */
  candidates(answer: CandidatesAnswer, nowMs: number): AllocatorEffect[] {
    const isKnown = this.#intake?.knowsUpTo(answer.sequence) === true;
    return isKnown ? this.#reclaimer.candidates(answer, nowMs) : [];
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
    if (this.#known.expire(nowMs)) this.#hasChanged = true;
    this.#reopen(nowMs);
    this.#scheduleRun(nowMs);
    if (this.#runAtMs === undefined || this.#runAtMs > nowMs) {
      // What is free is not kept waiting for what might be taken back.
      effects.push(...this.#reclaimer.tick(nowMs));
      return effects;
    }
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
    return this.#intake.isInStep ? Math.min(asking, this.#nextRunMs()) : asking;
  }

  /** Without news; infinite when only these bring one. */
  #nextRunMs(): number {
    const { filters, pending } = this.#known;
    return Math.min(
      this.#runAtMs ?? Number.POSITIVE_INFINITY,
      this.#reclaimer.nextWakeMs(),
      filters.nextExpiryMs ?? Number.POSITIVE_INFINITY,
      pending.nextTimeoutMs ?? Number.POSITIVE_INFINITY,
      this.#hasChanged ? this.#lastFullRunMs + FULL_RUN_INTERVAL_MS : Number.POSITIVE_INFINITY,
    );
  }

  /** Why somebody is not offered what it wants; undefined while not everything is known. Takes time for every agent. */
  explain(request: ExplainRequest, nowMs: number): Explanation | undefined {
    if (!this.isInStep) return undefined;
    const known = new ExplainableKnowledge(this.#known);
    return explain(request, known, { nowMs, nextRunMs: this.#nextRunMs() });
  }

  /** For tests and the simulator: throws when what is known contradicts itself. */
  checkInvariants(): void {
    this.#known.checkInvariants();
  }

  #loseProposals(nowMs: number): void {
    this.#known.loseProposals();
    this.#scheduleRun(nowMs);
  }

  #forget(): void {
    this.#known = new Knowledge();
    this.#returned.loseStep();
    this.#reclaimer = new Reclaimer(this.#known, this.#returned);
    this.#cycle = new TurnCycle();
    this.#runAtMs = undefined;
  }

  #reopen(nowMs: number): void {
    if (!this.#hasChanged || nowMs < this.#lastFullRunMs + FULL_RUN_INTERVAL_MS) return;
    this.#lastFullRunMs = nowMs;
    this.#hasChanged = false;
    this.#known.reopen();
  }

  #scheduleRun(nowMs: number): void {
    const { pool, fresh, pending } = this.#known;
    if (pool.touchedCount === 0 && fresh.size === 0 && this.#cycle.isOver) return;
    if (pending.size >= this.#maxUndecided) return;
    const { intervalMs = 0 } = this.#options;
    const atOnceMs = Math.max(nowMs, this.#lastRunMs + COALESCE_MS);
    this.#runAtMs ??= intervalMs > COALESCE_MS ? nowMs + intervalMs : atOnceMs;
  }

  #run(nowMs: number): Proposal[] {
    const { order, pool, fresh, pending } = this.#known;
    this.#runAtMs = undefined;
    this.#lastRunMs = nowMs;
    if (!order.hasActive) {
      // Whoever comes first gives every open agent its turn.
      pool.takeTouched();
      fresh.clear();
      this.#cycle = new TurnCycle();
      return [];
    }
    if (this.#cycle.isOver) this.#beginCycle();
    const proposals: Proposal[] = [];
    for (let turn = 0; turn < AGENTS_A_RUN && pending.size < this.#maxUndecided; turn += 1) {
      const agent = this.#cycle.next(this.#placement(), takesAny);
      if (agent === undefined) break;
      this.#decide(agent, proposals, nowMs);
    }
    const isLeft = !this.#cycle.isOver || pool.touchedCount > 0 || fresh.size > 0;
    // The master's next decisions go on with it.
    if (isLeft && pending.size < this.#maxUndecided) this.#runAtMs = nowMs;
    return proposals;
  }

  #beginCycle(): void {
    const { pool, fresh } = this.#known;
    const touched = pool.takeTouched();
    this.#random.shuffle(touched);
    const isTouched = new Set(fresh.size > 0 ? touched : []);
    const others = fresh.size > 0 ? pool.open().filter((agent) => !isTouched.has(agent)) : [];
    this.#random.shuffle(others);
    this.#known.askFreshAgain();
    this.#cycle = new TurnCycle({ touched, others, fresh: new Set(fresh) });
    fresh.clear();
  }

  /** By which end of the order the client that is next begins. */
  #placement(): Placement {
    const { policy, order } = this.#known;
    if (policy.commonPlacement !== undefined) return policy.commonPlacement;
    const next = order.next();
    return next === undefined ? 'random' : policy.placementOf(next);
  }

  #decide(agent: Agent, proposals: Proposal[], nowMs: number): void {
    do {
      for (const grant of this.#known.divide(agent)) {
        this.#lastNumber += 1;
        const proposal = proposalOf(grant, agent, this.#lastNumber);
        proposals.push(proposal);
        this.#known.proposed(grant, { agent, proposal, sentMs: nowMs });
      }
    } while (this.#known.mustDivideAgain);
  }
}

function proposalOf(grant: Grant, { agentId }: Agent, number: number): Proposal {
  const { client, unreserved, reservations, revocable, promised } = grant;
  return {
    number,
    framework: client.framework.ref,
    role: client.role,
    agentId,
    resources: unreserved,
    reservations: reservations.length > 0 ? [...reservations] : NO_RESERVATIONS,
    promised: promised ? [...promised].map(([shape, count]) => ({ shape, count })) : NO_PROMISES,
    ...(revocable !== NO_RESOURCES && { revocable }),
  };
}

function takesAny({ clients }: Framework): boolean {
  for (const { isActive } of clients.values()) if (isActive) return true;
  return false;
}
