// Owns a history for property tests: the allocator beside a master with its books, random steps of what may happen to
// them, and the judgement of every proposal by the books and by the slow reference.
import type { Proposal } from '@parley/protocol/allocation';
import { frameworkKey } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { assert, unreachable } from '@parley/protocol/unreachable';
import { add, amountOf, contains, isEmpty } from '@parley/resources/resources';
import { Allocator, type AllocatorEffect, COALESCE_MS } from './allocator.ts';
import { HistoryBooks } from './history-books.ts';
import { checkDecision, checkPromises } from './history-judgement.ts';
import { checkDivision } from './history-shares.ts';
import type { Step } from './history-steps.ts';
import { agentOf, clientOf, frameworkOf, worldOf } from './history-view.ts';
import { mostFor, standsBack } from './reference-allocator.ts';
import { hasRoom, isAtOrBelow } from './reference-quota.ts';
import { allOf, type ScriptedMaster } from './scripted-master.ts';
import type { ScriptedFramework } from './scripted-records.ts';

/**
 * What the slow reference foretells: of every proposal by itself, where there is no demand and no cap; of all for one agent
 * together, where demand is stated and nothing is refused, held back or reserved; else nothing.
 */
type Judged = 'each' | 'together' | 'not';

export class AllocatorHistory {
  readonly #books = new HistoryBooks();
  readonly #allocator: Allocator;
  readonly #judged: Judged;

  constructor(seed: number, judged: Judged) {
    this.#judged = judged;
    this.#allocator = new Allocator({ seed });
    this.#allocator.started({ bucketCreatedMs: 1, revision: 1 }, 0);
    this.#hearSnapshot();
  }

  get master(): ScriptedMaster {
    return this.#books.master;
  }

  apply(step: Step): void {
    this.#books.change(step);
    this.#hear();
    this.#run();
  }

  #hear(): void {
    const effects = this.#allocator.facts(this.master.message(), this.#books.nowMs);
    this.#books.measureUnused();
    if (effects.length > 0) this.#hearSnapshot();
    this.#allocator.checkInvariants();
  }

  #hearSnapshot(): void {
    this.#books.forgetAnswers();
    for (const part of this.master.snapshot(2)) this.#allocator.facts(part, this.#books.nowMs);
  }

  /** Until the run after the last event is over, that of a filter which ends meanwhile included. */
  #run(): void {
    const endMs = this.#books.nowMs + 2 * COALESCE_MS;
    for (; this.#books.nowMs <= endMs || this.#isDueSoon(); this.#books.nowMs += 1) {
      for (const effect of this.#allocator.tick(this.#books.nowMs)) {
        this.#follow(effect);
      }
      this.#allocator.checkInvariants();
    }
    this.#checkNothingLeft();
  }

  #follow(effect: AllocatorEffect): void {
    switch (effect.kind) {
      case 'propose':
        this.#judge(effect.proposals);
        break;
      case 'requestSnapshot':
        this.#hearSnapshot();
        break;
      case 'askCandidates': {
        // No task here may be taken back. Unlike with a snapshot, nothing is forgotten.
        const { question } = effect.question;
        const revocations = this.#allocator.candidates(
          { question, sequence: 0, tasks: [] },
          this.#books.nowMs,
        );
        assert(revocations.length === 0, 'nothing is taken back that was not named');
        break;
      }
      case 'revoke':
        throw new Error('nothing is taken back that was not named');
      default:
        unreachable(effect);
    }
  }

  #isDueSoon(): boolean {
    return (
      (this.#allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY) <= this.#books.nowMs + COALESCE_MS
    );
  }

  #judge(proposals: readonly Proposal[]): void {
    const ofAgents = Map.groupBy(proposals, ({ agentId }) => agentId);
    for (const proposal of proposals) {
      this.#checkReceiver(proposal);
      this.#checkCaps(proposal);
      this.#checkLimits(proposal);
      const agent = agentOf(proposal.agentId, this.#books);
      if (this.#judged === 'each') checkDecision(proposal, agent, worldOf(this.#books));
      const ofAgent = ofAgents.get(proposal.agentId) ?? [];
      if (this.#judged === 'together' && ofAgent[0] === proposal) {
        checkDivision(ofAgent, agent, worldOf(this.#books));
      }
      // Nobody else takes what is left: everybody has had the agent, and the round begins anew.
      if (standsBack(frameworkKey(proposal.framework), agent)) {
        this.#books.leftUnused.delete(proposal.agentId);
      }
      // The books have not changed since the run but for its own proposals: what does not fit is offered twice.
      assert(this.master.decide(proposal), `proposal ${proposal.number} fits the books`);
    }
    this.#hear();
  }

  /** It takes offers, may use the reservations, has not refused this, and is given what it asked for. */
  #checkReceiver(proposal: Proposal): void {
    const client = clientOf(proposal, this.#books);
    assert(client.isActive, `${client.key} takes offers in ${client.role}`);
    for (const { role } of proposal.reservations) {
      assert(isAtOrBelow(client.role, role), `${client.role} may use what is reserved for ${role}`);
    }
    const all = allOf(proposal);
    for (const refusal of this.#books.refusals) {
      const isAbout = refusal.key === client.key && refusal.role === client.role;
      if (!isAbout || refusal.agentId !== proposal.agentId) continue;
      if (refusal.expiresMs <= this.#books.nowMs) continue;
      assert(!contains(refusal.resources, all), 'what is refused is not offered');
    }
    if (client.needs !== undefined)
      checkPromises(proposal, client.needs, agentOf(proposal.agentId, this.#books));
    else assert(proposal.promised.length === 0, 'nothing is promised where nothing is needed');
  }

  #checkCaps(proposal: Proposal): void {
    const framework = frameworkOf(proposal, this.#books);
    const { offers, scalars } = this.master.outstandingOf(framework);
    if (offers === 0) return;
    assert(offers < (framework.maxOffers ?? offers + 1), 'no more offers at a time than allowed');
    // Volumes alone make nobody hold more.
    if (isEmpty(allOf(proposal))) return;
    const held = add({ ...NO_RESOURCES, scalars }, allOf(proposal));
    const { total } = worldOf(this.#books);
    for (const [name, amount] of Object.entries(held.scalars)) {
      assert(
        amount * 1000 <= amountOf(total, name) * this.master.capPermille,
        `no more of ${name} in unanswered offers than allowed`,
      );
    }
  }

  /** Neither what is in other offers nor what is reserved and free counts for nothing. */
  #checkLimits(proposal: Proposal): void {
    const client = clientOf(proposal, this.#books);
    const { reservations } = proposal;
    for (const name of Object.keys(allOf(proposal).scalars)) {
      const unreserved = amountOf(proposal.resources, name);
      assert(
        hasRoom(worldOf(this.#books), client, { name, unreserved, reservations }),
        `what ${client.key} gets of ${name} is within the limits`,
      );
    }
  }

  /** Who is at a cap may not be asked again before it has less, though a smaller offer might do. */
  #checkNothingLeft(): void {
    const world = worldOf(this.#books);
    for (const agentId of this.master.agents.keys()) {
      const agent = agentOf(agentId, this.#books);
      for (const client of world.clients) {
        const framework = this.master.frameworks.get(client.key);
        if (framework !== undefined && this.#mayBeAtLimit(framework)) continue;
        assert(
          mostFor(client, agent, world) === undefined,
          `nothing is left on ${agentId} that ${client.key} in ${client.role} would take`,
        );
      }
    }
  }

  #mayBeAtLimit(framework: ScriptedFramework): boolean {
    const isLimited = framework.maxOffers !== undefined || this.master.capPermille < 1000;
    return isLimited && this.master.outstandingOf(framework).offers > 0;
  }
}
