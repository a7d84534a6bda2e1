// Owns what follows from the messages that nobody waits for an answer to: signs of life and what they say of the books, what
// agents lend, proposals, questions of the allocator. Reading them is in unanswered.ts.
import type { Input } from '@parley/cluster/inputs';
import { compareEpochs } from '@parley/protocol/epoch';
import type { Outcome } from '@parley/protocol/errors';
import type { AgentId, FrameworkRef } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import type { CandidatesQuestion } from '@parley/protocol/revocations';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';
import type { BroadcastsOptions } from './broadcasts.ts';
import { snapshotMessages } from './facts-messages.ts';
import { askForRoles, askToRegister, type Message, tellUnsubscribed } from './reminders.ts';
import type { SilenceJudge } from './silence-judge.ts';
import type { StandingDesk } from './standing-desk.ts';
import type { TakeoverCensus } from './takeover-census.ts';
import type { Unanswered } from './unanswered.ts';

export type UnansweredDeskOptions = Omit<BroadcastsOptions, 'masterId'> & {
  /** What cannot be queued is said again by whoever said it. */
  readonly submit: (input: Input) => Outcome<undefined>;
};

type FrameworkAlive = Extract<Unanswered, { kind: 'frameworkAlive' }>;

export class UnansweredDesk {
  readonly #options: UnansweredDeskOptions;
  readonly #silence: SilenceJudge;
  readonly #census: TakeoverCensus;
  readonly #standings: StandingDesk;

  constructor(
    options: UnansweredDeskOptions,
    desks: {
      readonly silence: SilenceJudge;
      readonly census: TakeoverCensus;
      readonly standings: StandingDesk;
    },
  ) {
    this.#options = options;
    this.#silence = desks.silence;
    this.#census = desks.census;
    this.#standings = desks.standings;
  }

  /** What is to be published because of it. */
  heard(message: Unanswered, nowMs: number): Message[] {
    switch (message.kind) {
      case 'frameworkAlive':
        return this.#frameworkAlive(message, nowMs);
      case 'agentAlive': {
        this.#silence.agentHeard(message.agentId, nowMs);
        const asked = askToRegister(this.#options, message.agentId);
        this.#standings.heard(message, nowMs);
        return asked;
      }
      case 'agentOversubscribed': {
        this.#silence.agentHeard(message.agentId, nowMs);
        const asked = askToRegister(this.#options, message.agentId);
        this.#oversubscribe(message.agentId, message.revocable);
        return asked;
      }
      case 'factsWanted':
        return snapshotMessages(this.#options);
      case 'candidatesWanted':
        return [this.#candidates(message.question)];
      case 'proposals':
      case 'revocations':
        this.#options.submit(message);
        return [];
      default:
        return unreachable(message);
    }
  }

  #frameworkAlive(message: FrameworkAlive, nowMs: number): Message[] {
    const { framework, session, confirmed } = message;
    this.#silence.frameworkHeard(framework, session, nowMs);
    this.#census.frameworkHeard(framework, nowMs);
    const asked = this.#compare(message);
    const told = tellUnsubscribed(this.#options, framework);
    this.#confirm(framework, session, confirmed);
    return [...asked, ...told];
  }

  /** What it says of itself is compared with the books; where they differ in its roles it names them again. */
  #compare({ framework, session, report }: FrameworkAlive): Message[] {
    const { epoch } = this.#options;
    // Who has heard a later leader speaks of that one's books.
    if (report === undefined || compareEpochs(report.epoch, epoch) > 0) return [];
    const reported = { framework, session, report };
    const compared = this.#options.view.compareReport(reported);
    if (compared === undefined || !this.#census.compared(reported, compared)) return [];
    return [askForRoles(this.#options, framework, session)];
  }

  /** Agents say it again and again: what is new is journalled, and what gets lost comes again. */
  #oversubscribe(agentId: AgentId, revocable: Resources): void {
    const registration = this.#options.view.oversubscriptionNews(agentId, revocable);
    if (registration === undefined) return;
    this.#options.submit({ kind: 'agentOversubscribed', agentId, registration, revocable });
  }

  /** What a heartbeat confirms is journalled only where it counts: an offer that expires unseen is nobody's fault. */
  #confirm(framework: FrameworkRef, session: number, number: number): void {
    if (!this.#options.view.isConfirming(framework, session, number)) return;
    this.#options.submit({ kind: 'frameworkConfirmed', framework, session, number });
  }

  /** As the books are between two entries. */
  #candidates({ question, ...about }: CandidatesQuestion): Message {
    const { cluster, epoch, view } = this.#options;
    const body = { question, ...view.candidates(about) };
    return encodeMessage(SUBJECTS.candidates, cluster, {}, body, { epoch });
  }
}
