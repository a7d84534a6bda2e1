// Owns what becomes of the standings that agents tell a new leader: where the books say the same the agent is heard, where
// not it is asked to register, and no more are asked at a time than the cluster has messages left for.
import type { AgentId } from '@parley/protocol/ids';
import { type BroadcastsOptions, reportWithinMs } from './broadcasts.ts';
import { askForReport, type Message } from './reminders.ts';
import type { TakeoverCensus } from './takeover-census.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Unanswered } from './unanswered.ts';

/** Beside standings: three messages each, and at most twice as many in the first second. */
const ASKED_AMONG_STANDINGS = 300;
/** When these are over. */
const ASKED_LATER = 1600;

export class StandingDesk {
  readonly #options: Omit<BroadcastsOptions, 'masterId'>;
  readonly #census: Pick<TakeoverCensus, 'awaits' | 'agentHeard'>;
  readonly #tokens = new TokenBucket();
  /** In the order in which they differed. */
  readonly #differing = new Set<AgentId>();
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
    if (this.#options.view.standingOf(agentId) !== standing) this.#differing.add(agentId);
    else this.#census.agentHeard(agentId, nowMs);
  }

  /** Requests to register. */
  takeDue(nowMs: number): Message[] {
    const messages: Message[] = [];
    if (this.#differing.size === 0) return messages;
    const isOver = nowMs >= this.#standingsEndMs;
    this.#tokens.refill(isOver ? ASKED_LATER : ASKED_AMONG_STANDINGS, nowMs);
    for (const agentId of this.#differing) {
      if (!this.#tokens.has(1)) break;
      this.#differing.delete(agentId);
      // It may have been heard meanwhile.
      if (!this.#census.awaits(agentId) || !this.#options.view.isRegistered(agentId)) continue;
      this.#tokens.take(1);
      messages.push(askForReport(this.#options, agentId));
    }
    return messages;
  }
}
