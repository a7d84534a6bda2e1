// Owns a scripted cluster that goes on in cycles, for tests of what frameworks get in the long run: in each the allocator
// decides, whoever answers offers answers, and tasks that were to run for so many cycles end.
import type { Proposal } from '@parley/protocol/allocation';
import type { Constraints } from '@parley/protocol/constraints';
import type { Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { Allocator } from './allocator.ts';
import { allOf, ScriptedMaster } from './scripted-master.ts';
import type { ScriptedOffer } from './scripted-records.ts';

const CYCLE_MS = 20;
/** Checking is slow with very many frameworks. */
const CYCLES_A_CHECK = 20;

export type Answer = (offer: ScriptedOffer) => void;
type Running = {
  readonly offer: ScriptedOffer;
  readonly resources: Resources;
  readonly endsAt: number;
};

export class CycledCluster {
  readonly master = new ScriptedMaster();
  readonly #allocator = new Allocator({ seed: 1 });
  readonly #answers = new Map<string, Answer>();
  #running: Running[] = [];
  #nowMs = 0;
  /** So far. */
  cycles = 0;

  constructor() {
    this.#allocator.started({ bucketCreatedMs: 1000, revision: 7 }, 0);
    for (const part of this.master.snapshot()) this.#allocator.facts(part, 0);
  }

  addAgents(prefix: string, count: number, total: Resources, attributes = {}): void {
    for (let number = 0; number < count; number += 1) {
      this.master.addAgent(`${prefix}-${number}`, total, { attributes });
    }
  }

  /** In a role of its own, if no other is named. Without `answer` it answers nothing. */
  subscribe(name: string, answer?: Answer, role = name): void {
    this.master.subscribe(name, role);
    if (answer !== undefined) this.#answers.set(name, answer);
  }

  /** The one need that it has from now on. */
  need(
    name: string,
    resources: Resources,
    {
      count,
      constraints = [],
      role = name,
    }: { readonly count: number; readonly constraints?: Constraints; readonly role?: string },
  ): void {
    this.master.need(name, role, [{ shape: 'task', resources, count, constraints }]);
  }

  readonly decline =
    (refuseMs: number): Answer =>
    ({ number }) =>
      this.master.decline(number, refuseMs);

  /** Uses all that is offered for so many cycles; `then` is called when that has ended. */
  readonly run =
    (cycles: number): Answer =>
    (offer) =>
      this.launch(offer, allOf(offer), cycles);

  /** Uses these of what is offered for so many cycles, and gives the rest back at once, without a filter. */
  launch(offer: ScriptedOffer, resources: Resources, cycles: number, rest?: Resources): void {
    this.master.launch(offer.number);
    this.#running.push({ offer, resources, endsAt: this.cycles + cycles });
    if (rest !== undefined) this.#giveBack(offer, rest, 0);
  }

  /** The value: what was offered in it. */
  cycle(): Proposal[] {
    this.cycles += 1;
    this.#hear();
    const proposals = this.#decideWithin(CYCLE_MS);
    for (const proposal of proposals) {
      assert(this.master.decide(proposal), `proposal ${proposal.number} fits the books`);
    }
    this.#hear();
    if (this.cycles % CYCLES_A_CHECK === 0) this.#allocator.checkInvariants();
    for (const offer of [...this.master.offers.values()]) {
      this.#answers.get(offer.framework.ref.frameworkId)?.(offer);
    }
    const ended = this.#running.filter(({ endsAt }) => endsAt <= this.cycles);
    this.#running = this.#running.filter(({ endsAt }) => endsAt > this.cycles);
    for (const { offer, resources } of ended) this.#giveBack(offer, resources);
    return proposals;
  }

  /** How many cycles pass until the framework is offered something, that one included. Throws after so many. */
  cyclesUntilOffered(name: string, most: number): number {
    for (let count = 1; count <= most; count += 1) {
      if (this.cycle().some(({ framework }) => framework.frameworkId === name)) return count;
    }
    throw new Error(`${name} is offered nothing in ${most} cycles`);
  }

  #decideWithin(durationMs: number): Proposal[] {
    const endMs = this.#nowMs + durationMs;
    const proposals: Proposal[] = [];
    for (;;) {
      const wakeMs = this.#allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY;
      this.#nowMs = Math.min(Math.max(this.#nowMs, wakeMs), endMs);
      if (wakeMs > endMs) return proposals;
      for (const effect of this.#allocator.tick(this.#nowMs)) {
        if (effect.kind === 'propose') proposals.push(...effect.proposals);
      }
    }
  }

  #hear(): void {
    const effects = this.#allocator.facts(this.master.message(), this.#nowMs);
    assert(effects.length === 0, 'no fact is missed');
  }

  #giveBack(
    { framework, agentId, role }: ScriptedOffer,
    resources: Resources,
    refuseMs?: number,
  ): void {
    const isAnswered = [...this.master.offers.values()].every(
      (other) => other.framework !== framework || other.agentId !== agentId,
    );
    assert(isAnswered, 'a framework that runs tasks answers its offers');
    this.master.giveBack({ framework: framework.ref, agentId, role }, resources, refuseMs);
  }
}
