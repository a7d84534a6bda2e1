// Owns which request sessions a caller has and which answers each holds. Derived from the tables.
import { assert } from '@parley/protocol/unreachable';
import type { Caller } from './inputs.ts';
import type { AnswerRecord, SessionRecord } from './records.ts';

/** The key of a session's record by what requests call the session. */
type Sessions = Map<string, string>;
const KINDS: readonly Caller['kind'][] = ['framework', 'agent', 'operator'];

export class RequestIndex {
  /** By kind of caller, and by its id: neither has to be put together with the other to be found. */
  readonly #callers = new Map(KINDS.map((kind) => [kind, new Map<string, Sessions>()]));
  readonly #answersOf = new Map<string, Map<number, string>>();

  sessionOpened(key: string, { caller }: SessionRecord): void {
    const { callers, id } = this.#placeOf(caller);
    const sessions: Sessions = callers.get(id) ?? new Map();
    callers.set(id, sessions.set(key.slice(caller.length + 1), key));
  }

  sessionClosed(key: string, { caller }: SessionRecord): void {
    const { callers, id } = this.#placeOf(caller);
    const sessions = callers.get(id);
    sessions?.delete(key.slice(caller.length + 1));
    if (sessions?.size === 0) callers.delete(id);
    this.#answersOf.delete(key);
  }

  /** The key of a session that is open. */
  keyOf(kind: Caller['kind'], id: string, session: string): string | undefined {
    return this.#callers.get(kind)?.get(id)?.get(session);
  }

  /** Keys of the caller's sessions, as they were opened. `caller`: as in their records. */
  sessionsOf(caller: string): readonly string[] {
    const { callers, id } = this.#placeOf(caller);
    return [...(callers.get(id)?.values() ?? [])];
  }

  /** Keys of all sessions. */
  get sessions(): readonly string[] {
    return [...this.#callers.values()].flatMap((callers) =>
      [...callers.values()].flatMap((sessions) => [...sessions.values()]),
    );
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

  #placeOf(caller: string): { readonly callers: Map<string, Sessions>; readonly id: string } {
    const at = caller.indexOf(':');
    const kind = KINDS.find((one) => one === caller.slice(0, at));
    const callers = kind && this.#callers.get(kind);
    assert(callers !== undefined, `a caller has a kind: ${caller}`);
    return { callers, id: caller.slice(at + 1) };
  }
}

const NO_ANSWERS: ReadonlyMap<number, string> = new Map();
