// Owns the subscribed frameworks as the master tells of them: their roles, in which they are suppressed, what they need
// there, and how much of that is promised in proposals that are not decided. Who comes first is in fair-order.ts.
import type { Fact, OpenNeed } from '@parley/protocol/allocation';
import {
  type FrameworkKey,
  type FrameworkRef,
  frameworkKey,
  type RoleName,
} from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { intersect, isEmpty } from '@parley/resources/resources';
import type { Client } from './fair-order.ts';
import { timesContained } from './need-fit.ts';

type FrameworkFact = Extract<Fact, { kind: 'framework' }>;

/** What a framework needs in a role; to be read only. */
export type StatedNeed = OpenNeed & {
  /** Of the count, what is not promised in a proposal under way; below 0 when the need has become smaller meanwhile. */
  open: number;
  /** So many open ones have had their turn: more than that deserve another. */
  turned: number;
};
type Role = {
  readonly isSuppressed: boolean;
  /** By shape, in the framework's order; absent where it states no demand. */
  readonly needs: ReadonlyMap<string, StatedNeed> | undefined;
};
type Framework = { readonly ref: FrameworkRef; readonly roles: ReadonlyMap<RoleName, Role> };

export class SubscribedFrameworks {
  readonly #frameworks = new Map<FrameworkKey, Framework>();
  /** Kept apart: what is under way outlasts a subscription. */
  readonly #promised = new Map<string, number>();
  /** Roles in which somebody takes whatever is offered. */
  #undemanding = 0;
  /**
   * Of each scalar, no more than any open need asks for; absent when nothing was open. It may be too low, never too
   * high: that saves asking everybody about what is enough for nobody.
   */
  #least: Resources | undefined;

  /** Whether anybody takes offers without stating a demand, in a role in which it is not suppressed. */
  get areUndemanding(): boolean {
    return this.#undemanding > 0;
  }

  /** False only when not a single open need fits into these resources. */
  mayNeed(resources: Resources): boolean {
    if (this.#least === undefined) return false;
    return timesContained(resources, this.#least) > 0;
  }

  /** Forgets the needs that are met or gone; takes time for every need. */
  remeasure(): void {
    this.#least = undefined;
    for (const need of this.#openNeeds()) this.#measure(need);
  }

  has(framework: FrameworkKey): boolean {
    return this.#frameworks.has(framework);
  }

  refOf(framework: FrameworkKey): FrameworkRef {
    const entry = this.#frameworks.get(framework);
    assert(entry !== undefined, `framework ${framework} is subscribed`);
    return entry.ref;
  }

  hasRole({ framework, role }: Client): boolean {
    return this.#frameworks.get(framework)?.roles.has(role) === true;
  }

  isSuppressed({ framework, role }: Client): boolean {
    return this.#frameworks.get(framework)?.roles.get(role)?.isSuppressed === true;
  }

  /** Those subscribed in the role. */
  *refsIn(role: RoleName): Generator<FrameworkRef, void, void> {
    for (const { ref, roles } of this.#frameworks.values()) if (roles.has(role)) yield ref;
  }

  rolesOf(framework: FrameworkKey): Iterable<RoleName> {
    return this.#frameworks.get(framework)?.roles.keys() ?? [];
  }

  /** Takes the place of what was known of it. The value: whether it takes something that it did not take before. */
  set(fact: FrameworkFact): boolean {
    const framework = frameworkKey(fact.framework);
    const before = this.#frameworks.get(framework)?.roles;
    this.#countUndemanding(framework, -1);
    const roles = new Map<RoleName, Role>();
    let wantsMore = false;
    for (const { role, isSuppressed, needs } of fact.roles) {
      const old = before?.get(role);
      const isNew = old === undefined || old.isSuppressed;
      const entry: Role = { isSuppressed, needs: needs && this.#needsOf(framework, role, needs) };
      roles.set(role, entry);
      for (const need of entry.needs?.values() ?? []) this.#measure(need);
      if (isSuppressed) continue;
      const grows = turn(entry, isNew ? undefined : old);
      wantsMore ||= grows;
    }
    this.#frameworks.set(framework, { ref: fact.framework, roles });
    this.#countUndemanding(framework, 1);
    return wantsMore;
  }

  remove(framework: FrameworkKey): void {
    this.#countUndemanding(framework, -1);
    this.#frameworks.delete(framework);
  }

  /** Whether it would take an offer in this role, of whatever agent. */
  takesOffers({ framework, role }: Client): boolean {
    const entry = this.#frameworks.get(framework)?.roles.get(role);
    if (entry === undefined || entry.isSuppressed) return false;
    if (entry.needs === undefined) return true;
    for (const { open } of entry.needs.values()) if (open > 0) return true;
    return false;
  }

  /** In the framework's order; undefined where it states no demand. */
  needsOf({ framework, role }: Client): Iterable<Readonly<StatedNeed>> | undefined {
    return this.#frameworks.get(framework)?.roles.get(role)?.needs?.values();
  }

  /** `count` tasks of this shape are in a proposal. */
  promise(client: Client, shape: string, count: number): void {
    const need = this.#changePromised(client, shape, count);
    if (need !== undefined) need.turned = Math.min(need.turned, need.open);
  }

  /** The proposal was decided, or never will be. It is open again, without a turn, if the master does not say less. */
  release(client: Client, shape: string, count: number): void {
    const need = this.#changePromised(client, shape, -count);
    if (need !== undefined) this.#measure(need);
  }

  #needsOf(
    framework: FrameworkKey,
    role: RoleName,
    needs: readonly OpenNeed[],
  ): ReadonlyMap<string, StatedNeed> {
    const before = this.#frameworks.get(framework)?.roles.get(role)?.needs;
    return new Map(
      needs
        // Nobody can be given nothing: it would be promised without end.
        .filter(({ resources }) => !isEmpty(resources))
        .map((need) => {
          const promised = this.#promised.get(keyOf({ framework, role }, need.shape)) ?? 0;
          const turned = before?.get(need.shape)?.turned ?? 0;
          return [need.shape, { ...need, open: need.count - promised, turned }];
        }),
    );
  }

  #changePromised(client: Client, shape: string, change: number): StatedNeed | undefined {
    const key = keyOf(client, shape);
    const promised = (this.#promised.get(key) ?? 0) + change;
    assert(promised >= 0, 'no more promises end than were made');
    if (promised === 0) this.#promised.delete(key);
    else this.#promised.set(key, promised);
    const need = this.#frameworks.get(client.framework)?.roles.get(client.role)?.needs?.get(shape);
    if (need !== undefined) need.open = need.count - promised;
    return need;
  }

  #countUndemanding(framework: FrameworkKey, sign: 1 | -1): void {
    for (const { needs, isSuppressed } of this.#frameworks.get(framework)?.roles.values() ?? []) {
      if (needs === undefined && !isSuppressed) this.#undemanding += sign;
    }
  }

  *#openNeeds(): Generator<StatedNeed, void, void> {
    for (const { roles } of this.#frameworks.values()) {
      for (const { needs } of roles.values()) {
        for (const need of needs?.values() ?? []) if (need.open > 0) yield need;
      }
    }
  }

  #measure({ resources, open }: StatedNeed): void {
    if (open <= 0) return;
    const { scalars } = this.#least === undefined ? resources : intersect(this.#least, resources);
    this.#least = { ...NO_RESOURCES, scalars };
  }

  /** For tests and the simulator: throws when an open need could be overlooked. */
  checkInvariants(): void {
    for (const { resources, shape } of this.#openNeeds()) {
      assert(this.mayNeed(resources), `what ${shape} needs is not too little for everybody`);
    }
  }
}

/** Neither keys of frameworks nor roles contain a space. */
const keyOf = ({ framework, role }: Client, shape: string): string =>
  `${framework} ${role} ${shape}`;

/** Whether the role takes more than `old` did; what is open counts as turned from now on. */
function turn({ needs }: Role, old: Role | undefined): boolean {
  if (needs === undefined) return old === undefined || old.needs !== undefined;
  let grows = false;
  for (const need of needs.values()) {
    grows ||= need.open > (old?.needs === undefined ? 0 : need.turned);
    need.turned = Math.max(0, need.open);
  }
  return grows;
}
