// Owns the frameworks as the master tells of them: their roles, in which they are suppressed, what they need there, what
// is set for them, and how much of a need is promised in proposals that are not decided. One is kept while it is
// subscribed, or uses anything, or something is set for it or under way. Who comes first is in fair-order.ts.
import type { Fact, OpenNeed } from '@parley/protocol/allocation';
import {
  type FrameworkKey,
  type FrameworkRef,
  frameworkKey,
  type RoleName,
} from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';
import { assert } from '@parley/protocol/unreachable';
import { intersect, isEmpty } from '@parley/resources/resources';
import { FrameworkIndex } from './framework-index.ts';
import { timesContained } from './need-fit.ts';
import { Unanswered } from './offer-caps.ts';
import type { Quota } from './quota.ts';
import type { Client } from './share-tree.ts';

type FrameworkFact = Extract<Fact, { kind: 'framework' }>;

/** What a framework needs in a role; to be read only. */
export type StatedNeed = OpenNeed & {
  /** Of the count, what is not promised in a proposal under way; below 0 when the need has become smaller meanwhile. */
  open: number;
  /** So many open ones have had their turn: more than that deserve another. */
  turned: number;
};

export class Framework {
  readonly key: FrameworkKey;
  readonly ref: FrameworkRef;
  /** In roles in which it is subscribed, uses something or has proposals under way. */
  readonly clients = new Map<RoleName, Client>();
  readonly unanswered = new Unanswered();
  /** Over all its roles, decisions that are not confirmed included. */
  readonly used: number[] = [];
  isSubscribed = false;
  takesRevocable = false;
  /** Among the frameworks of each of its roles. */
  weight = DEFAULT_WEIGHT;
  quota: Quota | undefined;
  /** Where what it lacks of its guarantee is counted, see headroom.ts. */
  home: Client | undefined;

  constructor(ref: FrameworkRef) {
    this.key = frameworkKey(ref);
    this.ref = ref;
  }
}

export class Frameworks {
  readonly #frameworks = new FrameworkIndex<Framework>();
  readonly #clientOf: (framework: Framework, role: RoleName) => Client;
  #last: Framework | undefined;
  /** Clients that take whatever is offered. */
  #undemanding = 0;
  /**
   * Of each scalar, no more than any open need asks for; absent when nothing was open. It may be too low, never too
   * high: that saves asking everybody about what is enough for nobody.
   */
  #least: Resources | undefined;

  /** `clientOf`: makes the framework known in the role, where it is not. */
  constructor(clientOf: (framework: Framework, role: RoleName) => Client) {
    this.#clientOf = clientOf;
  }

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
    if (this.#least === undefined) return;
    this.#least = undefined;
    for (const need of this.#openNeeds()) this.#measure(need);
  }

  get(ref: FrameworkRef): Framework | undefined {
    return this.#frameworks.get(ref);
  }

  ensure(ref: FrameworkRef): Framework {
    const last = this.#last;
    // Facts about one framework come one after the other.
    if (last?.ref.frameworkId === ref.frameworkId && last.ref.principal === ref.principal) {
      return last;
    }
    this.#last = this.#find(ref);
    return this.#last;
  }

  all(): Iterable<Framework> {
    return this.#frameworks.all();
  }

  /** Keeps what is known bounded by what is subscribed, in use or set. */
  forgetUnused(framework: Framework): void {
    const { isSubscribed, clients, quota, weight, unanswered } = framework;
    const isSet = quota !== undefined || weight !== DEFAULT_WEIGHT;
    if (isSubscribed || isSet || clients.size > 0 || !unanswered.isNothing) return;
    this.#frameworks.delete(framework);
    this.#last = undefined;
  }

  /** Takes the place of what was known of it. The value: whether it takes something that it did not take before. */
  subscribe(fact: FrameworkFact): boolean {
    const framework = this.ensure(fact.framework);
    const isGone = new Set(framework.clients.keys());
    let wantsMore = fact.takesRevocable === true && !framework.takesRevocable;
    for (const { role, isSuppressed, needs } of fact.roles) {
      isGone.delete(role);
      const client = this.#clientOf(framework, role);
      const grows = this.#join(client, isSuppressed, needs);
      wantsMore ||= grows;
    }
    for (const role of isGone) this.#leave(framework.clients.get(role));
    framework.isSubscribed = true;
    framework.takesRevocable = fact.takesRevocable === true;
    return wantsMore;
  }

  unsubscribe(framework: Framework): void {
    for (const client of framework.clients.values()) this.#leave(client);
    framework.isSubscribed = false;
  }

  /** `count` tasks of this shape are in a proposal. */
  promise(client: Client, shape: string, count: number): void {
    const need = changePromised(client, shape, count);
    if (need !== undefined) need.turned = Math.min(need.turned, need.open);
  }

  /** The proposal was decided, or never will be. It is open again, without a turn, if the master does not say less. */
  release(client: Client, shape: string, count: number): void {
    const need = changePromised(client, shape, -count);
    if (need !== undefined) this.#measure(need);
  }

  /** For tests and the simulator: throws when an open need could be overlooked. */
  checkInvariants(): void {
    let undemanding = 0;
    for (const { clients } of this.#frameworks.all()) {
      for (const client of clients.values()) if (isUndemanding(client)) undemanding += 1;
    }
    assert(undemanding === this.#undemanding, 'it is known how many state no demand');
    for (const { resources, shape } of this.#openNeeds()) {
      assert(this.mayNeed(resources), `what ${shape} needs is not too little for everybody`);
    }
  }

  #find(ref: FrameworkRef): Framework {
    const known = this.#frameworks.get(ref);
    if (known !== undefined) return known;
    const framework = new Framework(ref);
    this.#frameworks.add(framework);
    return framework;
  }

  /** The value: whether it takes something that it did not take before. */
  #join(client: Client, isSuppressed: boolean, stated: readonly OpenNeed[] | undefined): boolean {
    const wasOffered = client.isMember && !client.isSuppressed;
    const before = wasOffered ? { needs: client.needs } : undefined;
    this.#count(client, -1);
    client.needs = stated && needsOf(client, stated);
    client.isMember = true;
    client.isSuppressed = isSuppressed;
    this.#count(client, 1);
    for (const need of client.needs?.values() ?? []) this.#measure(need);
    return !isSuppressed && turn(client, before);
  }

  #leave(client: Client | undefined): void {
    if (client === undefined) return;
    this.#count(client, -1);
    client.isMember = false;
    client.needs = undefined;
  }

  #count(client: Client, sign: 1 | -1): void {
    if (isUndemanding(client)) this.#undemanding += sign;
  }

  *#openNeeds(): Generator<StatedNeed, void, void> {
    for (const { clients } of this.#frameworks.all()) {
      for (const { needs } of clients.values()) {
        for (const need of needs?.values() ?? []) if (need.open > 0) yield need;
      }
    }
  }

  #measure({ resources, open }: StatedNeed): void {
    if (open <= 0) return;
    const { scalars } = this.#least === undefined ? resources : intersect(this.#least, resources);
    this.#least = { ...NO_RESOURCES, scalars };
  }
}

/** Whether it would take an offer, of whatever agent. */
export function takesOffers({ isMember, isSuppressed, needs }: Client): boolean {
  if (!isMember || isSuppressed) return false;
  if (needs === undefined) return true;
  for (const { open } of needs.values()) if (open > 0) return true;
  return false;
}

const isUndemanding = ({ isMember, isSuppressed, needs }: Client): boolean =>
  isMember && !isSuppressed && needs === undefined;

function needsOf(client: Client, stated: readonly OpenNeed[]): ReadonlyMap<string, StatedNeed> {
  const needs = new Map<string, StatedNeed>();
  for (const need of stated) {
    // Nobody can be given nothing: it would be promised without end.
    if (isEmpty(need.resources)) continue;
    const open = need.count - (client.promised.get(need.shape) ?? 0);
    const turned = client.needs?.get(need.shape)?.turned ?? 0;
    needs.set(need.shape, { ...need, open, turned });
  }
  return needs;
}

function changePromised(client: Client, shape: string, change: number): StatedNeed | undefined {
  const promised = (client.promised.get(shape) ?? 0) + change;
  assert(promised >= 0, 'no more promises end than were made');
  if (promised === 0) client.promised.delete(shape);
  else client.promised.set(shape, promised);
  const need = client.needs?.get(shape);
  if (need !== undefined) need.open = need.count - promised;
  return need;
}

/** Whether it takes more than `before`; what is open counts as turned from now on. */
function turn({ needs }: Client, before: Pick<Client, 'needs'> | undefined): boolean {
  if (needs === undefined) return before === undefined || before.needs !== undefined;
  let grows = false;
  for (const need of needs.values()) {
    grows ||= need.open > (before?.needs === undefined ? 0 : need.turned);
    need.turned = Math.max(0, need.open);
  }
  return grows;
}
