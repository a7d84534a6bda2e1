// Owns which of very many have been silent for too long: who was heard when, in the leader's own monotonic time, looked
// at in slices so that no look takes long, and those found silent in the order in which they were found. Whoever is heard
// while it waits is off the list. It only proposes. A new term starts with everybody just heard of.

type Known = { heardMs: number; round: number; isJudged: boolean };
type Watched<Key> = { readonly agentId: Key; readonly registration: number };

/** A round over all begins no sooner than this after the one before. */
const ROUND_MS = 1000;

export class SilenceRound<Key extends string, One extends Watched<Key>> {
  readonly #slice: number;
  readonly #known = new Map<Key, Known>();
  readonly #silent = new Map<Key, One>();
  #number = 0;
  #begunMs = Number.NEGATIVE_INFINITY;
  #watched: Iterator<One> | undefined;
  #forgetting: Iterator<[Key, Known]> | undefined;

  constructor(slice: number) {
    this.#slice = slice;
  }

  heard(key: Key, nowMs: number): void {
    this.#silent.delete(key);
    const known = this.#known.get(key);
    if (known === undefined) this.#know(key, nowMs);
    else {
      known.heardMs = nowMs;
      known.isJudged = false;
    }
  }

  /** Goes on where the last call ended; a round ends with forgetting those that are not watched any more. */
  look(watched: () => Iterable<One>, limitMs: number, nowMs: number): void {
    if (this.#watched === undefined && this.#forgetting === undefined) {
      if (nowMs - this.#begunMs < ROUND_MS) return;
      this.#begunMs = nowMs;
      this.#number += 1;
      this.#watched = watched()[Symbol.iterator]();
    }
    for (let count = 0; count < this.#slice; count += 1) {
      if (!this.#lookAtNext(limitMs, nowMs)) return;
    }
  }

  /** So many were found silent and are not given up yet. */
  get waiting(): number {
    return this.#silent.size;
  }

  /** The one that waits longest, unless it has another registration by now or none. It counts as judged until heard. */
  takeSilent(registrationOf: (key: Key) => number | undefined): One | undefined {
    for (const [key, one] of this.#silent) {
      this.#silent.delete(key);
      if (registrationOf(key) !== one.registration) continue;
      const known = this.#known.get(key);
      if (known !== undefined) known.isJudged = true;
      return one;
    }
    return undefined;
  }

  /** It could not be given up: it is proposed again. */
  putBack(one: One): void {
    const known = this.#known.get(one.agentId);
    if (known !== undefined) known.isJudged = false;
    this.#silent.set(one.agentId, one);
  }

  /** False at the end of the round. */
  #lookAtNext(limitMs: number, nowMs: number): boolean {
    if (this.#watched === undefined) return this.#forgetNext();
    const next = this.#watched.next();
    if (next.done === true) {
      this.#watched = undefined;
      this.#forgetting = this.#known.entries();
    } else this.#lookAt(next.value, limitMs, nowMs);
    return true;
  }

  #lookAt(one: One, limitMs: number, nowMs: number): void {
    const known = this.#known.get(one.agentId) ?? this.#know(one.agentId, nowMs);
    known.round = this.#number;
    if (known.isJudged || nowMs - known.heardMs <= limitMs || this.#silent.has(one.agentId)) return;
    this.#silent.set(one.agentId, one);
  }

  #forgetNext(): boolean {
    const next = this.#forgetting?.next();
    if (next === undefined || next.done === true) {
      this.#forgetting = undefined;
      return false;
    }
    const [key, known] = next.value;
    if (known.round < this.#number) {
      this.#known.delete(key);
      this.#silent.delete(key);
    }
    return true;
  }

  /** One that was just heard for the first time is not forgotten by the round under way. */
  #know(key: Key, nowMs: number): Known {
    const known = { heardMs: nowMs, round: this.#number, isJudged: false };
    this.#known.set(key, known);
    return known;
  }
}
