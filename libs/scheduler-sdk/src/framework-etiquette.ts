// Owns how a framework behaves towards the cluster: when it states its demand, suppresses and revives. Nothing is said twice,
// and nothing often. Pure.
import type { Demand } from '@parley/protocol/frameworks';
import type { RoleName } from '@parley/protocol/ids';
import type { PreparedTask, PreparedWork } from './desired-task.ts';
import type { PlanDecision } from './framework-decisions.ts';
import { demandOf, MAX_SHAPES, shapeName } from './framework-demand.ts';

/** Between two statements of the demand. */
const DEMAND_INTERVAL_MS = 100;
/** A role in which nothing was wanted for so long is suppressed. */
const SUPPRESS_AFTER_MS = 5000;
const REVIVE_INTERVAL_MS = 1000;

export class FrameworkEtiquette {
  readonly #roles: readonly RoleName[];
  readonly #idleSinceMs = new Map<RoleName, number>();
  readonly #suppressed = new Set<RoleName>();
  /** What the leader believes, as far as it is known. A framework starts with a demand for nothing. */
  #believed: string | undefined = JSON.stringify([]);
  #statedMs = Number.NEGATIVE_INFINITY;
  #revivedMs = Number.NEGATIVE_INFINITY;
  /** Shapes that were wanted when offers were last looked at or revived: refusals took them into account. */
  #considered: ReadonlySet<string> = new Set();
  #hasLongFilters = false;
  #wakeMs: number | undefined;
  #expected: readonly PreparedWork[] = [];

  constructor(roles: readonly RoleName[]) {
    this.#roles = roles;
  }

  /** When `settle` has something to say that it holds back now. */
  get wakeMs(): number | undefined {
    return this.#wakeMs;
  }

  /** Offers were refused for long, with this in view. */
  refusedForLong(): void {
    this.#hasLongFilters = true;
  }

  /** The leader may count otherwise than this side: what is wanted is stated again. */
  forgetDemand(): void {
    this.#believed = undefined;
  }

  /** Work that is to come: wanted as well, though nothing can be launched for it. */
  expect(expected: readonly PreparedWork[]): void {
    this.#expected = expected;
  }

  /** What was waiting was launched in part: the leader has counted that down by itself, if it knew of all of it. */
  countedDown(before: readonly PreparedTask[], after: readonly PreparedTask[]): void {
    const stated = demandOf(before, this.#expected);
    // Of a demand that was cut the leader does not know what comes after.
    const isCut = stated?.length === MAX_SHAPES;
    const wasKnown = this.#believed === nameOf(stated);
    this.#believed = wasKnown && !isCut ? nameOf(demandOf(after, this.#expected)) : undefined;
  }

  settle(waiting: readonly PreparedTask[], nowMs: number): PlanDecision[] {
    this.#wakeMs = undefined;
    return [
      ...this.#demand(waiting, nowMs),
      ...this.#revive(waiting, nowMs),
      ...this.#suppress(waiting, nowMs),
    ];
  }

  #demand(waiting: readonly PreparedTask[], nowMs: number): PlanDecision[] {
    const dueMs = this.#statedMs + DEMAND_INTERVAL_MS;
    if (nowMs < dueMs) {
      this.#wake(dueMs);
      return [];
    }
    const demand = demandOf(waiting, this.#expected);
    const name = nameOf(demand);
    if (name === this.#believed) return [];
    this.#believed = name;
    this.#statedMs = nowMs;
    return [{ kind: 'demand', demand }];
  }

  /** Once, when something is wanted that no refusal knew of, or in a role that was suppressed. */
  #revive(waiting: readonly PreparedTask[], nowMs: number): PlanDecision[] {
    const shapes = new Set(waiting.map(shapeName));
    const isNews = this.#hasLongFilters && [...shapes].some((name) => !this.#considered.has(name));
    const wanted = this.#wantedRoles(waiting);
    const roles = isNews ? [...wanted] : [...wanted].filter((role) => this.#suppressed.has(role));
    if (roles.length === 0) {
      this.#considered = shapes;
      return [];
    }
    const dueMs = this.#revivedMs + REVIVE_INTERVAL_MS;
    if (nowMs < dueMs) {
      this.#wake(dueMs);
      return [];
    }
    this.#considered = shapes;
    this.#revivedMs = nowMs;
    this.#hasLongFilters = false;
    for (const role of roles) this.#suppressed.delete(role);
    return [{ kind: 'revive', roles }];
  }

  #suppress(waiting: readonly PreparedTask[], nowMs: number): PlanDecision[] {
    const toCome = this.#expected.filter(({ count }) => count > 0);
    const wanted = this.#wantedRoles([...waiting, ...toCome.map(({ prepared }) => prepared)]);
    const roles: RoleName[] = [];
    for (const role of this.#roles) {
      if (wanted.has(role)) this.#idleSinceMs.delete(role);
      else if (!this.#suppressed.has(role)) {
        const sinceMs = this.#idleSinceMs.get(role) ?? nowMs;
        this.#idleSinceMs.set(role, sinceMs);
        if (nowMs >= sinceMs + SUPPRESS_AFTER_MS) roles.push(role);
        else this.#wake(sinceMs + SUPPRESS_AFTER_MS);
      }
    }
    for (const role of roles) this.#suppressed.add(role);
    return roles.length === 0 ? [] : [{ kind: 'suppress', roles }];
  }

  #wantedRoles(waiting: readonly PreparedTask[]): ReadonlySet<RoleName> {
    const named = waiting.map(({ needs }) => needs[0]?.role);
    if (named.some((role) => role === undefined)) return new Set(this.#roles);
    return new Set(named.filter((role) => role !== undefined));
  }

  #wake(atMs: number): void {
    this.#wakeMs = this.#wakeMs === undefined ? atMs : Math.min(this.#wakeMs, atMs);
  }
}

const nameOf = (demand: Demand | undefined): string => JSON.stringify(demand ?? 'none');
