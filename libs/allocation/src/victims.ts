// Owns the choice of the tasks that are taken back: which of them go first, and that no more go than a need lacks. Pure:
// what is known of the cluster comes in, revocations come out; the master checks each of them. Whose claim is served, and
// how far, is in claims.ts.
//
// What comes back for a client already serves its needs first, then what is free; for the rest tasks of others go, on the
// agent where that is cheapest. For a starved client none goes of which the holder would have less than its fair share,
// or less of it than the client then has. So a client that has to give never has a claim because of it, and two cannot
// take from each other for ever.
import { type AgentId, frameworkKey, type RoleName, taskKey } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { RevocableTask, Revocation } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { add, contains, isEmpty } from '@parley/resources/resources';
import {
  type Claim,
  type Claims,
  type ComingBack,
  claimsOf,
  isEntitled,
  liftedRole,
  type SharingClient,
  sharerKey,
  usageThen,
} from './claims.ts';
import { Holders, heldWithout } from './holders.ts';
import { compareFractions, type Fraction, largestFraction, minus, plus } from './quantities.ts';
import { isWithin, type LimitedRoom, RoleBounds } from './role-bounds.ts';
import { isAllowed, SpareRoom, type UnmetNeed } from './spare-room.ts';
import { CheapestFirst, narrows, withoutSpare } from './taking-cost.ts';

/** Tasks that room is found for at a time, most of them where something comes back already. */
const MAX_PLACES = 10_000;

/** Agents are left out because what would come back there is refused, and it is chosen anew, so often at most. */
const MAX_REFUSALS = 10;

/** In the order in which they were decided; nothing where nobody has a claim. */
export function chooseVictims(claims: Claims): Revocation[] {
  let { tasks } = claims;
  for (let refusals = 0; ; refusals += 1) {
    const choice = new Choice({ ...claims, tasks });
    choice.useSpareRoom();
    for (const claim of choice.claims) choice.takeFor(claim);
    const refused = choice.refused();
    if (refused.size === 0) return choice.revocations;
    tasks = tasks.filter(({ agentId }) => !refused.has(agentId));
    if (refusals < MAX_REFUSALS) continue;
    return choice.revocations.filter(({ agentId }) => !refused.has(agentId));
  }
}

/** A need for which something is to be taken, and whose tasks would do. */
export type OpenNeed = {
  readonly need: UnmetNeed;
  /** Only those in this role: it may have no more. */
  readonly within: RoleName | undefined;
  /** Only those outside this role: it is the one that is to be lifted. */
  readonly outside: RoleName | undefined;
};

/** Needs that are not met by what comes back and what is free, in their order. */
export function needsToTakeFor(claims: Claims): OpenNeed[] {
  const choice = new Choice(claims);
  choice.useSpareRoom();
  return choice.openNeeds();
}

/** Of what comes back for these clients the tasks that none of them needs: what they need has been met otherwise. */
export function unneeded(claims: Claims): ComingBack[] {
  const choice = new Choice(claims);
  for (const claim of choice.claims) choice.useComing(claim);
  return choice.unusedComing();
}

class Choice {
  readonly revocations: Revocation[] = [];
  readonly claims: readonly Claim[];
  readonly #given: Claims;
  readonly #holders: Holders;
  readonly #room: SpareRoom;
  readonly #bounds: RoleBounds;
  /** By agent; those that were chosen are not among them any more. */
  readonly #tasks: Map<AgentId, RevocableTask[]>;
  /** How many tasks of a need are open: one client may have two claims. */
  readonly #open = new Map<UnmetNeed, number>();
  /** What is to be given to whom, by agent. */
  readonly #gains = new Map<AgentId, Map<SharingClient, Resources>>();
  #places = 0;

  constructor(given: Claims) {
    this.#given = given;
    this.#holders = new Holders(given.clients);
    this.#room = new SpareRoom(given.free);
    this.#bounds = new RoleBounds(given.roles);
    const leaving = new Set<string>();
    for (const coming of given.comingBack) {
      leaving.add(taskKey(coming.task));
      this.#comesBack(coming);
    }
    const staying = given.tasks.filter(({ task }) => !leaving.has(taskKey(task)));
    this.#tasks = Map.groupBy(staying, ({ agentId }) => agentId);
    this.claims = claimsOf(this.#holders.standings(), this.#bounds, given.starvationMs);
  }

  /** What comes back for them first: of what is free there is for others, too. */
  useSpareRoom(): void {
    for (const claim of this.claims) this.useComing(claim);
    for (const claim of this.claims) this.#useFree(claim);
  }

  useComing(claim: Claim): void {
    const { client } = claim.standing;
    for (const need of client.needs) {
      this.#meetNeed(claim, need, ({ most }) => this.#comingPlace(client, need, most));
    }
  }

  takeFor(claim: Claim): void {
    for (const need of claim.standing.client.needs) {
      const first = this.#roomFor(claim, need);
      if (first === undefined) continue;
      const agents = [...this.#tasks.keys()].filter((agentId) => isAllowed(need, agentId));
      const cheapest = new CheapestFirst(agents, this.#given.total, (agentId) =>
        this.#victimsOn(agentId, { claim, need, limited: first }),
      );
      this.#meetNeed(claim, need, (limited) => {
        if (this.revocations.length >= this.#given.limit) return undefined;
        const taking = cheapest.next((agentId) =>
          this.#victimsOn(agentId, { claim, need, limited }),
        );
        for (const victim of taking?.victims ?? []) this.#take(claim, victim);
        return taking?.agentId;
      });
    }
  }

  /** Agents on which something is taken, and somebody refuses all that it is to have there. */
  refused(): ReadonlySet<AgentId> {
    const { isRefused } = this.#given;
    if (isRefused === undefined) return NO_AGENTS;
    const agents = new Set(this.revocations.map(({ agentId }) => agentId));
    return new Set(
      [...agents].filter((agentId) =>
        [...(this.#gains.get(agentId) ?? [])].some(([client, resources]) =>
          isRefused(client, agentId, resources),
        ),
      ),
    );
  }

  openNeeds(): OpenNeed[] {
    const open = new Map<UnmetNeed, OpenNeed>();
    for (const claim of this.claims) {
      for (const need of claim.standing.client.needs) {
        const limited = this.#roomFor(claim, need);
        if (limited === undefined || open.has(need)) continue;
        const outside = liftedRole(claim, need, this.#bounds);
        open.set(need, { need, within: limited.within, outside });
      }
    }
    return [...open.values()];
  }

  /** Those first that came last: without them enough would be there with what is free beside it. */
  unusedComing(): ComingBack[] {
    return this.#given.comingBack.toReversed().filter(({ agentId, beneficiary, resources }) => {
      const client = sharerKey(beneficiary);
      if (!this.#holders.has(client)) return false;
      const isUnused = contains(this.#room.of(client, agentId), resources);
      if (isUnused) this.#room.use(client, agentId, resources);
      return isUnused;
    });
  }

  /** Task by task, as long as the claim holds and a place is found. */
  #meetNeed(
    claim: Claim,
    need: UnmetNeed,
    find: (limited: LimitedRoom) => AgentId | undefined,
  ): void {
    for (;;) {
      const limited = this.#roomFor(claim, need);
      const agentId = limited && find(limited);
      if (agentId === undefined) return;
      this.#use(claim, need, agentId);
    }
  }

  /** Where it has room with what comes back for it. */
  #comingPlace(client: SharingClient, need: UnmetNeed, most: Quantities): AgentId | undefined {
    for (const agentId of this.#room.comingAgents(sharerKey(client))) {
      if (isAllowed(need, agentId) && this.#fits(agentId, client, need, most)) return agentId;
    }
    return undefined;
  }

  #fits(agentId: AgentId, client: SharingClient, need: UnmetNeed, most: Quantities = {}): boolean {
    const room = this.#room.of(sharerKey(client), agentId, most);
    return contains(room, this.#resourcesOn(agentId, client, need));
  }

  /** For one more of the need. */
  #resourcesOn(agentId: AgentId, client: SharingClient, need: UnmetNeed): Resources {
    const hasAny = this.#gains.get(agentId)?.has(client) === true;
    return hasAny ? need.resources : (need.first ?? need.resources);
  }

  /** On each agent as often as it fits. */
  #useFree(claim: Claim): void {
    const { client } = claim.standing;
    for (const need of client.needs) {
      for (const agentId of [...this.#room.freeAgents()]) {
        if (!isAllowed(need, agentId)) continue;
        while (this.#fits(agentId, client, need)) {
          const limited = this.#roomFor(claim, need);
          // Where limits leave no room for it beside all that the role has, nothing that is free is offered.
          if (limited === undefined || limited.within !== undefined) break;
          this.#use(claim, need, agentId);
        }
      }
    }
  }

  /** For one more task of the need; undefined where the claim does not reach so far, or roles may have no more. */
  #roomFor(claim: Claim, need: UnmetNeed): LimitedRoom | undefined {
    const open = this.#open.get(need) ?? need.count;
    if (open <= 0 || this.#places >= MAX_PLACES || isEmpty(need.resources)) return undefined;
    if (!isEntitled(claim, need, this.#bounds)) return undefined;
    return this.#bounds.roomFor(claim.standing.client.role, need.resources.scalars);
  }

  #use({ standing }: Claim, need: UnmetNeed, agentId: AgentId): void {
    const { client } = standing;
    const resources = this.#resourcesOn(agentId, client, need);
    const { ofComing, ofFree } = this.#room.use(sharerKey(client), agentId, resources);
    for (const part of ofComing) this.#bounds.arrive(part.from, client.role, part.resources);
    this.#bounds.use(client.role, ofFree);
    standing.gains = plus(standing.gains, resources.scalars);
    const gains = this.#gains.get(agentId) ?? new Map<SharingClient, Resources>();
    gains.set(client, add(gains.get(client) ?? NO_RESOURCES, resources));
    this.#gains.set(agentId, gains);
    this.#open.set(need, (this.#open.get(need) ?? need.count) - 1);
    this.#places += 1;
  }

  /** For one that has no claim here it is as good as there. */
  #comesBack({ task, role, agentId, resources, beneficiary }: ComingBack): void {
    const client = sharerKey(beneficiary);
    this.#leave({ task, role, resources }, beneficiary);
    this.#room.comesBack(client, agentId, { from: role, resources });
    const isClaimant = (this.#holders.get(client)?.client.needs.length ?? 0) > 0;
    if (!isClaimant) this.#bounds.arrive(role, beneficiary.role, resources);
  }

  #leave(
    task: Pick<RevocableTask, 'task' | 'role' | 'resources'>,
    { role }: Pick<SharingClient, 'role'>,
  ): void {
    this.#bounds.leave(task, role);
    this.#holders.leave(task);
  }

  #take({ standing, reason }: Claim, victim: RevocableTask): void {
    const { framework, role } = standing.client;
    const { task, agentId, resources } = victim;
    this.revocations.push({ task, agentId, beneficiary: { framework, role }, reason });
    this.#leave(victim, standing.client);
    this.#room.comesBack(sharerKey(standing.client), agentId, { from: victim.role, resources });
    const left = (this.#tasks.get(agentId) ?? []).filter((other) => other !== victim);
    this.#tasks.set(agentId, left);
  }

  /** As few of them as are enough, the most expendable first. */
  #victimsOn(
    agentId: AgentId,
    { claim, need, limited }: { claim: Claim; need: UnmetNeed; limited: LimitedRoom },
  ): RevocableTask[] | undefined {
    const { most, within } = limited;
    const lifted = liftedRole(claim, need, this.#bounds);
    const room = this.#room.of(sharerKey(claim.standing.client), agentId, most);
    const candidates = (this.#tasks.get(agentId) ?? [])
      .filter((task) => isOfAnother(task, claim))
      .filter((task) => within === undefined || isWithin(task.role, within))
      .filter((task) => lifted === undefined || !isWithin(task.role, lifted));
    const resources = this.#resourcesOn(agentId, claim.standing.client, need);
    const wanted = { ...need, resources };
    const gathered = this.#gather(candidates, { room, claim, need: wanted });
    if (gathered !== undefined) return withoutSpare(gathered, room, resources);
    // What was gathered first may have used up what its holder can give: one alone may do.
    const alone = candidates
      .filter((task) => contains(add(room, task.resources), resources))
      .filter((task) => this.#mayGo(task, [], { claim, need: wanted }))
      .sort((a, b) => this.#holders.byExpendability(a, b, []));
    return alone.length === 0 ? undefined : alone.slice(0, 1);
  }

  #gather(
    candidates: readonly RevocableTask[],
    { room, claim, need }: { room: Resources; claim: Claim; need: UnmetNeed },
  ): RevocableTask[] | undefined {
    const chosen: RevocableTask[] = [];
    let gathered = room;
    while (!contains(gathered, need.resources)) {
      const missing = gathered;
      const next = candidates
        .filter((task) => !chosen.includes(task))
        .filter(({ resources }) => narrows(missing, resources, need.resources))
        .filter((task) => this.#mayGo(task, chosen, { claim, need }))
        .sort((a, b) => this.#holders.byExpendability(a, b, chosen))[0];
      if (next === undefined) return undefined;
      chosen.push(next);
      gathered = add(gathered, next.resources);
    }
    return chosen;
  }

  /** Beside those that were chosen already. */
  #mayGo(
    task: RevocableTask,
    chosen: readonly RevocableTask[],
    { claim, need }: { claim: Claim; need: UnmetNeed },
  ): boolean {
    const holder = this.#holders.of(task);
    if (holder === undefined) return false;
    const before = heldWithout(holder, chosen);
    const after = minus(before, task.resources.scalars);
    if (!this.#holders.keepsGuarantee(holder, task, chosen)) return false;
    if (!this.#bounds.keepGuarantees(task, chosen, claim.standing.client.role)) return false;
    if (claim.reason === 'belowGuarantee') return true;
    const { fairShare } = holder.client;
    const left = largestFraction(after, fairShare);
    if (compareFractions(largestFraction(before, fairShare), ONE) <= 0) return false;
    if (compareFractions(left, ONE) < 0) return false;
    const usage = plus(usageThen(claim.standing), need.resources.scalars);
    const { fairShare: own } = claim.standing.client;
    return compareFractions(left, largestFraction(usage, own)) >= 0;
  }
}

const ONE: Fraction = [1, 1];
const NO_AGENTS: ReadonlySet<AgentId> = new Set();

/** A framework takes nothing from itself. */
const isOfAnother = ({ task }: RevocableTask, { standing }: Claim): boolean =>
  frameworkKey(task) !== frameworkKey(standing.client.framework);
