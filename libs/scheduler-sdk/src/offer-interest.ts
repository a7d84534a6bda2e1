// Owns in which roles a scheduler wants offers and what the leader has been told of it: a change is told once, and a
// revive at most once a second, less often when they follow each other, whatever the user does. Mesos docs, "Designing highly available frameworks".
import type { RoleName } from '@parley/protocol/ids';
import type { SchedulerRequest } from './session-vocabulary.ts';

/** A revive ends all filters, so that every agent is offered anew: dear where many do it often. */
const REVIVE_INTERVAL_MS = 1000;
/** The interval doubles up to this while revives follow each other, */
const MAX_REVIVE_INTERVAL_MS = 8000;
/** and is the first one again after so long without. */
const QUIET_MS = 10_000;

export type InterestCall = Extract<SchedulerRequest, { name: 'suppress' | 'revive' }>;

export class OfferInterest {
  #roles: readonly RoleName[];
  readonly #unwanted: Set<RoleName>;
  /** As the leader was told. */
  #suppressed = new Set<RoleName>();
  /** Filters are to end although the role is not suppressed. */
  readonly #revived = new Set<RoleName>();
  #open: InterestCall | undefined;
  #reviveDueMs = Number.NEGATIVE_INFINITY;
  #revivedMs = Number.NEGATIVE_INFINITY;
  #intervalMs = REVIVE_INTERVAL_MS;

  constructor(roles: readonly RoleName[], suppressed: readonly RoleName[]) {
    this.#roles = roles;
    this.#unwanted = new Set(suppressed);
  }

  /** A role that comes back later takes offers. */
  setRoles(roles: readonly RoleName[]): void {
    this.#roles = roles;
    for (const role of this.#suppressed) if (!roles.includes(role)) this.#suppressed.delete(role);
  }

  /** Roles in which the leader was told that no offers are wanted. Undefined: it is about to be told otherwise of some. */
  get told(): ReadonlySet<RoleName> | undefined {
    const isTold = this.#roles.every((role) => this.#isTold(role) === this.#unwanted.has(role));
    return isTold ? this.#suppressed : undefined;
  }

  /** The leader believes otherwise, whatever it is: it is told anew of each role. */
  tellAgain(): void {
    this.#suppressed = new Set(this.#roles.filter((role) => !this.#unwanted.has(role)));
  }

  /** Exactly in these roles offers are wanted. */
  want(roles: readonly RoleName[] | 'all'): void {
    const wanted = new Set(roles === 'all' ? this.#roles : roles);
    for (const role of this.#roles) {
      if (wanted.has(role)) this.#unwanted.delete(role);
      else this.#unwanted.add(role);
    }
  }

  /** None named means all. */
  suppress(roles: readonly RoleName[]): void {
    for (const role of this.#named(roles)) {
      this.#unwanted.add(role);
      this.#revived.delete(role);
    }
  }

  /** None named means all. Filters end, too. */
  revive(roles: readonly RoleName[]): void {
    for (const role of this.#named(roles)) {
      this.#unwanted.delete(role);
      this.#revived.add(role);
    }
  }

  /** The user told the leader himself. */
  wasTold({ name, body }: InterestCall): void {
    for (const role of this.#named(body.roles)) {
      if (name === 'suppress') this.#unwanted.add(role);
      else this.#unwanted.delete(role);
      if (name === 'suppress') this.#suppressed.add(role);
      else this.#suppressed.delete(role);
    }
  }

  /** What a subscription says; it ends filters and overrides what was told before. */
  statedBySubscribing(): RoleName[] {
    const suppressed = this.#roles.filter((role) => this.#unwanted.has(role));
    this.#suppressed = new Set(suppressed);
    this.#revived.clear();
    this.#open = undefined;
    return suppressed;
  }

  /** The call to make now, one at a time. */
  takeDue(nowMs: number): InterestCall | undefined {
    if (this.#open !== undefined) return undefined;
    const tooMuch = this.#roles.filter((role) => this.#unwanted.has(role) && !this.#isTold(role));
    if (tooMuch.length > 0) return this.#begin({ name: 'suppress', body: { roles: tooMuch } });
    const missing = this.#toRevive();
    if (missing.length === 0 || nowMs < this.#reviveDueMs) return undefined;
    const isQuiet = nowMs - this.#revivedMs >= QUIET_MS;
    const doubled = Math.min(this.#intervalMs * 2, MAX_REVIVE_INTERVAL_MS);
    this.#intervalMs = isQuiet ? REVIVE_INTERVAL_MS : doubled;
    this.#revivedMs = nowMs;
    this.#reviveDueMs = nowMs + this.#intervalMs;
    return this.#begin({ name: 'revive', body: { roles: missing } });
  }

  callEnded(call: InterestCall, outcome: 'done' | 'repeat'): void {
    if (call !== this.#open) return;
    this.#open = undefined;
    if (outcome === 'done') return;
    for (const role of call.body.roles) {
      if (call.name === 'suppress') this.#suppressed.delete(role);
      else this.#suppressed.add(role);
    }
  }

  /** When a call is due that has to wait; undefined when none is. */
  nextMs(): number | undefined {
    const waits = this.#open === undefined && this.#toRevive().length > 0;
    return waits ? this.#reviveDueMs : undefined;
  }

  #begin(call: InterestCall): InterestCall {
    this.#open = call;
    for (const role of call.body.roles) {
      if (call.name === 'suppress') this.#suppressed.add(role);
      else this.#suppressed.delete(role);
      this.#revived.delete(role);
    }
    return call;
  }

  #toRevive(): RoleName[] {
    return this.#roles.filter(
      (role) => !this.#unwanted.has(role) && (this.#isTold(role) || this.#revived.has(role)),
    );
  }

  #isTold(role: RoleName): boolean {
    return this.#suppressed.has(role);
  }

  #named(roles: readonly RoleName[]): readonly RoleName[] {
    return roles.length === 0 ? this.#roles : roles;
  }
}
