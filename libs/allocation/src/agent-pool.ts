// Owns the agents as the allocator knows them: their totals, what is left of each after proposals that are not
// decided, reserved or not, which ones are open (have anything left that could be offered) and which of these await
// their turn. Whether what is left is enough for somebody is decided in agent-division.ts.
import type { Fact } from '@parley/protocol/allocation';
import type { ConstrainedAgent } from '@parley/protocol/constraints';
import type { AgentId, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { Quantities } from '@parley/protocol/sharing';
import { assert } from '@parley/protocol/unreachable';
import { contains, equals, isEmpty, normalise } from '@parley/resources/resources';
import { type AgentKind, AgentKinds, NO_KIND } from './agent-kinds.ts';
import {
  accumulate,
  areEqual,
  type ClusterTotals,
  isZero,
  NO_AMOUNTS,
  summed,
  type Vector,
} from './cluster-totals.ts';
import {
  type Free,
  isAnythingLeft,
  isOfScalars,
  isSame,
  isSameFree,
  leftOf,
  NO_RESERVATIONS,
  NOTHING,
  orNothing,
} from './free.ts';
import type { Leavers } from './left-unused.ts';
import { NumberPool } from './number-pool.ts';
import type { PendingProposal } from './pending-proposals.ts';
import { amountsOf } from './room.ts';

/** It has anything left; it awaits its turn; it is in the list of those that were touched. */
const OPEN = 1;
const TOUCHED = 2;
const LISTED = 4;

type AgentFact = Extract<Fact, { kind: 'agent' }>;
type FreeFact = Pick<AgentFact, 'free' | 'revocable' | 'reservations' | 'offered'>;

const NO_PROPOSALS: readonly PendingProposal[] = [];

export class Agent implements ConstrainedAgent {
  readonly agentId: AgentId;
  /** Row in the record of what was asked in vain; reused when it is forgotten. */
  readonly number: number;
  hostname = '';
  domain: ConstrainedAgent['domain'];
  attributes: ConstrainedAgent['attributes'] = {};
  kind = NO_KIND;
  free = NOTHING;
  /** In no use and not reserved: free, or in offers that are not answered. */
  unused = NO_AMOUNTS;
  /** See left-unused.ts. */
  leavers: Leavers | undefined;
  /** Free and not proposed to anybody. */
  left = NOTHING;
  /** What was left when clients were last asked: whoever was asked in vain was so about this, or more. */
  asked = NOTHING;
  /** Proposals that are not decided. */
  undecided = NO_PROPOSALS;
  /** Not forgotten. */
  isKnown = true;

  constructor(agentId: AgentId, number: number) {
    this.agentId = agentId;
    this.number = number;
  }
}

export type AgentPoolOptions = {
  readonly totals: ClusterTotals;
  /** Hears of every reservation of which something is free (1) or no longer (-1), and of how much. */
  readonly reserve: (role: RoleName, amounts: Vector, sign: 1 | -1) => void;
};

export class AgentPool {
  readonly #totals: ClusterTotals;
  readonly #reserve: AgentPoolOptions['reserve'];
  readonly #agents = new Map<AgentId, Agent>();
  readonly #kinds: AgentKinds;
  readonly #numbers = new NumberPool();
  readonly #byNumber: (Agent | undefined)[] = [];
  /** OPEN and TOUCHED by number: going through all of them takes next to no time. */
  #marks = new Uint8Array(64);
  /** In the order in which they were touched; those that are no longer are still in it. */
  #touched: Agent[] = [];
  #touchedCount = 0;
  readonly #available: number[] = [];
  #sumsUp = false;

  constructor({ totals, reserve }: AgentPoolOptions) {
    this.#totals = totals;
    this.#kinds = new AgentKinds(totals);
    this.#reserve = reserve;
  }

  /** How many await their turn. */
  get touchedCount(): number {
    return this.#touchedCount;
  }

  get size(): number {
    return this.#agents.size;
  }

  /** How many have anything left. */
  get openCount(): number {
    return this.open().length;
  }

  all(): Iterable<Agent> {
    return this.#agents.values();
  }

  /** Left and not reserved, over all agents, as long as that is summed up; changes. */
  get available(): Vector {
    return this.#available;
  }

  /** Whether anybody wants to know what is available: else it is 0. */
  sumUp(isWanted: boolean): void {
    if (this.#sumsUp === isWanted) return;
    this.#sumsUp = isWanted;
    const sign = isWanted ? 1 : -1;
    for (const { left } of this.#agents.values()) accumulate(this.#available, left.amounts, sign);
  }

  get(agentId: AgentId): Agent | undefined {
    return this.#agents.get(agentId);
  }

  /** `isChanged`: its total, attributes or domain are other ones than before, or it is new. */
  set(fact: AgentFact): { readonly agent: Agent; readonly isChanged: boolean } {
    const { agentId, hostname, domain, total, attributes } = fact;
    const known = this.#agents.get(agentId);
    const agent = known ?? this.#add(agentId);
    const kind = this.#kinds.of(total);
    const isResized = known === undefined || kind !== agent.kind;
    const isChanged =
      isResized ||
      !haveSameEntries(agent.attributes, attributes) ||
      !haveSameEntries(agent.domain ?? {}, domain ?? {});
    agent.hostname = hostname;
    agent.domain = domain;
    agent.attributes = attributes;
    if (isResized) this.#resize(agent, kind);
    this.#setFree(agent, fact);
    return { agent, isChanged };
  }

  /** About an agent that is not known it says nothing: its total is missing. */
  setFree(agentId: AgentId, fact: FreeFact): Agent | undefined {
    const agent = this.#agents.get(agentId);
    if (agent !== undefined) this.#setFree(agent, fact);
    return agent;
  }

  remove(agent: Agent): void {
    this.#setLeft(agent, NOTHING);
    this.#totals.subtract(agent.kind.amounts);
    this.#agents.delete(agent.agentId);
    agent.isKnown = false;
    this.close(agent);
    this.#marks[agent.number] = 0;
    this.#byNumber[agent.number] = undefined;
    this.#numbers.giveBack(agent.number);
  }

  /** Something about it has changed: when it is open it gets its turn. */
  touch(agent: Agent): void {
    if (this.settle(agent)) this.#touch(agent);
  }

  /** Every open agent gets its turn. */
  touchOpen(): void {
    for (const agent of this.#openAgents()) this.#touch(agent);
  }

  /** All that have anything left. */
  open(): Agent[] {
    return [...this.#openAgents()];
  }

  /** Those that await their turn; they do no more. */
  takeTouched(): Agent[] {
    const touched = this.#touched.filter((agent) => this.#isTouched(agent));
    for (const { number } of this.#touched) this.#marks[number] = (this.#marks[number] ?? 0) & OPEN;
    this.#touched = [];
    this.#touchedCount = 0;
    return touched;
  }

  /** Part of it is granted. */
  reduce(agent: Agent, left: Free): void {
    this.#setLeft(agent, left);
  }

  /** Measures what is left anew, without giving the agent a turn. The value: whether it is open. */
  settle(agent: Agent): boolean {
    if (!agent.isKnown) return false;
    this.#setLeft(agent, leftOf(agent.free, agent.undecided, this.#totals));
    if (!isAnythingLeft(agent.left)) {
      this.close(agent);
      return false;
    }
    this.#marks[agent.number] = (this.#marks[agent.number] ?? 0) | OPEN;
    return true;
  }

  /** Nothing is left of it. */
  close(agent: Agent): void {
    if (this.#isMarked(agent, TOUCHED)) this.#touchedCount -= 1;
    this.#unmark(agent, OPEN | TOUCHED);
  }

  /** For tests and the simulator: throws when more is proposed than is free, or an index is wrong. */
  checkInvariants(): void {
    const [together, available]: [number[], number[]] = [[], []];
    for (const agent of this.#agents.values()) {
      accumulate(together, agent.kind.amounts, 1);
      if (this.#sumsUp) accumulate(available, agent.left.amounts, 1);
      this.#checkLeft(agent);
    }
    const touched = this.#touched.filter((agent) => this.#isTouched(agent));
    assert(touched.length === this.#touchedCount, 'it is known how many await their turn');
    assert(new Set(touched).size === touched.length, 'nobody awaits two turns');
    for (const [number, amount] of this.#totals.amounts.entries()) {
      assert(amount === 0 || amount === together[number], 'the totals are those of the agents');
    }
    accumulate(available, this.#available, -1);
    assert(isZero(available), 'what is available is what is left of the agents');
  }

  #checkLeft(agent: Agent): void {
    const { free, left, agentId } = agent;
    assert(
      contains(free.unreserved, left.unreserved) && contains(free.revocable, left.revocable),
      `no more is left of ${agentId} than is free`,
    );
    for (const reservation of left.reservations) {
      const whole = free.reservations.find((one) => isSame(one, reservation));
      assert(
        whole !== undefined && contains(whole.resources, reservation.resources),
        `no more is left of a reservation on ${agentId} than is free`,
      );
    }
    assert(
      isSameFree(left, leftOf(agent.free, agent.undecided, this.#totals)),
      `what is left of ${agentId} is up to date`,
    );
    assert(
      this.#isMarked(agent, OPEN) === isAnythingLeft(left),
      `${agentId} is open when it has anything`,
    );
  }

  #resize(agent: Agent, kind: AgentKind): void {
    this.#totals.subtract(agent.kind.amounts);
    this.#totals.add(kind.amounts);
    agent.kind = kind;
  }

  #add(agentId: AgentId): Agent {
    const agent = new Agent(agentId, this.#numbers.take());
    this.#agents.set(agentId, agent);
    this.#byNumber[agent.number] = agent;
    if (agent.number >= this.#marks.length) {
      const marks = new Uint8Array(2 * this.#marks.length);
      marks.set(this.#marks);
      this.#marks = marks;
    }
    return agent;
  }

  #touch(agent: Agent): void {
    if (this.#isMarked(agent, TOUCHED)) return;
    if (!this.#isMarked(agent, LISTED)) this.#touched.push(agent);
    this.#marks[agent.number] = OPEN | TOUCHED | LISTED;
    this.#touchedCount += 1;
  }

  /** The number of a forgotten one may be another's. */
  #isTouched(agent: Agent): boolean {
    return agent.isKnown && this.#isMarked(agent, TOUCHED);
  }

  #unmark({ number }: Agent, marks: number): void {
    this.#marks[number] = (this.#marks[number] ?? 0) & ~marks;
  }

  #isMarked({ number }: Agent, mark: number): boolean {
    return ((this.#marks[number] ?? 0) & mark) !== 0;
  }

  *#openAgents(): Generator<Agent, void, void> {
    for (let number = 0; number < this.#byNumber.length; number += 1) {
      const agent = (this.#marks[number] ?? 0) & OPEN ? this.#byNumber[number] : undefined;
      if (agent !== undefined) yield agent;
    }
  }

  #setFree(agent: Agent, fact: FreeFact): void {
    const { free, revocable = NO_RESOURCES, reservations, offered } = fact;
    const isAll = reservations.length === 0 && isEmpty(revocable);
    agent.free = (isAll ? this.#bareFree(agent, free) : undefined) ?? {
      unreserved: orNothing(normalise(free)),
      amounts: this.#totals.vectorOf(normalise(free).scalars),
      reservations:
        reservations.length === 0
          ? NO_RESERVATIONS
          : reservations.map((one) => ({ ...one, resources: normalise(one.resources) })),
      revocable: orNothing(normalise(revocable)),
    };
    agent.unused = this.#unusedOf(agent, offered);
    this.touch(agent);
  }

  /** As long as it is the same, or all of the agent, it is the same value. */
  #unusedOf({ free, kind, unused: before }: Agent, offered: Quantities = {}): Vector {
    const amounts = this.#totals.vectorOf(offered);
    const unused = isZero(free.amounts) ? amounts : summed(free.amounts, amounts);
    if (areEqual(unused, before)) return before;
    return areEqual(unused, kind.amounts) ? kind.amounts : unused;
  }

  /** Most often all is free, or nothing. */
  #bareFree({ kind }: Agent, free: Resources): Free | undefined {
    const isBare = isOfScalars(free);
    if (isBare && isOfNothing(free)) return NOTHING;
    if (!haveSameScalars(free, kind.total)) return undefined;
    const isWhole = isBare ? isOfScalars(kind.total) : equals(free, kind.total);
    return isWhole ? kind.whole : undefined;
  }

  /** Keeps the sums over all agents. */
  #setLeft(agent: Agent, left: Free): void {
    const before = agent.left;
    if (before === left) return;
    agent.left = left;
    if (this.#sumsUp) {
      accumulate(this.#available, before.amounts, -1);
      accumulate(this.#available, left.amounts, 1);
    }
    for (const one of left.reservations) this.#reserve(one.role, amountsOf(one, this.#totals), 1);
    for (const one of before.reservations) {
      this.#reserve(one.role, amountsOf(one, this.#totals), -1);
    }
  }
}

function haveSameEntries(a: object, b: object): boolean {
  const [entries, others] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))];
  return (
    entries.length === others.size &&
    entries.every(([name, value]) => others.has(name) && others.get(name) === value)
  );
}

function isOfNothing({ scalars }: Resources): boolean {
  for (const name in scalars) if (scalars[name] !== 0) return false;
  return true;
}

/** The second in normal form. No keys are listed: this is asked about every agent that is told of. */
function haveSameScalars({ scalars }: Resources, { scalars: others }: Resources): boolean {
  let names = 0;
  for (const name in scalars) {
    if (scalars[name] === 0) continue;
    if (scalars[name] !== others[name]) return false;
    names += 1;
  }
  for (const _ in others) names -= 1;
  return names === 0;
}
