// Owns an independent account of who holds what and what is guaranteed to whom, made of the events of the journal, one by
// one: no limit is passed by an offer, and nothing is ended for somebody else that is guaranteed to its framework or to a
// role above it. A framework that runs tasks is taken to have one role, and no reservations. Throws at the first breach.
import type { ClusterEvent } from '@parley/cluster/events';
import {
  type FrameworkKey,
  type FrameworkRef,
  frameworkKey,
  type OfferId,
  type RoleName,
  roleAbove,
  type TaskKey,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import { DEFAULT_WEIGHT, type Quantities } from '@parley/protocol/sharing';
import { isTerminal } from '@parley/protocol/tasks';
import { shareByWeight } from '@parley/resources/share-by-weight';
import type { World } from './world.ts';

type EventOf<Type extends ClusterEvent['type']> = Extract<ClusterEvent, { type: Type }>;
type Shares = { weight: number; guarantee: Quantities; limit: Quantities };
type Holding = {
  readonly framework: FrameworkKey;
  readonly role: RoleName;
  readonly scalars: Quantities;
};
type TakenTask = { readonly to: RoleName; isFinal: boolean };

const NOTHING_SET: Shares = { weight: DEFAULT_WEIGHT, guarantee: {}, limit: {} };

export class SharingWitness {
  readonly #world: World;
  readonly #roles = new Map<FrameworkKey, readonly RoleName[]>();
  readonly #subscribed = new Set<FrameworkKey>();
  readonly #tasks = new Map<TaskKey, Holding>();
  readonly #offers = new Map<OfferId, Holding>();
  readonly #ofRoles = new Map<RoleName, Shares>();
  readonly #ofFrameworks = new Map<FrameworkKey, Shares>();
  /** Tasks that are taken back; final when nobody can keep them from ending any more. */
  readonly #taken = new Map<TaskKey, TakenTask>();
  /** Of the frameworks that are watched: the least that each has had since, by name. */
  readonly #least = new Map<FrameworkKey, Record<string, number>>();
  readonly #counts = { begun: 0, calledOff: 0, ended: 0, enforced: 0 };
  #lastBegunMs: number | undefined;

  constructor(world: World) {
    this.#world = world;
    world.listeners.push((event) => this.#hear(event));
    world.onRebuilt(() => this.#beginAnew());
  }

  /**
   * How many tasks were to be taken back, of how many that was called off, how many ended meanwhile, and of how many
   * the executor was shut down.
   */
  get counts(): Readonly<Record<'begun' | 'calledOff' | 'ended' | 'enforced', number>> {
    return this.#counts;
  }

  get lastBegunMs(): number | undefined {
    return this.#lastBegunMs;
  }

  /** From now on the least that the framework has in tasks is kept, by name of the scalar. */
  watch(framework: FrameworkRef): void {
    const key = frameworkKey(framework);
    this.#least.set(key, this.#heldBy(key));
  }

  leastOf(framework: FrameworkRef): Quantities {
    return this.#least.get(frameworkKey(framework)) ?? {};
  }

  /** Offers are void; agents tell of tasks, and of frameworks' roles nobody has to. */
  #beginAnew(): void {
    this.#offers.clear();
    this.#tasks.clear();
    this.#taken.clear();
  }

  #hear(event: ClusterEvent): void {
    switch (event.type) {
      case 'frameworkSubscribed':
        this.#subscribe(event);
        break;
      case 'frameworkDisconnected':
      case 'frameworkRemoved':
        this.#subscribed.delete(frameworkKey(event.framework));
        break;
      case 'roleSharesChanged':
        this.#ofRoles.set(event.role, changed(this.#ofRoles.get(event.role), event.after));
        break;
      case 'frameworkSharesChanged': {
        const key = frameworkKey(event.framework);
        this.#ofFrameworks.set(key, changed(this.#ofFrameworks.get(key), event.after));
        break;
      }
      case 'offerMade':
        this.#offer(event);
        break;
      case 'offerAccepted':
      case 'offerDeclined':
      case 'offerRescinded':
        this.#offers.delete(event.offerId);
        break;
      case 'taskStateChanged':
        this.#task(event);
        break;
      default:
        this.#hearOfTaking(event);
    }
  }

  #hearOfTaking(event: ClusterEvent): void {
    switch (event.type) {
      case 'revocationBegun':
        this.#counts.begun += 1;
        this.#lastBegunMs = this.#world.clock.nowMs;
        this.#taken.set(taskKey(event.task), { to: event.beneficiary.role, isFinal: false });
        break;
      case 'revocationCalledOff':
        this.#counts.calledOff += 1;
        this.#taken.delete(taskKey(event.task));
        break;
      case 'revocationAsked':
        // A command is sent a signal, an executor is asked, and may be told that it may go on.
        if (!this.#isOfExecutor(event.task)) this.#end(event.task);
        break;
      case 'revocationKilled':
        this.#end(event.task);
        break;
      case 'revocationEnforced':
        this.#endExecutor(event);
        break;
      default:
      // Says nothing about who holds what.
    }
  }

  #subscribe({ framework, roles }: EventOf<'frameworkSubscribed'>): void {
    const key = frameworkKey(framework);
    this.#roles.set(key, roles);
    this.#subscribed.add(key);
  }

  #task({ task, from, to, resources }: EventOf<'taskStateChanged'>): void {
    const key = taskKey(task);
    if (isTerminal(to)) {
      this.#tasks.delete(key);
      this.#measure(frameworkKey(task));
      if (this.#taken.delete(key)) this.#counts.ended += 1;
    } else if (from === undefined) {
      this.#tasks.set(key, this.#holding(task, resources.scalars));
    }
  }

  #holding(framework: FrameworkRef, scalars: Quantities): Holding {
    const key = frameworkKey(framework);
    const [role, ...others] = this.#roles.get(key) ?? [];
    if (role === undefined) throw new Error(`${key} holds something and has never subscribed`);
    if (others.length > 0) throw new Error(`${key} runs a task and has several roles`);
    return { framework: key, role, scalars };
  }

  #offer({ offerId, framework, role, resources }: EventOf<'offerMade'>): void {
    const key = frameworkKey(framework);
    this.#offers.set(offerId, { framework: key, role, scalars: resources.scalars });
    const own = this.#ofFrameworks.get(key)?.limit ?? {};
    this.#checkLimit(`framework ${key}`, own, resources.scalars, (one) => one.framework === key);
    for (const above of pathOf(role)) {
      const limit = this.#ofRoles.get(above)?.limit ?? {};
      this.#checkLimit(`role ${above}`, limit, resources.scalars, (one) =>
        isWithin(one.role, above),
      );
    }
  }

  #checkLimit(
    whose: string,
    limit: Quantities,
    offered: Quantities,
    isOf: (one: Holding) => boolean,
  ): void {
    const used = sumOf([...this.#tasks.values(), ...this.#offers.values()].filter(isOf));
    for (const [name, most] of Object.entries(limit)) {
      if ((offered[name] ?? 0) === 0 || (used[name] ?? 0) <= most) continue;
      throw new Error(`${whose} has ${used[name]} of ${name} with this offer, at most ${most}`);
    }
  }

  /** Nobody can keep the task from ending any more: what it leaves must be what is guaranteed. */
  #end(task: TaskRef): void {
    const key = taskKey(task);
    const taken = this.#taken.get(key);
    if (taken === undefined || taken.isFinal) return;
    taken.isFinal = true;
    this.#checkEnd(key, taken.to);
  }

  #checkEnd(key: TaskKey, to: RoleName): void {
    const holding = this.#tasks.get(key);
    if (holding === undefined) return;
    const { whose, guarantee, isOf } = this.#guaranteeOf(holding);
    this.#checkGuarantee(`${key} is ended, and ${whose}`, guarantee, holding, isOf);
    for (const above of pathOf(holding.role)) {
      if (above === holding.role || isWithin(to, above)) continue;
      const isLeaving = (one: Holding, whither: RoleName | undefined): boolean =>
        isWithin(one.role, above) && (whither === undefined || !isWithin(whither, above));
      const ofRole = this.#ofRoles.get(above)?.guarantee ?? {};
      this.#checkGuarantee(`${key} is ended, and role ${above}`, ofRole, holding, isLeaving);
    }
  }

  /** All that it runs ends with it. */
  #endExecutor({ task, agentId, executorId }: EventOf<'revocationEnforced'>): void {
    this.#counts.enforced += 1;
    const to = this.#taken.get(taskKey(task))?.to;
    if (to === undefined) throw new Error(`${taskKey(task)} is enforced and not taken back`);
    const together = [...this.#world.witness.replica.state.tasks.rows()].filter(
      (one) =>
        frameworkKey(one.task) === frameworkKey(task) &&
        one.agentId === agentId &&
        one.executorId === executorId,
    );
    for (const one of together) this.#taken.set(taskKey(one.task), { to, isFinal: true });
    for (const one of together) this.#checkEnd(taskKey(one.task), to);
  }

  /** Its own over all its roles where one is set, else its part of its role's. */
  #guaranteeOf({ framework, role }: Holding) {
    const own = this.#ofFrameworks.get(framework)?.guarantee ?? {};
    const isOf = (one: Holding): boolean => one.framework === framework;
    if (Object.keys(own).length > 0) return { whose: framework, guarantee: own, isOf };
    const whole = this.#ofRoles.get(role)?.guarantee ?? {};
    const holders = [...this.#tasks.values(), ...this.#offers.values()];
    const sharers = new Set(
      [...this.#subscribed, ...holders.map((one) => one.framework)].filter(
        (one) => this.#roles.get(one)?.includes(role) === true,
      ),
    );
    sharers.add(framework);
    const weights = [...sharers].map((one) => this.#weightOf(one));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    const guarantee = shareByWeight(whole, this.#weightOf(framework), all);
    return { whose: `${framework}, by its role,`, guarantee, isOf };
  }

  #weightOf(framework: FrameworkKey): number {
    return this.#ofFrameworks.get(framework)?.weight ?? DEFAULT_WEIGHT;
  }

  #checkGuarantee(
    what: string,
    guarantee: Quantities,
    { scalars }: Holding,
    isOf: (one: Holding, to: RoleName | undefined) => boolean,
  ): void {
    const staying = [...this.#tasks].filter(([key, one]) => {
      const taken = this.#taken.get(key);
      const isEnding = taken?.isFinal === true && isOf(one, taken.to);
      return isOf(one, undefined) && !isEnding;
    });
    const left = sumOf(staying.map(([, one]) => one));
    for (const [name, least] of Object.entries(guarantee)) {
      if ((scalars[name] ?? 0) === 0 || (left[name] ?? 0) >= least) continue;
      throw new Error(`${what} has ${left[name] ?? 0} of ${name} left of ${least} guaranteed`);
    }
  }

  #isOfExecutor(task: TaskRef): boolean {
    return this.#world.witness.replica.state.tasks.get(taskKey(task))?.executorId !== undefined;
  }

  #measure(key: FrameworkKey): void {
    const least = this.#least.get(key);
    if (least === undefined) return;
    const held = this.#heldBy(key);
    for (const name of Object.keys(least)) {
      least[name] = Math.min(least[name] ?? 0, held[name] ?? 0);
    }
  }

  #heldBy(key: FrameworkKey): Quantities {
    return sumOf([...this.#tasks.values()].filter(({ framework }) => framework === key));
  }
}

function changed(before: Shares = NOTHING_SET, after: Partial<Shares>): Shares {
  const { weight = before.weight, guarantee = before.guarantee, limit = before.limit } = after;
  return { weight, guarantee, limit };
}

function sumOf(holdings: readonly Holding[]): Quantities {
  const sum: Quantities = {};
  for (const { scalars } of holdings) {
    for (const [name, amount] of Object.entries(scalars)) sum[name] = (sum[name] ?? 0) + amount;
  }
  return sum;
}

/** The role itself first. */
function pathOf(role: RoleName): RoleName[] {
  const path: RoleName[] = [];
  for (let one: RoleName | undefined = role; one !== undefined; one = roleAbove(one))
    path.push(one);
  return path;
}

const isWithin = (role: RoleName, above: RoleName): boolean =>
  role === above || role.startsWith(`${above}/`);
