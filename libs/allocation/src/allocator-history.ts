// Owns a history for property tests: the allocator beside a master with its books, random steps of what may happen to
// them, and the judgement of every proposal by the books and by the slow reference.
import type { Proposal } from '@parley/protocol/allocation';
import { type AgentId, type FrameworkKey, frameworkKey, type RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { assert, unreachable } from '@parley/protocol/unreachable';
import { add, amountOf, contains, intersect, isEmpty, sum } from '@parley/resources/resources';
import { Allocator, type AllocatorEffect, COALESCE_MS } from './allocator.ts';
import { checkDecision, checkPromises } from './history-judgement.ts';
import {
  FRAMEWORKS,
  needsOf,
  roleOf,
  type Step,
  sharesOf,
  withoutScalars,
} from './history-steps.ts';
import {
  mostFor,
  type ReferenceAgent,
  type ReferenceClient,
  type ReferenceRefusal,
  type ReferenceWorld,
} from './reference-allocator.ts';
import { hasRoom, isAtOrBelow } from './reference-quota.ts';
import {
  aFramework,
  allOf,
  anAgentId,
  aReservation,
  resourcesOf,
  ScriptedMaster,
} from './scripted-master.ts';
import type { ScriptedFramework } from './scripted-records.ts';

type ChosenRole = {
  readonly name: string;
  readonly key: FrameworkKey;
  readonly role: RoleName;
};
type Held = Pick<Proposal, 'framework' | 'agentId' | 'role' | 'resources'>;

export class AllocatorHistory {
  readonly master = new ScriptedMaster();
  readonly #allocator: Allocator;
  readonly #isPlain: boolean;
  #nowMs = 0;
  #refusals: ReferenceRefusal[] = [];
  readonly #late = new Map<AgentId, Set<FrameworkKey>>();
  /** Launched, and not given back; not reserved. */
  #launched: Held[] = [];

  /** `isPlain`: no demand and no caps, so that every decision is one proposal, of which everything can be foretold. */
  constructor(seed: number, isPlain: boolean) {
    this.#isPlain = isPlain;
    this.#allocator = new Allocator({ seed });
    this.#allocator.started({ bucketCreatedMs: 1, revision: 1 }, 0);
    this.#hearSnapshot();
  }

  apply(step: Step): void {
    this.#change(step);
    this.#hear();
    this.#run();
  }

  #change(step: Step): void {
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
      case 'end':
        this.#end(step);
        break;
      case 'wait':
        this.#nowMs += durationMs;
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
    this.#late.delete(agentId);
    this.master.removeAgent(`agent-${who}`);
  }

  #answer(kind: 'launch' | 'refuse' | 'expire', who: number, durationMs: number): void {
    const offers = [...this.master.offers.values()];
    const offer = offers[who % Math.max(1, offers.length)];
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
      this.#late.set(agentId, (this.#late.get(agentId) ?? new Set()).add(key));
    } else {
      this.master.decline(number, durationMs);
      if (!framework.isActive) return;
      const expiresMs = this.#nowMs + durationMs;
      this.#refusals.push({ key, role, agentId, resources: allOf(offer), expiresMs });
    }
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
  #offersOnly({ framework, agentId, role }: Held): Held[] {
    return [...this.master.offers.values()]
      .filter(
        (offer) =>
          frameworkKey(offer.framework.ref) === frameworkKey(framework) &&
          offer.agentId === agentId &&
          offer.role === role,
      )
      .map(({ resources }) => ({ framework, agentId, role, resources }));
  }

  #hear(): void {
    const effects = this.#allocator.facts(this.master.message(), this.#nowMs);
    if (effects.length > 0) this.#hearSnapshot();
    this.#allocator.checkInvariants();
  }

  #hearSnapshot(): void {
    this.#refusals = [];
    this.#late.clear();
    for (const part of this.master.snapshot(2)) this.#allocator.facts(part, this.#nowMs);
  }

  /** Until the run after the last event is over, that of a filter which ends meanwhile included. */
  #run(): void {
    const endMs = this.#nowMs + 2 * COALESCE_MS;
    for (; this.#nowMs <= endMs || this.#isDueSoon(); this.#nowMs += 1) {
      for (const effect of this.#allocator.tick(this.#nowMs)) {
        this.#follow(effect);
      }
      this.#allocator.checkInvariants();
    }
    this.#checkNothingLeft();
  }

  #follow(effect: AllocatorEffect): void {
    switch (effect.kind) {
      case 'propose':
        this.#judge(effect.proposals);
        break;
      case 'requestSnapshot':
        this.#hearSnapshot();
        break;
      case 'askCandidates': {
        // No task here may be taken back. Unlike with a snapshot, nothing is forgotten.
        const { question } = effect.question;
        const revocations = this.#allocator.candidates(
          { question, sequence: 0, tasks: [] },
          this.#nowMs,
        );
        assert(revocations.length === 0, 'nothing is taken back that was not named');
        break;
      }
      case 'revoke':
        throw new Error('nothing is taken back that was not named');
      default:
        unreachable(effect);
    }
  }

  #isDueSoon(): boolean {
    return (this.#allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY) <= this.#nowMs + COALESCE_MS;
  }

  #judge(proposals: readonly Proposal[]): void {
    for (const proposal of proposals) {
      this.#checkReceiver(proposal);
      this.#checkCaps(proposal);
      this.#checkLimits(proposal);
      if (this.#isPlain) checkDecision(proposal, this.#agent(proposal.agentId), this.#world());
      // The books have not changed since the run but for its own proposals: what does not fit is offered twice.
      assert(this.master.decide(proposal), `proposal ${proposal.number} fits the books`);
    }
    for (const { agentId } of proposals) this.#late.delete(agentId);
    this.#hear();
  }

  /** It takes offers, may use the reservations, has not refused this, and is given what it asked for. */
  #checkReceiver(proposal: Proposal): void {
    const client = this.#clientOf(proposal);
    assert(client.isActive, `${client.key} takes offers in ${client.role}`);
    for (const { role } of proposal.reservations) {
      assert(isAtOrBelow(client.role, role), `${client.role} may use what is reserved for ${role}`);
    }
    const all = allOf(proposal);
    for (const refusal of this.#refusals) {
      const isAbout = refusal.key === client.key && refusal.role === client.role;
      if (!isAbout || refusal.agentId !== proposal.agentId) continue;
      if (refusal.expiresMs <= this.#nowMs) continue;
      assert(!contains(refusal.resources, all), 'what is refused is not offered');
    }
    if (client.needs !== undefined)
      checkPromises(proposal, client.needs, this.#agent(proposal.agentId));
    else assert(proposal.promised.length === 0, 'nothing is promised where nothing is needed');
  }

  #checkCaps(proposal: Proposal): void {
    const framework = this.#framework(proposal.framework);
    const { offers, scalars } = this.master.outstandingOf(framework);
    if (offers === 0) return;
    assert(offers < (framework.maxOffers ?? offers + 1), 'no more offers at a time than allowed');
    // Volumes alone make nobody hold more.
    if (isEmpty(allOf(proposal))) return;
    const held = add({ ...NO_RESOURCES, scalars }, allOf(proposal));
    const { total } = this.#world();
    for (const [name, amount] of Object.entries(held.scalars)) {
      assert(
        amount * 1000 <= amountOf(total, name) * this.master.capPermille,
        `no more of ${name} in unanswered offers than allowed`,
      );
    }
  }

  /** Neither what is in other offers nor what is reserved and free counts for nothing. */
  #checkLimits(proposal: Proposal): void {
    const client = this.#clientOf(proposal);
    const { reservations } = proposal;
    for (const name of Object.keys(allOf(proposal).scalars)) {
      const unreserved = amountOf(proposal.resources, name);
      assert(
        hasRoom(this.#world(), client, { name, unreserved, reservations }),
        `what ${client.key} gets of ${name} is within the limits`,
      );
    }
  }

  /** Who is at a cap may not be asked again before it has less, though a smaller offer might do. */
  #checkNothingLeft(): void {
    const world = this.#world();
    for (const agentId of this.master.agents.keys()) {
      const agent = this.#agent(agentId);
      for (const client of world.clients) {
        const framework = this.master.frameworks.get(client.key);
        if (framework !== undefined && this.#mayBeAtLimit(framework)) continue;
        assert(
          mostFor(client, agent, world) === undefined,
          `nothing is left on ${agentId} that ${client.key} in ${client.role} would take`,
        );
      }
    }
  }

  #mayBeAtLimit(framework: ScriptedFramework): boolean {
    const isLimited = framework.maxOffers !== undefined || this.master.capPermille < 1000;
    return isLimited && this.master.outstandingOf(framework).offers > 0;
  }

  #world(): ReferenceWorld {
    const { agents, frameworks, roles, shares, reclaims, minAllocatable } = this.master;
    const all = [...agents.values()];
    return {
      nowMs: this.#nowMs,
      total: sum(all.map(({ total }) => total)),
      clients: [...frameworks.values()].flatMap((framework) => this.#clients(framework)),
      refusals: this.#refusals,
      roles,
      frameworks: new Map([...shares.values()].map((one) => [frameworkKey(one.ref), one])),
      reserved: all.flatMap(({ reservations }) => reservations),
      available: sum(all.map(({ free }) => free)),
      reclaims,
      minimumOf: (role) => roles.get(role)?.minAllocatable ?? minAllocatable,
    };
  }

  #clients(framework: ScriptedFramework): ReferenceClient[] {
    const roles = new Set([...framework.roles.keys(), ...framework.used.keys()]);
    return [...roles].map((role) => {
      const entry = framework.roles.get(role);
      return {
        key: frameworkKey(framework.ref),
        role,
        isMember: framework.isActive && entry !== undefined,
        isActive: framework.isActive && entry !== undefined && !entry.isSuppressed,
        needs: entry?.needs?.map((need) => ({
          ...need,
          constraints: need.constraints ?? [],
          count: this.master.openCount(framework, role, need),
        })),
        used: framework.used.get(role) ?? NO_RESOURCES,
      };
    });
  }

  #clientOf({ framework, role }: Proposal): ReferenceClient {
    const client = this.#clients(this.#framework(framework)).find((one) => one.role === role);
    assert(client !== undefined, `the framework has the role ${role}`);
    return client;
  }

  #framework(ref: Proposal['framework']): ScriptedFramework {
    const framework = this.master.frameworks.get(frameworkKey(ref));
    assert(framework !== undefined, 'the framework is known');
    return framework;
  }

  #agent(agentId: AgentId): ReferenceAgent {
    const agent = this.master.agents.get(agentId);
    assert(agent !== undefined, 'the agent is known');
    const { free: unreserved, reservations, attributes } = agent;
    const late = this.#late.get(agentId) ?? new Set();
    return { agentId, hostname: `${agentId}.test`, attributes, unreserved, reservations, late };
  }

  #forgetRefusals(isForgotten: (refusal: ReferenceRefusal) => boolean): void {
    this.#refusals = this.#refusals.filter((refusal) => !isForgotten(refusal));
  }
}

const agentIdOf = (who: number): AgentId => anAgentId(`agent-${who}`);
