// Owns the kinds of agents, by what they have: agents of equal totals share one value of it, so that a cluster of very many
// takes little memory, and most comparisons are of one value with itself.
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';
import type { ClusterTotals, Vector } from './cluster-totals.ts';
import { type Free, NO_RESERVATIONS, NOTHING } from './free.ts';

/** Beyond it kinds are forgotten, and found again: agents of one kind then share fewer values. */
const MAX_KINDS = 1000;

export type AgentKind = {
  readonly total: Resources;
  readonly amounts: Vector;
  /** Where all of it is free. */
  readonly whole: Free;
};

export const NO_KIND: AgentKind = { total: NO_RESOURCES, amounts: [], whole: NOTHING };

export class AgentKinds {
  readonly #totals: ClusterTotals;
  readonly #byTotal = new Map<string, AgentKind>();

  constructor(totals: ClusterTotals) {
    this.#totals = totals;
  }

  of(resources: Resources): AgentKind {
    const total = normalise(resources);
    const key = JSON.stringify(total);
    const known = this.#byTotal.get(key);
    if (known !== undefined) return known;
    if (this.#byTotal.size >= MAX_KINDS) this.#byTotal.clear();
    const amounts = this.#totals.vectorOf(total.scalars);
    const whole: Free = {
      unreserved: total,
      amounts,
      reservations: NO_RESERVATIONS,
      revocable: NO_RESOURCES,
    };
    const kind = { total, amounts, whole };
    this.#byTotal.set(key, kind);
    return kind;
  }
}
