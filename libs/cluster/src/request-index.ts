// Owns which request sessions a caller has and which answers each holds. Derived from the tables.
import type { AnswerRecord, SessionRecord } from './records.ts';

export class RequestIndex {
  readonly sessionsOf = new Map<string, Set<string>>();
  readonly #answersOf = new Map<string, Set<number>>();

  sessionOpened(key: string, session: SessionRecord): void {
    const sessions = this.sessionsOf.get(session.caller) ?? new Set();
    this.sessionsOf.set(session.caller, sessions.add(key));
  }

  sessionClosed(key: string, session: SessionRecord): void {
    const sessions = this.sessionsOf.get(session.caller);
    sessions?.delete(key);
    if (sessions?.size === 0) this.sessionsOf.delete(session.caller);
    this.#answersOf.delete(key);
  }

  answered({ session, counter }: AnswerRecord): void {
    const counters = this.#answersOf.get(session);
    if (counters === undefined) this.#answersOf.set(session, new Set([counter]));
    else counters.add(counter);
  }

  answerDropped(session: string, counter: number): void {
    this.#answersOf.get(session)?.delete(counter);
  }

  /** Counters of the answers that are kept, as they came. */
  countersOf(session: string): ReadonlySet<number> {
    return this.#answersOf.get(session) ?? NO_COUNTERS;
  }
}

const NO_COUNTERS: ReadonlySet<number> = new Set();
