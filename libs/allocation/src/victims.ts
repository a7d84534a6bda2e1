// Owns the choice of the tasks that are taken back: whose they may be, which of them go first, and that no more go than
// a need lacks. Pure: what is known of the cluster comes in, revocations come out; the master checks each of them.
//
// A client is a framework in one of its roles. One that is below its guarantee, with a need that would lift it, takes
// from those that stay at theirs; one of which a role above is, from those outside that role. One that was below its fair share for too long takes from those that stay at
// their guarantee and at their fair share, and no lower than it is itself then. So a client that has to give never has a
// claim because of it, and two cannot take from each other for ever. What roles keep and may have is in role-bounds.ts.
import {
  type AgentId,
  frameworkKey,
  type RoleName,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type {
  RevocableTask,
  Revocation,
  RevocationReason,
  Sharer,
} from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { add, contains, intersect } from '@parley/resources/resources';
import {
  amountIn,
  compareFractions,
  type Fraction,
  largestFraction,
  minus,
  plus,
} from './quantities.ts';
import { isWithin, type LimitedRoom, type RoleBound, RoleBounds } from './role-bounds.ts';
import { SpareRoom, type UnmetNeed } from './spare-room.ts';

export type SharingClient = Sharer & {
  readonly guarantee: Quantities;
  /** In tasks and executors; what is coming back of it included. */
  readonly held: Quantities;
  /** In unanswered offers. */
  readonly offered: Quantities;
  /** Of each resource that counts, what a fair division of the cluster would give it. */
  readonly fairShare: Quantities;
  /** At most; a name that is not there is not limited. */
  readonly limit?: Quantities;
  readonly needs: readonly UnmetNeed[];
  /** For so long it has been below its fair share with a need. */
  readonly starvedForMs: number;
};

/** A task that is being taken back, or is to be. */
export type ComingBack = Pick<RevocableTask, 'task' | 'role' | 'agentId' | 'resources'> & {
  readonly beneficiary: Sharer;
};

export type Claims = {
  readonly clients: readonly SharingClient[];
  /** Those that have a guarantee or a limit. */
  readonly roles?: ReadonlyMap<RoleName, RoleBound>;
  /** Live ones that may be named. */
  readonly tasks: readonly RevocableTask[];
  /** What could be offered now, by agent. */
  readonly free: ReadonlyMap<AgentId, Resources>;
  readonly comingBack: readonly ComingBack[];
  /** Of the cluster: taking back is measured by it. */
  readonly total: Quantities;
  readonly starvationMs: number;
  /** Tasks to take back at most. */
  readonly limit: number;
};

/** Tasks that room is found for at a time, most of them where something comes back already. */
const MAX_PLACES = 10_000;

/** A client after what has been decided so far: what is left to it, and what it is to get, which it does not hold yet. */
type Standing = { readonly client: SharingClient; held: Quantities; gains: Quantities };

type Claim = {
  readonly standing: Standing;
  readonly reason: Exclude<RevocationReason, 'oversubscribed'>;
};

type Taking = { readonly agentId: AgentId; readonly victims: readonly RevocableTask[] };

export const sharerKey = ({ framework, role }: Sharer): string =>
  `${frameworkKey(framework)} ${role}`;

const holderKey = ({ task, role }: Pick<RevocableTask, 'task' | 'role'>): string =>
  sharerKey({ framework: task, role });

/** In the order in which they were decided; nothing where nobody has a claim. */
export function chooseVictims(claims: Claims): Revocation[] {
  const choice = new Choice(claims);
  for (const claim of choice.claims()) choice.satisfy(claim);
  return choice.revocations;
}

/** Who may take now, whoever may have to give: those below their guarantee first, and nobody twice. */
export function claimants(claims: Claims): SharingClient[] {
  return [...new Set(new Choice(claims).claims().map(({ standing }) => standing.client))];
}

class Choice {
  readonly revocations: Revocation[] = [];
  readonly #claims: Claims;
  readonly #standings: Map<string, Standing>;
  readonly #room: SpareRoom;
  readonly #bounds: RoleBounds;
  /** By agent; those that were chosen are not among them any more. */
  readonly #tasks: Map<AgentId, RevocableTask[]>;
  /** How many tasks of a need are open: one client may have two claims. */
  readonly #open = new Map<UnmetNeed, number>();
  #places = 0;

  constructor(claims: Claims) {
    this.#claims = claims;
    this.#standings = new Map(
      claims.clients.map((client) => [sharerKey(client), { client, held: client.held, gains: {} }]),
    );
    this.#room = new SpareRoom(claims.free);
    this.#bounds = new RoleBounds(claims.roles ?? new Map(), claims.clients);
    const leaving = new Set<string>();
    for (const coming of claims.comingBack) {
      leaving.add(taskKey(coming.task));
      this.#room.comesBack(sharerKey(coming.beneficiary), coming.agentId, coming.resources);
      this.#takeFrom(coming, coming.beneficiary);
    }
    const staying = claims.tasks.filter(({ task }) => !leaving.has(taskKey(task)));
    this.#tasks = Map.groupBy(staying, ({ agentId }) => agentId);
  }

  /** Those below their guarantee first, then the starved; of each kind the one that has least first. */
  claims(): Claim[] {
    const standings = [...this.#standings.values()].filter(({ client }) => client.needs.length > 0);
    const short = standings.filter(
      ({ client }) =>
        isBelowGuarantee(client, usageOf(client)) ||
        this.#bounds.shortAbove(client.role) !== undefined,
    );
    const starved = standings.filter(({ client }) => this.#isStarved(client));
    return [
      ...sortBy(short, 'guarantee').map(
        (standing) => ({ standing, reason: 'belowGuarantee' }) as const,
      ),
      ...sortBy(starved, 'fairShare').map((standing) => ({ standing, reason: 'starved' }) as const),
    ];
  }

  satisfy(claim: Claim): void {
    const { client } = claim.standing;
    // What is free is offered to it without anybody giving something back: that comes first.
    if (client.needs.some((need) => this.#mayHave(client, need) && this.#room.isFree(need))) return;
    for (const need of client.needs) {
      let left = this.#open.get(need) ?? need.count;
      while (left > 0 && this.#satisfyOne(claim, need)) left -= 1;
      this.#open.set(need, left);
    }
  }

  /** False when the claim ends here. */
  #satisfyOne(claim: Claim, need: UnmetNeed): boolean {
    const { client } = claim.standing;
    const isOver = this.revocations.length >= this.#claims.limit || this.#places >= MAX_PLACES;
    if (isOver || !this.#isEntitled(claim, need)) return false;
    const limited = this.#bounds.roomFor(client.role, need.resources.scalars);
    if (limited === undefined) return false;
    const place = this.#room.placeFor(sharerKey(client), need, limited.most);
    const taking = place === undefined ? this.#cheapest(claim, need, limited) : undefined;
    const agentId = place ?? taking?.agentId;
    if (agentId === undefined) return false;
    for (const victim of taking?.victims ?? []) this.#take(claim, victim);
    this.#places += 1;
    const rest = this.#room.use(sharerKey(client), agentId, need.resources);
    this.#bounds.use(client.role, rest.scalars);
    claim.standing.gains = plus(claim.standing.gains, need.resources.scalars);
    return true;
  }

  /** While it is below, this need would lift it, and it may hold so much. */
  #isEntitled({ standing, reason }: Claim, { resources }: UnmetNeed): boolean {
    const { client } = standing;
    const usage = usageThen(standing);
    const { limit = {} } = client;
    const isTooMuch = Object.entries(resources.scalars).some(
      ([name, amount]) =>
        Object.hasOwn(limit, name) && amountIn(usage, name) + amount > amountIn(limit, name),
    );
    if (isTooMuch) return false;
    if (reason === 'starved') return isBelowFairShare(client, usage);
    return (
      isLifted(client, usage, resources) ||
      this.#bounds.shortAbove(client.role, resources.scalars) !== undefined
    );
  }

  /** The role that is to be lifted, and not the client itself: what comes from within it would not. */
  #lifted({ standing, reason }: Claim, { resources }: UnmetNeed): RoleName | undefined {
    const { client } = standing;
    if (reason === 'starved' || isLifted(client, usageThen(standing), resources)) return undefined;
    return this.#bounds.shortAbove(client.role, resources.scalars);
  }

  /** The limits of its roles leave room for it beside all that they have. */
  #mayHave({ role }: SharingClient, { resources }: UnmetNeed): boolean {
    const room = this.#bounds.roomFor(role, resources.scalars);
    return room !== undefined && room.within === undefined;
  }

  #isStarved(client: SharingClient): boolean {
    if (client.starvedForMs <= this.#claims.starvationMs) return false;
    return isBelowItsShare(client);
  }

  #take({ standing, reason }: Claim, victim: RevocableTask): void {
    const { framework, role } = standing.client;
    const { task, agentId, resources } = victim;
    this.revocations.push({ task, agentId, beneficiary: { framework, role }, reason });
    this.#takeFrom(victim, standing.client);
    this.#room.comesBack(sharerKey(standing.client), agentId, resources);
    const left = (this.#tasks.get(agentId) ?? []).filter((other) => other !== victim);
    this.#tasks.set(agentId, left);
  }

  #takeFrom(task: Pick<RevocableTask, 'task' | 'role' | 'resources'>, { role }: Sharer): void {
    this.#bounds.move(task, role);
    const standing = this.#standings.get(holderKey(task));
    if (standing !== undefined) standing.held = minus(standing.held, task.resources.scalars);
  }

  /** On the agent where it costs least; undefined where nothing that may be taken is enough. */
  #cheapest(claim: Claim, need: UnmetNeed, limited: LimitedRoom): Taking | undefined {
    let cheapest: (Taking & { readonly cost: Cost }) | undefined;
    for (const agentId of this.#tasks.keys()) {
      if (need.agents !== undefined && !need.agents.has(agentId)) continue;
      const victims = this.#victimsOn(agentId, { claim, need, limited });
      if (victims === undefined) continue;
      const cost = costOf(victims, this.#claims.total);
      if (cheapest === undefined || compareCosts(cost, cheapest.cost) < 0) {
        cheapest = { agentId, victims, cost };
      }
    }
    return cheapest;
  }

  /** As few of them as are enough, the most expendable first. */
  #victimsOn(
    agentId: AgentId,
    { claim, need, limited }: { claim: Claim; need: UnmetNeed; limited: LimitedRoom },
  ): RevocableTask[] | undefined {
    const { most, within } = limited;
    const lifted = this.#lifted(claim, need);
    const room = this.#room.of(sharerKey(claim.standing.client), agentId, most);
    const candidates = (this.#tasks.get(agentId) ?? [])
      .filter((task) => this.#helps(task, claim))
      .filter((task) => within === undefined || isWithin(task.role, within))
      .filter((task) => lifted === undefined || !isWithin(task.role, lifted));
    const gathered = this.#gather(candidates, { room, claim, need });
    if (gathered !== undefined) return withoutSpare(gathered, room, need);
    // What was gathered first may have used up what its holder can give: one alone may do.
    const alone = candidates
      .filter(({ resources }) => contains(add(room, resources), need.resources))
      .filter((task) => this.#mayGo(task, [], { claim, need }))
      .sort((a, b) => this.#byExpendability(a, b, []));
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
        .sort((a, b) => this.#byExpendability(a, b, chosen))[0];
      if (next === undefined) return undefined;
      chosen.push(next);
      gathered = add(gathered, next.resources);
    }
    return chosen;
  }

  /** A framework takes nothing from itself. */
  #helps({ task }: RevocableTask, { standing }: Claim): boolean {
    return frameworkKey(task) !== frameworkKey(standing.client.framework);
  }

  /** Beside those that were chosen already. */
  #mayGo(
    task: RevocableTask,
    chosen: readonly RevocableTask[],
    { claim, need }: { claim: Claim; need: UnmetNeed },
  ): boolean {
    const holder = this.#standings.get(holderKey(task));
    if (holder === undefined) return false;
    const before = this.#heldWithout(holder, chosen);
    const after = minus(before, task.resources.scalars);
    if (!keepsGuarantee(holder.client, task, after)) return false;
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

  #heldWithout(holder: Standing, chosen: readonly RevocableTask[]): Quantities {
    const key = sharerKey(holder.client);
    return chosen
      .filter((task) => holderKey(task) === key)
      .reduce((held, { resources }) => minus(held, resources.scalars), holder.held);
  }

  /** Revocable ones, then the lowest priority, then those of who is most above its share, then the youngest. */
  #byExpendability(a: RevocableTask, b: RevocableTask, chosen: readonly RevocableTask[]): number {
    return (
      Number(b.isRevocable) - Number(a.isRevocable) ||
      a.priority - b.priority ||
      compareFractions(this.#shareOf(b, chosen), this.#shareOf(a, chosen)) ||
      b.launchedAtMs - a.launchedAtMs ||
      compareTasks(a.task, b.task)
    );
  }

  #shareOf(task: RevocableTask, chosen: readonly RevocableTask[]): Fraction {
    const holder = this.#standings.get(holderKey(task));
    if (holder === undefined) return [0, 1];
    return largestFraction(this.#heldWithout(holder, chosen), holder.client.fairShare);
  }
}

const ONE: Fraction = [1, 1];

const usageThen = ({ client, held, gains }: Standing): Quantities =>
  plus(plus(held, client.offered), gains);

const usageOf = ({ held, offered }: SharingClient): Quantities => plus(held, offered);

function isBelowGuarantee({ guarantee }: SharingClient, usage: Quantities): boolean {
  return Object.keys(guarantee).some((name) => amountIn(usage, name) < amountIn(guarantee, name));
}

/** With these it would be nearer to its guarantee. */
function isLifted(
  { guarantee }: SharingClient,
  usage: Quantities,
  { scalars }: Resources,
): boolean {
  return Object.keys(scalars).some(
    (name) => amountIn(scalars, name) > 0 && amountIn(usage, name) < amountIn(guarantee, name),
  );
}

/** What is offered to it counts as well. */
export const isBelowItsShare = (client: SharingClient): boolean =>
  isBelowFairShare(client, usageOf(client));

/** In every resource that counts. */
function isBelowFairShare({ fairShare }: SharingClient, usage: Quantities): boolean {
  return compareFractions(largestFraction(usage, fairShare), ONE) < 0;
}

/** Of what the task holds. */
function keepsGuarantee(
  { guarantee }: SharingClient,
  { resources }: RevocableTask,
  after: Quantities,
): boolean {
  return Object.keys(resources.scalars).every((name) => {
    const least = amountIn(guarantee, name);
    return least === 0 || amountIn(after, name) >= least;
  });
}

/** Whoever has the least of what it is entitled to comes first. */
function sortBy(standings: readonly Standing[], whole: 'guarantee' | 'fairShare'): Standing[] {
  const fractionOf = ({ client }: Standing): Fraction =>
    largestFraction(usageOf(client), client[whole]);
  return [...standings].sort(
    (a, b) =>
      compareFractions(fractionOf(a), fractionOf(b)) ||
      compareText(sharerKey(a.client), sharerKey(b.client)),
  );
}

/** With these resources less is missing than before. */
function narrows(room: Resources, more: Resources, need: Resources): boolean {
  const [before, after] = [intersect(room, need), intersect(add(room, more), need)];
  return !contains(before, after);
}

/** Without those that are not needed after all: the dearest are spared first. */
function withoutSpare(
  victims: readonly RevocableTask[],
  room: Resources,
  need: UnmetNeed,
): RevocableTask[] {
  let kept = [...victims];
  for (const victim of [...victims].reverse()) {
    const others = kept.filter((other) => other !== victim);
    const enough = others.reduce((sum, { resources }) => add(sum, resources), room);
    if (contains(enough, need.resources)) kept = others;
  }
  return kept;
}

type Cost = {
  /** Of those that are not revocable; undefined where all are. */
  readonly priority: number | undefined;
  readonly taken: Fraction;
  readonly count: number;
};

function costOf(victims: readonly RevocableTask[], total: Quantities): Cost {
  const kept = victims.filter(({ isRevocable }) => !isRevocable);
  const taken = victims.reduce<Quantities>(
    (sum, { resources }) => plus(sum, resources.scalars),
    {},
  );
  return {
    priority: kept.length === 0 ? undefined : Math.max(...kept.map(({ priority }) => priority)),
    taken: largestFraction(taken, total),
    count: victims.length,
  };
}

function compareCosts(a: Cost, b: Cost): number {
  const [left, right] = [
    a.priority ?? Number.NEGATIVE_INFINITY,
    b.priority ?? Number.NEGATIVE_INFINITY,
  ];
  if (left !== right) return left < right ? -1 : 1;
  return compareFractions(a.taken, b.taken) || a.count - b.count;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const compareTasks = (a: TaskRef, b: TaskRef): number => compareText(taskKey(a), taskKey(b));
