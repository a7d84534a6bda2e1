// Owns whose turn it is among the agents, once it is known who gets one: first those that have changed themselves, then
// the others, on behalf of frameworks that take something which they did not take before and only as long as these do.
import type { AgentId, FrameworkKey } from '@parley/protocol/ids';

export class TurnCycle {
  readonly #touched: AgentId[];
  #others: AgentId[];
  readonly #fresh: Set<FrameworkKey>;

  /** Last first. */
  constructor({
    touched = [],
    others = [],
    fresh = new Set(),
  }: {
    readonly touched?: AgentId[];
    readonly others?: AgentId[];
    readonly fresh?: Set<FrameworkKey>;
  } = {}) {
    this.#touched = touched;
    this.#others = others;
    this.#fresh = fresh;
  }

  get isOver(): boolean {
    return this.#touched.length === 0 && this.#others.length === 0;
  }

  /** `takesOffers`: whether a framework is still to be offered anything. */
  next(takesOffers: (framework: FrameworkKey) => boolean): AgentId | undefined {
    const touched = this.#touched.pop();
    if (touched !== undefined) return touched;
    for (const framework of this.#fresh) {
      if (takesOffers(framework)) return this.#others.pop();
      this.#fresh.delete(framework);
    }
    // Everybody else has had a turn at these since they last changed.
    this.#others = [];
    return undefined;
  }
}
