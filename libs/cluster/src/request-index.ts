// Owns which request sessions a caller has and which answers each holds. Derived from the tables.
import type { AnswerRecord, SessionRecord } from './records.ts';

export class RequestIndex {
  readonly sessionsOf = new Map<string, Set<string>>();
  readonly #answersOf = new Map<string, Map<number, string>>();

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

  /** `key`: of the answer's record. */
  answered(key: string, { session, counter }: AnswerRecord): void {
    const answers = this.#answersOf.get(session);
    if (answers === undefined) this.#answersOf.set(session, new Map([[counter, key]]));
    else answers.set(counter, key);
  }

  answerDropped(session: string, counter: number): void {
    this.#answersOf.get(session)?.delete(counter);
  }

  /** Counters of the answers that are kept, as they came, and the keys of their records. */
  answersOf(session: string): ReadonlyMap<number, string> {
    return this.#answersOf.get(session) ?? NO_ANSWERS;
  }
}

const NO_ANSWERS: ReadonlyMap<number, string> = new Map();
