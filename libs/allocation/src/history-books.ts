// Owns what happens in a history for property tests: the master with its books, random steps that change them, and what
// follows from these for the reference: refusals under way, offers let expire, tasks that run.
import type { Proposal } from '@parley/protocol/allocation';
import { type AgentId, type FrameworkKey, frameworkKey, type RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, intersect, isEmpty } from '@parley/resources/resources';
import {
  FRAMEWORKS,
  needsOf,
  roleOf,
  type Step,
  sharesOf,
  withoutScalars,
} from './history-steps.ts';
import {
  isAboveTwice,
  type ReferenceLeaver,
  type ReferenceRefusal,
} from './reference-allocator.ts';
import {
  aFramework,
  allOf,
  anAgentId,
  aReservation,
  resourcesOf,
  ScriptedMaster,
} from './scripted-master.ts';
import type { ScriptedOffer } from './scripted-records.ts';

type ChosenRole = {
  readonly name: string;
  readonly key: FrameworkKey;
  readonly role: RoleName;
};
type Held = Pick<Proposal, 'framework' | 'agentId' | 'role' | 'resources'>;

export class HistoryBooks {
  readonly master = new ScriptedMaster();
  nowMs = 0;
  refusals: ReferenceRefusal[] = [];
  readonly leftUnused = new Map<AgentId, ReferenceLeaver[]>();
  /** Launched, and not given back; not reserved. */
  #launched: Held[] = [];

  /** The allocator forgets, too, when it is told everything anew. */
  forgetAnswers(): void {
    this.refusals = [];
    this.leftUnused.clear();
  }

  /** Whoever has left an agent of which others have used more than half since has nothing to stand back from. */
  measureUnused(): void {
    for (const [agentId, leavers] of this.leftUnused) {
      const unused = this.unusedOf(agentId);
      const remaining = leavers.filter(({ before }) => !isAboveTwice(before, unused));
      this.leftUnused.set(agentId, remaining);
    }
  }

  /** Neither reserved nor in a task. */
  unusedOf(agentId: AgentId): Resources {
    const free = this.master.agents.get(agentId)?.free ?? NO_RESOURCES;
    return add(free, this.master.offeredOn(agentId));
  }

  change(step: Step): void {
    const { kind, who, durationMs } = step;
    switch (kind) {
      case 'agent':
      case 'agentWithReservation':
        this.#addAgent(step);
        break;
      case 'agentAway':
        this.#removeAgent(who);
        break;
      case 'launch':
      case 'refuse':
      case 'expire':
        this.#answer(kind, who, durationMs);
        break;
      case 'useSome':
        this.#useSome(step);
        break;
      case 'end':
        this.#end(step);
        break;
      case 'wait':
        this.nowMs += durationMs;
        break;
      case 'lose':
        this.master.message();
        break;
      case 'cap':
        this.master.setCap(1 + ((who * 311) % 1000));
        break;
      case 'setRole':
        this.master.setRole(roleOf(who), {
          ...sharesOf(step),
          ...(step.count % 4 === 0 && { minAllocatable: { cpus: step.count * 500 } }),
        });
        break;
      case 'setWeight':
        this.master.setRole(roleOf(who), { weight: 1000 * (1 + (step.mem % 3)) });
        break;
      case 'setShares':
        this.master.setShares(`framework-${who % FRAMEWORKS}`, sharesOf(step));
        break;
      case 'reclaim':
        this.master.set({ reclaims: who % 2 === 0 });
        break;
      default:
        this.#changeFramework({ ...step, kind });
    }
  }

  #changeFramework(step: Step): void {
    const name = `framework-${step.who % FRAMEWORKS}`;
    const key = frameworkKey(aFramework(name));
    if (step.kind === 'subscribe' || step.kind === 'subscribeInTwoRoles') {
      const roles = [roleOf(step.who), roleOf(step.who + 1)];
      this.#forgetRefusals((refusal) => refusal.key === key);
      this.master.subscribe(name, ...roles.slice(0, step.kind === 'subscribe' ? 1 : 2));
      return;
    }
    const framework = this.master.frameworks.get(key);
    if (framework?.isActive !== true) return;
    const roles = [...framework.roles.keys()];
    const role = roles[step.cpus % roles.length];
    if (role !== undefined) this.#changeRole(step, { name, key, role });
  }

  #changeRole({ kind, cpus, mem, count }: Step, { name, key, role }: ChosenRole): void {
    switch (kind) {
      case 'disconnect':
        this.#forgetRefusals((refusal) => refusal.key === key);
        this.master.disconnect(name);
        break;
      case 'suppress':
        this.master.suppress(name, role);
        break;
      case 'revive':
        this.#forgetRefusals((refusal) => refusal.key === key && refusal.role === role);
        this.master.revive(name, role);
        break;
      case 'limitOffers':
        this.master.limitOffers(name, count % 4 || undefined);
        break;
      case 'stateNoDemand':
        this.master.need(name, role, undefined);
        break;
      case 'needNothing':
        this.master.need(name, role, []);
        break;
      case 'need':
        this.master.need(name, role, needsOf({ cpus, mem, count }));
        break;
      default:
        throw new Error(`${kind} is no change of a framework`);
    }
  }

  #addAgent({ kind, who, cpus, mem }: Step): void {
    if (this.master.agents.has(agentIdOf(who))) return;
    const total = resourcesOf(cpus, mem);
    const half = resourcesOf(Math.ceil(cpus / 2), Math.ceil(mem / 2));
    this.master.addAgent(`agent-${who}`, total, {
      attributes: { zone: `zone-${who % 2}` },
      // Of the second one nothing but volumes is to be had.
      reservations:
        kind === 'agentWithReservation'
          ? [aReservation(roleOf(who), 'one', half), aReservation('eng', 'two', NO_RESOURCES)]
          : [],
    });
  }

  #removeAgent(who: number): void {
    const agentId = agentIdOf(who);
    if (!this.master.agents.has(agentId)) return;
    for (const held of this.#launched) {
      if (held.agentId === agentId) this.master.giveBack(held, held.resources);
    }
    this.#launched = this.#launched.filter((one) => one.agentId !== agentId);
    this.#forgetRefusals((refusal) => refusal.agentId === agentId);
    this.leftUnused.delete(agentId);
    this.master.removeAgent(`agent-${who}`);
  }

  #answer(kind: 'launch' | 'refuse' | 'expire', who: number, durationMs: number): void {
    const offer = this.#offerOf(who);
    if (offer === undefined) return;
    const { number, agentId, role, framework } = offer;
    const key = frameworkKey(framework.ref);
    if (kind === 'launch') {
      this.master.launch(number);
      // What is reserved is in use for good here.
      const { resources } = offer;
      this.#launched.push({ framework: framework.ref, agentId, role, resources });
    } else if (kind === 'expire') {
      this.master.expire(number);
      this.#noteLeft(agentId, key);
    } else {
      this.master.decline(number, durationMs);
      this.#noteLeft(agentId, key);
      if (!framework.isActive) return;
      const expiresMs = this.nowMs + durationMs;
      this.refusals.push({ key, role, agentId, resources: allOf(offer), expiresMs });
    }
  }

  /** A part of what is not reserved is used, and the rest given back without a filter. */
  #useSome({ who, cpus, mem }: Step): void {
    const offer = this.#offerOf(who);
    if (offer === undefined) return;
    const { number, agentId, role, framework, resources } = offer;
    const held = { framework: framework.ref, agentId, role };
    const used = intersect(resources, resourcesOf(cpus, mem));
    this.#noteLeft(agentId, frameworkKey(framework.ref));
    this.master.launch(number);
    this.#launched.push({ ...held, resources: used }, ...this.#offersOnly(held));
    this.master.giveBack(held, withoutScalars(resources, used), 0);
  }

  #offerOf(who: number): ScriptedOffer | undefined {
    const offers = [...this.master.offers.values()];
    return offers[who % Math.max(1, offers.length)];
  }

  #noteLeft(agentId: AgentId, key: FrameworkKey): void {
    const leavers = this.leftUnused.get(agentId) ?? [];
    this.leftUnused.set(agentId, [...leavers, { key, before: this.unusedOf(agentId) }]);
  }

  /** Tasks end: a part of what was launched comes back. */
  #end({ who, cpus, mem }: Step): void {
    const held = this.#launched[who % Math.max(1, this.#launched.length)];
    if (held === undefined) return;
    const given = intersect(held.resources, resourcesOf(cpus, mem));
    const rest = withoutScalars(held.resources, given);
    this.#launched = this.#launched.filter((one) => one !== held);
    if (!isEmpty(rest)) this.#launched.push({ ...held, resources: rest });
    const others = this.#offersOnly(held);
    this.master.giveBack(held, given);
    for (const offer of others) this.#launched.push(offer);
  }

  /** Giving back answers the offers that the framework has of the agent, by accepting them. */
  #offersOnly({ framework, agentId, role }: Omit<Held, 'resources'>): Held[] {
    return [...this.master.offers.values()]
      .filter(
        (offer) =>
          frameworkKey(offer.framework.ref) === frameworkKey(framework) &&
          offer.agentId === agentId &&
          offer.role === role,
      )
      .map(({ resources }) => ({ framework, agentId, role, resources }));
  }

  #forgetRefusals(isForgotten: (refusal: ReferenceRefusal) => boolean): void {
    this.refusals = this.refusals.filter((refusal) => !isForgotten(refusal));
  }
}

const agentIdOf = (who: number): AgentId => anAgentId(`agent-${who}`);
