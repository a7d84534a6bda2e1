// Owns whether clients use what has come back for them. Whoever leaves it unused (declines it, lets the offer expire, is
// never seen to launch anything there) is put off, each time for twice as long; whoever uses some of it begins anew. So what
// is taken for somebody who uses nothing is bounded: of any time T one round at once and one with each doubling of
// FIRST_DELAY_MS, up to LONGEST_DELAY_MS, then one in each of these. It outlasts a loss of step, not the allocator's term.
//
// Used is what comes back where the framework holds more in tasks, over all its roles, after an entry that tells of an
// agent on which something has come back for it. Elsewhere it may launch what it likes. Milliseconds of a monotonic clock.
import type { Fact } from '@parley/protocol/allocation';
import {
  type AgentId,
  type FrameworkKey,
  type FrameworkRef,
  frameworkKey,
  taskKey,
} from '@parley/protocol/ids';
import type { Sharer } from '@parley/protocol/revocations';
import { sharerKey } from './claims.ts';
import { accumulate, type Vector } from './cluster-totals.ts';
import type { Frameworks } from './frameworks.ts';

/** From when it last came back to the next round. */
const FIRST_DELAY_MS = 10_000;
export const LONGEST_DELAY_MS = 3_600_000;
/** Of whoever has had nothing taken for it for so long nothing is remembered. */
const FORGET_MS = 2 * LONGEST_DELAY_MS;

type Coming = { readonly beneficiary: Sharer; readonly agentId: AgentId };
type Returned = {
  readonly framework: FrameworkKey;
  /** Rounds before this one of which nothing was used. */
  rounds: number;
  /** Where something has come back in this round. */
  readonly agents: Set<AgentId>;
  lastMs: number;
  untilMs: number | undefined;
  /** In tasks, by the framework, when that was last looked at. */
  held: Vector;
};

export class ReturnedRoom {
  /** Under way, by task. */
  readonly #coming = new Map<string, Coming>();
  /** By client. */
  readonly #returned = new Map<string, Returned>();

  /** What is under way is told anew. */
  loseStep(): void {
    this.#coming.clear();
  }

  /** Facts of one entry that are known already. */
  hear(facts: readonly Fact[], frameworks: Frameworks, nowMs: number): void {
    if (this.#returned.size > 0) this.#noteUse(facts, frameworks);
    for (const fact of facts) {
      if (fact.kind === 'revoking') this.#coming.set(taskKey(fact.task), fact);
      if (fact.kind !== 'revoked') continue;
      const coming = this.#coming.get(taskKey(fact.task));
      this.#coming.delete(taskKey(fact.task));
      // One that was called off has freed nothing.
      if (coming !== undefined && tellsOf(facts, coming.agentId)) {
        this.#returns(coming, frameworks, nowMs);
      }
    }
  }

  /** Tasks are to be taken back for it: where nothing has been used of those before, that was a round. */
  taken(client: Sharer): void {
    const returned = this.#returned.get(sharerKey(client));
    if (returned === undefined || returned.agents.size === 0) return;
    returned.rounds += 1;
    returned.agents.clear();
    returned.untilMs = undefined;
  }

  isPutOff(client: Sharer): boolean {
    return this.#returned.get(sharerKey(client))?.untilMs !== undefined;
  }

  /** The value: whether anybody is put off no longer. */
  expire(nowMs: number): boolean {
    let isNews = false;
    for (const [key, returned] of this.#returned) {
      const { untilMs, lastMs } = returned;
      if (lastMs + FORGET_MS <= nowMs) this.#returned.delete(key);
      if (untilMs === undefined || untilMs > nowMs) continue;
      returned.untilMs = undefined;
      isNews = true;
    }
    return isNews;
  }

  /** When the first is put off no longer; infinite where nobody is. */
  get dueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { untilMs } of this.#returned.values()) {
      if (untilMs !== undefined) dueMs = Math.min(dueMs, untilMs);
    }
    return dueMs;
  }

  #returns({ beneficiary, agentId }: Coming, frameworks: Frameworks, nowMs: number): void {
    const key = sharerKey(beneficiary);
    const returned = this.#returned.get(key) ?? {
      framework: frameworkKey(beneficiary.framework),
      rounds: 0,
      agents: new Set<AgentId>(),
      lastMs: nowMs,
      untilMs: undefined,
      held: heldBy(beneficiary.framework, frameworks),
    };
    returned.agents.add(agentId);
    returned.lastMs = nowMs;
    returned.untilMs = nowMs + delayAfter(returned.rounds);
    this.#returned.set(key, returned);
  }

  #noteUse(facts: readonly Fact[], frameworks: Frameworks): void {
    const refs = new Map<FrameworkKey, FrameworkRef>();
    for (const fact of facts) {
      if (fact.kind !== 'usage' && fact.kind !== 'outstanding') continue;
      refs.set(frameworkKey(fact.framework), fact.framework);
    }
    for (const [client, returned] of this.#returned) {
      const ref = refs.get(returned.framework);
      if (ref === undefined) continue;
      const before = returned.held;
      returned.held = heldBy(ref, frameworks);
      if (!isMore(returned.held, before)) continue;
      const isThere = [...returned.agents].some((agentId) => tellsOf(facts, agentId));
      if (isThere) this.#returned.delete(client);
    }
  }
}

function delayAfter(rounds: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** rounds, LONGEST_DELAY_MS);
}

/** As the master says: what its proposals under way come to is not known yet. */
function heldBy(ref: FrameworkRef, frameworks: Frameworks): Vector {
  const held: number[] = [];
  const framework = frameworks.get(ref);
  for (const { confirmed } of framework?.clients.values() ?? []) accumulate(held, confirmed, 1);
  accumulate(held, framework?.unanswered.amounts ?? [], -1);
  return held;
}

function isMore(now: Vector, before: Vector): boolean {
  return now.some((amount, number) => amount > (before[number] ?? 0));
}

/** An entry that changes what tasks or offers hold of an agent says so. */
function tellsOf(facts: readonly Fact[], agentId: AgentId): boolean {
  return facts.some((fact) => fact.kind === 'agentFree' && fact.agentId === agentId);
}
