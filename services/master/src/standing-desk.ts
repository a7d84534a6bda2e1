// Owns what becomes of the standings that agents tell a new leader. Where the books say the same the agent is heard. Where
// not, what was under way may be in the books a moment later, or known to the agent: what it has told is compared once
// more, then it is asked for another one, and only if that differs as long it is asked to register. No more are asked at a
// time than the cluster has messages left for.
import type { AgentId } from '@parley/protocol/ids';
import { type BroadcastsOptions, reportWithinMs } from './broadcasts.ts';
import { askForReport, askForStanding, type Message } from './reminders.ts';
import type { TakeoverCensus } from './takeover-census.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Unanswered } from './unanswered.ts';

/** Messages a second beside standings, and at most twice as many in the first second. */
const MESSAGES_AMONG_STANDINGS = 900;
/** When these are over. */
const MESSAGES_LATER = 4800;
/** A request and the heartbeat that it brings. */
const MESSAGES_A_STANDING = 2;
/** A request, the registration that it brings and the answer to that. */
const MESSAGES_A_REGISTRATION = 3;
/** Updates of tasks that have ended while nobody led are read, and orders not answered yet are given again. */
export const SETTLES_WITHIN_MS = 1000;

type Difference = {
  /** The last one that it told. */
  readonly standing: string;
  /** When the books are to say the same. */
  readonly dueMs: number;
  readonly wasAsked: boolean;
};

export class StandingDesk {
  readonly #options: Omit<BroadcastsOptions, 'masterId'>;
  readonly #census: Pick<TakeoverCensus, 'awaits' | 'agentHeard'>;
  readonly #tokens = new TokenBucket();
  /** In the order in which they are due. */
  readonly #differing = new Map<AgentId, Difference>();
  /** Have not told the other standing yet that they were asked for. */
  readonly #asked = new Set<AgentId>();
  #standingsEndMs = Number.POSITIVE_INFINITY;

  constructor(
    options: Omit<BroadcastsOptions, 'masterId'>,
    census: Pick<TakeoverCensus, 'awaits' | 'agentHeard'>,
  ) {
    this.#options = options;
    this.#census = census;
  }

  /** The term has begun. */
  begin(nowMs: number): void {
    this.#standingsEndMs = nowMs + reportWithinMs(this.#options.view.reporters());
  }

  heard({ agentId, standing }: Extract<Unanswered, { kind: 'agentAlive' }>, nowMs: number): void {
    if (standing === undefined || !this.#census.awaits(agentId)) return;
    const wasAsked = this.#asked.delete(agentId);
    if (this.#options.view.standingOf(agentId) === standing) {
      this.#differing.delete(agentId);
      this.#census.agentHeard(agentId, nowMs);
      return;
    }
    // One that speaks more often is not put off.
    const since = this.#differing.get(agentId) ?? { dueMs: nowMs + SETTLES_WITHIN_MS, wasAsked };
    this.#differing.set(agentId, { ...since, standing });
  }

  /** Requests for another standing, and to register. */
  takeDue(nowMs: number): Message[] {
    const messages: Message[] = [];
    if (this.#differing.size === 0) return messages;
    const isOver = nowMs >= this.#standingsEndMs;
    this.#tokens.refill(isOver ? MESSAGES_LATER : MESSAGES_AMONG_STANDINGS, nowMs);
    for (const [agentId, { standing, dueMs, wasAsked }] of this.#differing) {
      if (dueMs > nowMs || !this.#tokens.has(MESSAGES_A_REGISTRATION)) break;
      this.#differing.delete(agentId);
      // It may have been heard meanwhile.
      if (!this.#census.awaits(agentId) || !this.#options.view.isRegistered(agentId)) continue;
      // The books say by now what it had then: they have learnt all that it spoke of.
      if (this.#options.view.standingOf(agentId) === standing) {
        this.#census.agentHeard(agentId, nowMs);
      } else messages.push(this.#ask(agentId, wasAsked));
    }
    return messages;
  }

  /** What gets lost is made up for by the next heartbeat of the agent. */
  #ask(agentId: AgentId, wasAsked: boolean): Message {
    this.#tokens.take(wasAsked ? MESSAGES_A_REGISTRATION : MESSAGES_A_STANDING);
    if (wasAsked) return askForReport(this.#options, agentId);
    this.#asked.add(agentId);
    return askForStanding(this.#options, agentId);
  }
}
