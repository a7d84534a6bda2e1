// Owns who was last heard of when, in the leader's own monotonic time. It only proposes; verdicts count
// once they are journalled. A new term starts with everybody just heard of.

export class SilenceWatch {
  readonly #lastHeardMs = new Map<string, number>();
  /** Those named silent since they were last heard of. */
  readonly #judged = new Set<string>();

  heard(key: string, nowMs: number): void {
    this.#lastHeardMs.set(key, nowMs);
    this.#judged.delete(key);
  }

  /**
   * Those of `watched` that have been silent for longer than the limit, each once until heard again.
   * Everybody else is forgotten, so that what is gone takes no memory.
   */
  silent<One>(watched: ReadonlyMap<string, One>, limitMs: number, nowMs: number): [string, One][] {
    const verdicts: [string, One][] = [];
    for (const [key, one] of watched) {
      const last = this.#lastHeardMs.get(key);
      if (last === undefined) this.#lastHeardMs.set(key, nowMs);
      else if (nowMs - last > limitMs && !this.#judged.has(key)) {
        this.#judged.add(key);
        verdicts.push([key, one]);
      }
    }
    for (const key of this.#lastHeardMs.keys())
      if (!watched.has(key)) this.#lastHeardMs.delete(key);
    for (const key of this.#judged) if (!watched.has(key)) this.#judged.delete(key);
    return verdicts;
  }

  /** The verdict could not be submitted: it is proposed again. */
  retract(key: string): void {
    this.#judged.delete(key);
  }
}
