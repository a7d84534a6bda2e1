// Owns when resources are taken back: who has a claim, which tasks the master is asked for, what is proposed to it, and
// what of that is called off. One claim at a time, so that each is decided on what the one before has changed. How
// everybody stands is in the share tree: nothing is reckoned where nobody can have a claim. How far a claim goes is in
// claims.ts, whose tasks go in victims.ts. Milliseconds of a monotonic clock.
import type { Fact } from '@parley/protocol/allocation';
import type { AgentId, TaskRef } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type {
  CandidatesAnswer,
  CandidatesQuestion,
  Revocation,
  Sharer,
} from '@parley/protocol/revocations';
import { DEFAULT_STARVATION_MS } from '@parley/protocol/sharing';
import { ClaimKnowledge } from './claim-knowledge.ts';
import type { Claims, SharingClient } from './claims.ts';
import { AGAIN_MS, ClaimsUnderWay } from './claims-under-way.ts';
import { partOfGuarantee } from './guarantee-standings.ts';
import type { Knowledge } from './knowledge.ts';
import { OpenDemand } from './open-demand.ts';
import { ReturnedRoom } from './returned-room.ts';
import type { Client } from './share-tree.ts';
import type { UnmetNeed } from './spare-room.ts';
import { StarvedClients } from './starved-clients.ts';
import { chooseVictims, needsToTakeFor, unneeded } from './victims.ts';

export type ReclaimEffect =
  | { readonly kind: 'askCandidates'; readonly question: CandidatesQuestion }
  | {
      readonly kind: 'revoke';
      readonly revocations: Revocation[];
      /** Of those under way, what nobody needs any more. */
      readonly calledOff: TaskRef[];
    };

/** Between two looks at who has a claim: taking back is slow anyway. */
export const LOOK_MS = 1000;
const MAX_CANDIDATES = 1000;
const MAX_HOLDERS = 1000;
const MAX_NEEDS = 8;
/** Agents left out of a question because its claimant refuses them. */
const MAX_REFUSED = 1000;
const MAX_REVOCATIONS = 100;
const MAX_CALLED_OFF = 1000;
/** Claims gone into at a time, each of them with what is free: one that is met by it is put off. */
const MAX_CLAIMS = 10;

export class Reclaimer {
  readonly #known: Knowledge;
  readonly #reading: ClaimKnowledge;
  readonly #demand: OpenDemand;
  readonly #starved: StarvedClients;
  readonly #underWay = new ClaimsUnderWay();
  readonly #returned: ReturnedRoom;
  #reclaims = false;
  #starvationMs = DEFAULT_STARVATION_MS;
  #hasNews = false;
  #nextLookMs = 0;
  /** Without news nothing is found before then. */
  #fruitlessUntilMs = 0;

  /** `returned`: what is remembered from before what is known was lost. */
  constructor(known: Knowledge, returned = new ReturnedRoom()) {
    this.#known = known;
    this.#returned = returned;
    this.#reading = new ClaimKnowledge(known);
    this.#demand = new OpenDemand(known);
    this.#starved = new StarvedClients(known, this.#demand);
  }

  /** Facts that are known already. */
  hear(facts: readonly Fact[], nowMs: number): void {
    this.#returned.hear(facts, this.#known.frameworks, nowMs);
    let isNews = false;
    for (const fact of facts) if (this.#hear(fact, nowMs)) isNews = true;
    if (!isNews) return;
    if (!this.#hasNews) this.#nextLookMs = Math.max(this.#nextLookMs, nowMs + LOOK_MS);
    this.#hasNews = true;
  }

  /** Does what is due. To be called no later than `nextWakeMs`. */
  tick(nowMs: number): ReclaimEffect[] {
    if (this.#underWay.expire(nowMs)) this.#hasNews = true;
    if (this.#returned.expire(nowMs)) this.#hasNews = true;
    const isDue = nowMs >= this.#nextLookMs && (this.#hasNews || nowMs >= this.#starvationDueMs());
    if (!isDue || this.#underWay.isWaiting) return [];
    this.#nextLookMs = nowMs + LOOK_MS;
    this.#hasNews = false;
    if (!this.#reclaims) return [];
    if (this.#demand.expire(nowMs)) this.#starved.changed();
    return this.#look(nowMs);
  }

  /** The master's answer; one that is not expected any more is left out. */
  candidates({ question, tasks }: CandidatesAnswer, nowMs: number): ReclaimEffect[] {
    const claimant = this.#underWay.answered(question);
    if (claimant === undefined) return [];
    this.#hasNews = true;
    this.#starved.look(nowMs);
    const named = tasks.filter((task) => this.#underWay.mayBeNamed(task));
    const agents = named.map(({ agentId }) => agentId);
    const needs = this.#demand.needsOf(claimant);
    const claims = this.#claimsOf(claimant, { needs, agents, nowMs });
    const holders = this.#reading
      .clientsOf(named.map(({ task, role }) => ({ framework: task, role })))
      .filter((client) => client !== claimant)
      .map((client) => this.#describe(client));
    const clients = [...claims.clients, ...holders];
    const revocations = chooseVictims({ ...claims, clients, tasks: named });
    if (revocations.length === 0) {
      this.#underWay.giveUp(claimant, nowMs);
      return [];
    }
    this.#underWay.propose(revocations, named, nowMs);
    this.#returned.taken(sharerOf(claimant));
    return [{ kind: 'revoke', revocations, calledOff: [] }];
  }

  nextWakeMs(): number {
    if (this.#underWay.isWaiting) return this.#underWay.answerDueMs;
    if (!this.#reclaims) return Number.POSITIVE_INFINITY;
    if (this.#hasNews) return this.#nextLookMs;
    const { hopeDueMs } = this.#underWay;
    const dueMs = Math.min(this.#starvationDueMs(), hopeDueMs, this.#returned.dueMs);
    return Math.max(this.#nextLookMs, dueMs);
  }

  /** The value: whether somebody may have a claim, or have none any more, because of it. */
  #hear(fact: Fact, nowMs: number): boolean {
    switch (fact.kind) {
      case 'agentFree':
      case 'outstanding':
      case 'leftUnused':
        return false;
      case 'settings':
        this.#reclaims = fact.reclaims;
        this.#starvationMs = fact.starvationMs;
        return true;
      case 'revoking':
      case 'revoked':
        this.#underWay.decided(fact.task, fact.kind === 'revoked', nowMs);
        return true;
      case 'refused':
        this.#demand.refused(fact, nowMs);
        break;
      case 'filtersCleared':
      case 'frameworkAway':
        this.#demand.resumed(fact);
        break;
      default:
    }
    this.#starved.changed();
    return true;
  }

  #look(nowMs: number): ReclaimEffect[] {
    const effects: ReclaimEffect[] = [];
    const calledOff = this.#unneeded(nowMs);
    if (calledOff.length > 0) {
      this.#underWay.callOff(calledOff, nowMs);
      effects.push({ kind: 'revoke', revocations: [], calledOff });
    }
    const question = this.#questionFor(nowMs);
    if (question === undefined) this.#fruitlessUntilMs = nowMs + AGAIN_MS;
    else effects.push({ kind: 'askCandidates', question });
    return effects;
  }

  /** Of what is under way: what its beneficiary needs has been met otherwise, or is not due to it any more. */
  #unneeded(nowMs: number): TaskRef[] {
    const { kept } = this.#known;
    if (kept.size === 0) return [];
    this.#starved.look(nowMs);
    const tasks: TaskRef[] = [];
    const byClient = Map.groupBy(kept.comingBack(), ({ beneficiary }) =>
      this.#reading.clientOf(beneficiary),
    );
    for (const [client, coming] of byClient) {
      // Of a framework that is gone the master knows.
      if (client === undefined) continue;
      const agents = coming.map(({ agentId }) => agentId);
      const claims = this.#claimsOf(client, { needs: [], agents, nowMs });
      // It had been starved for long enough when that began.
      const isStarved = coming.some(({ reason }) => reason === 'starved');
      const starvedForMs = isStarved
        ? Number.POSITIVE_INFINITY
        : this.#starved.forMs(client, nowMs);
      const needs = this.#demand.needsOf(client);
      const clients = [this.#describe(client, { needs, starvedForMs })];
      tasks.push(
        ...unneeded({ ...claims, clients })
          .filter((one) => this.#underWay.mayBeCalledOff(one))
          .map(({ task }) => task),
      );
    }
    return tasks.slice(0, MAX_CALLED_OFF);
  }

  /** For the first claim that is not met by what comes back or is free. */
  #questionFor(nowMs: number): CandidatesQuestion | undefined {
    const { order } = this.#known;
    if (order.hasQuotas && order.standings.above.size === 0) {
      // Nobody has anything that could be taken.
      this.#starved.forget();
      return undefined;
    }
    this.#starved.look(nowMs);
    const short = this.#short();
    const starved = [...this.#starved.forLongerThan(this.#starvationMs, nowMs)];
    const claimants = [
      ...this.#inOrder(short, partOfGuarantee),
      ...this.#inOrder(starved, (client) => this.#starved.partOfShare(client)),
    ];
    for (const claimant of new Set(claimants.slice(0, MAX_CLAIMS))) {
      const question = this.#question(claimant, short.has(claimant), nowMs);
      if (question !== undefined) return question;
      this.#underWay.giveUp(claimant, nowMs);
    }
    return undefined;
  }

  /** Those who want more and have less than they, or roles above them, are guaranteed. */
  #short(): ReadonlySet<Client> {
    const short = new Set<Client>();
    for (const client of this.#reading.belowGuarantees()) {
      if (this.#demand.wantsMore(client)) short.add(client);
    }
    return short;
  }

  /** Of those with hope that are not put off, whoever has least of what it is entitled to first. */
  #inOrder(clients: Iterable<Client>, partOf: (client: Client) => number): Client[] {
    return [...clients]
      .filter((client) => this.#underWay.hasHope(client))
      .filter((client) => !this.#returned.isPutOff(sharerOf(client)))
      .map((client) => ({ client, part: partOf(client) }))
      .sort((a, b) => a.part - b.part || (a.client.name < b.client.name ? -1 : 1))
      .map(({ client }) => client);
  }

  /** Undefined where nothing would be taken for it, or nobody has anything that might be. */
  #question(claimant: Client, isShort: boolean, nowMs: number): CandidatesQuestion | undefined {
    const wanted = this.#demand.needsOf(claimant);
    const claims = this.#claimsOf(claimant, { needs: wanted, agents: [], nowMs });
    const open = needsToTakeFor(claims);
    const [first] = open;
    if (first === undefined) return undefined;
    const { within, outside } = first;
    const holders = this.#reading.holdersBeside(claimant, {
      within,
      outside,
      isShort,
      shareOf: (client) => this.#starved.shareOf(client),
      limit: MAX_HOLDERS,
    });
    if (holders.length === 0) return undefined;
    // Of needs for which tasks of others would do there is another question, when these are met.
    const alike = open.filter((one) => one.within === within && one.outside === outside);
    const unmet = new Set(alike.map(({ need }) => need));
    const asked = wanted.filter((need) => unmet.has(need)).slice(0, MAX_NEEDS);
    const notOn = this.#demand.refusedBy(claimant, asked, MAX_REFUSED);
    const needs = asked.map(({ resources, first = resources, constraints }) => {
      return { resources: first, constraints };
    });
    const question = this.#underWay.ask(claimant, nowMs);
    const beneficiary = sharerOf(claimant);
    const mayUseFree = within === undefined;
    const limit = MAX_CANDIDATES;
    const about = { question, holders, beneficiary, needs, mayUseFree, limit };
    return notOn.length === 0 ? about : { ...about, notOn };
  }

  /** Of one claimant. `agents`: beside those where something comes back for it. */
  #claimsOf(
    claimant: Client,
    about: {
      readonly needs: readonly UnmetNeed[];
      readonly agents: readonly AgentId[];
      readonly nowMs: number;
    },
  ): Claims {
    const { needs, nowMs } = about;
    const starvedForMs = this.#starved.forMs(claimant, nowMs);
    const situation = this.#situation();
    const coming = situation.comingBack.map(({ agentId }) => agentId);
    const agents = new Set([...about.agents, ...coming]);
    const isRefused = this.#reading.refusalsOf(claimant);
    return {
      ...situation,
      ...(isRefused !== undefined && { isRefused }),
      clients: [this.#describe(claimant, { needs, starvedForMs })],
      free: this.#reading.free(claimant, { needs, agents }),
    };
  }

  #situation(): Claims {
    return {
      clients: [],
      roles: this.#reading.roles(),
      tasks: [],
      free: NOTHING_FREE,
      comingBack: [...this.#known.kept.comingBack(), ...this.#underWay.proposed()],
      total: this.#reading.total,
      starvationMs: this.#starvationMs,
      limit: MAX_REVOCATIONS,
    };
  }

  #describe(client: Client, about: About = NO_CLAIM): SharingClient {
    return this.#reading.describe(client, { ...about, share: this.#starved.shareOf(client) });
  }

  /** When somebody has been starved for longer than is allowed. */
  #starvationDueMs(): number {
    return Math.max(this.#starved.firstMs + this.#starvationMs + 1, this.#fruitlessUntilMs);
  }
}

const sharerOf = ({ framework, role }: Client): Sharer => ({ framework: framework.ref, role });

type About = Pick<SharingClient, 'needs' | 'starvedForMs'>;
const NO_CLAIM: About = { needs: [], starvedForMs: 0 };
const NOTHING_FREE: ReadonlyMap<AgentId, Resources> = new Map();
