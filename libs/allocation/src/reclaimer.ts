// Owns when resources are taken back: who has a claim, which tasks the master is asked for, and what is proposed to it.
// One claim at a time, so that each is decided on what the one before has changed. Whose tasks go is in victims.ts.
// Milliseconds of a monotonic clock.
import type { Fact } from '@parley/protocol/allocation';
import { taskKey } from '@parley/protocol/ids';
import type {
  CandidatesAnswer,
  CandidatesQuestion,
  RevocableTask,
  Revocation,
  Sharer,
} from '@parley/protocol/revocations';
import { amountIn, compareFractions, largestFraction } from './quantities.ts';
import { SharingView } from './sharing-view.ts';
import {
  type Claims,
  type ComingBack,
  chooseVictims,
  claimants,
  isBelowItsShare,
  type SharingClient,
  sharerKey,
} from './victims.ts';

export type ReclaimEffect =
  | { readonly kind: 'askCandidates'; readonly question: CandidatesQuestion }
  | { readonly kind: 'revoke'; readonly revocations: Revocation[] };

/** Between two looks at who has a claim: taking back is slow anyway. */
export const LOOK_MS = 1000;
/** An answer, or the decision about what was proposed, that has not come by then was lost. */
const ANSWER_MS = 2000;
/** A claim that nobody can satisfy is looked at again when so much time has passed. */
const AGAIN_MS = 10_000;
const MAX_CANDIDATES = 1000;
const MAX_HOLDERS = 1000;
const MAX_REVOCATIONS = 100;

type Asked = { readonly question: number; readonly claimant: string; readonly untilMs: number };

export class Reclaimer {
  readonly #view: SharingView;
  /** Since when each client is below its fair share and wants more. */
  readonly #starvedSince = new Map<string, number>();
  /** Proposed to be taken back, and not decided. */
  readonly #proposed = new Map<string, { readonly coming: ComingBack; readonly untilMs: number }>();
  /** Tasks that the master would not take back, until when they are not named again. */
  readonly #refused = new Map<string, number>();
  /** Claims that nobody could satisfy, until when. */
  readonly #hopeless = new Map<string, number>();
  #asked: Asked | undefined;
  #questions = 0;
  #hasNews = false;
  #nextLookMs = 0;
  /** Without news nothing is found before then. */
  #fruitlessUntilMs = 0;

  /** `exclude`: names of scalars that do not count towards fairness. */
  constructor(exclude: readonly string[] = ['gpus']) {
    this.#view = new SharingView(exclude);
  }

  hear(facts: readonly Fact[], nowMs: number): void {
    for (const fact of facts) {
      this.#view.hear(fact, nowMs);
      if (fact.kind !== 'revoking' && fact.kind !== 'revoked') continue;
      // Decided: under way, or refused.
      const key = taskKey(fact.task);
      const wasProposed = this.#proposed.delete(key);
      if (wasProposed && fact.kind === 'revoked') this.#refused.set(key, nowMs + AGAIN_MS);
    }
    if (!this.#hasNews) this.#nextLookMs = Math.max(this.#nextLookMs, nowMs + LOOK_MS);
    this.#hasNews = true;
  }

  /** Does what is due. To be called no later than `nextWakeMs`. */
  tick(nowMs: number): ReclaimEffect[] {
    this.#expire(nowMs);
    const isDue = nowMs >= this.#nextLookMs && (this.#hasNews || nowMs >= this.#starvationDueMs());
    if (!isDue || this.#asked !== undefined || this.#proposed.size > 0) return [];
    this.#nextLookMs = nowMs + LOOK_MS;
    this.#hasNews = false;
    if (!this.#view.settings.reclaims) return [];
    return this.#look(nowMs);
  }

  /** The master's answer; one that is not expected any more is left out. */
  candidates({ question, tasks }: CandidatesAnswer, nowMs: number): ReclaimEffect[] {
    const asked = this.#asked;
    if (asked === undefined || asked.question !== question) return [];
    this.#asked = undefined;
    this.#hasNews = true;
    const clients = this.#clients(nowMs);
    const claimant = clients.find((client) => sharerKey(client) === asked.claimant);
    if (claimant === undefined) return [];
    const named = tasks.filter(({ task }) => !this.#refused.has(taskKey(task)));
    const revocations = chooseVictims(this.#claims(clients, claimant, named));
    if (revocations.length === 0) {
      this.#hopeless.set(asked.claimant, nowMs + AGAIN_MS);
      return [];
    }
    this.#propose(revocations, tasks, nowMs);
    return [{ kind: 'revoke', revocations }];
  }

  nextWakeMs(): number {
    const waits = [
      this.#asked?.untilMs,
      ...[...this.#proposed.values()].map(({ untilMs }) => untilMs),
    ].filter((ms) => ms !== undefined);
    if (waits.length > 0) return Math.min(...waits);
    if (!this.#view.settings.reclaims) return Number.POSITIVE_INFINITY;
    if (this.#hasNews) return this.#nextLookMs;
    const againMs = Math.min(...this.#hopeless.values());
    return Math.max(this.#nextLookMs, Math.min(this.#starvationDueMs(), againMs));
  }

  #look(nowMs: number): ReclaimEffect[] {
    const clients = this.#clients(nowMs);
    const claims = this.#claims(clients, undefined, []);
    const claimant = claimants(claims).find((client) => !this.#hopeless.has(sharerKey(client)));
    const holders = claimant === undefined ? [] : holdersBeside(clients, claimant);
    if (claimant === undefined || holders.length === 0) {
      this.#fruitlessUntilMs = nowMs + AGAIN_MS;
      return [];
    }
    this.#questions += 1;
    const question = this.#questions;
    const { framework, role } = claimant;
    const beneficiary = { framework, role };
    this.#asked = { question, claimant: sharerKey(claimant), untilMs: nowMs + ANSWER_MS };
    const about = { question, holders, beneficiary, limit: MAX_CANDIDATES };
    return [{ kind: 'askCandidates', question: about }];
  }

  /** Of the claimant alone where there is one; else of everybody. */
  #claims(
    clients: readonly SharingClient[],
    claimant: SharingClient | undefined,
    tasks: readonly RevocableTask[],
  ): Claims {
    return {
      clients: clients.map((client) =>
        claimant === undefined || client === claimant ? client : { ...client, needs: [] },
      ),
      roles: this.#view.roles(),
      tasks,
      free: claimant === undefined ? new Map() : this.#view.free(claimant.role),
      comingBack: this.#comingBack(),
      total: this.#view.total,
      starvationMs: this.#view.settings.starvationMs,
      limit: MAX_REVOCATIONS,
    };
  }

  #clients(nowMs: number): SharingClient[] {
    const clients = this.#view.clients(nowMs);
    const starving = new Set<string>();
    for (const client of clients) {
      if (client.needs.length > 0 && isBelowItsShare(client)) starving.add(sharerKey(client));
    }
    for (const key of this.#starvedSince.keys()) {
      if (!starving.has(key)) this.#starvedSince.delete(key);
    }
    for (const key of starving) {
      if (!this.#starvedSince.has(key)) this.#starvedSince.set(key, nowMs);
    }
    return clients.map((client) => {
      const since = this.#starvedSince.get(sharerKey(client)) ?? nowMs;
      return { ...client, starvedForMs: nowMs - since };
    });
  }

  #propose(
    revocations: readonly Revocation[],
    tasks: readonly RevocableTask[],
    nowMs: number,
  ): void {
    const byKey = new Map(tasks.map((task) => [taskKey(task.task), task]));
    for (const { task, beneficiary } of revocations) {
      const victim = byKey.get(taskKey(task));
      if (victim === undefined) continue;
      const coming = { ...victim, beneficiary };
      this.#proposed.set(taskKey(task), { coming, untilMs: nowMs + ANSWER_MS });
    }
  }

  #comingBack(): ComingBack[] {
    return [...this.#view.comingBack, ...[...this.#proposed.values()].map(({ coming }) => coming)];
  }

  #expire(nowMs: number): void {
    if (this.#asked !== undefined && this.#asked.untilMs <= nowMs) {
      this.#asked = undefined;
      this.#hasNews = true;
    }
    for (const [key, { untilMs }] of this.#proposed) {
      if (untilMs > nowMs) continue;
      this.#proposed.delete(key);
      this.#hasNews = true;
    }
    for (const [key, untilMs] of this.#refused) if (untilMs <= nowMs) this.#refused.delete(key);
    for (const [key, untilMs] of this.#hopeless) {
      if (untilMs > nowMs) continue;
      this.#hopeless.delete(key);
      this.#hasNews = true;
    }
  }

  /** When somebody has been starved for longer than is allowed. */
  #starvationDueMs(): number {
    const first = Math.min(...this.#starvedSince.values());
    return Math.max(first + this.#view.settings.starvationMs + 1, this.#fruitlessUntilMs);
  }
}

/** Else naming its tasks would only keep others from being named. */
const hasMoreThanGuaranteed = ({ held, guarantee }: SharingClient): boolean =>
  Object.entries(held).some(([name, amount]) => amount > amountIn(guarantee, name));

/** Those of other frameworks that hold more of anything than they are guaranteed: most above their share first, as many as one question may name. */
function holdersBeside(clients: readonly SharingClient[], claimant: SharingClient): Sharer[] {
  const own = claimant.framework;
  return clients
    .filter(({ framework }) => {
      return framework.principal !== own.principal || framework.frameworkId !== own.frameworkId;
    })
    .filter(hasMoreThanGuaranteed)
    .sort((a, b) =>
      compareFractions(largestFraction(b.held, b.fairShare), largestFraction(a.held, a.fairShare)),
    )
    .slice(0, MAX_HOLDERS)
    .map(({ framework, role }) => ({ framework, role }));
}
