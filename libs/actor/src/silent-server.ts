// Owns when a server counts as silent that a process has asked for a sign of life. It knows no clock and no server: looks
// come from a timer of the process itself, which says by coming late that the process was held up.

/** How often to look. */
export const LOOK_MS = 500;
/** A look that comes later than this after the one before: the process had no time to hear an answer either. */
const LATE_MS = 2 * LOOK_MS;
const FIRST_LOOKS = 3;
/** Half a minute: that all servers are silent says more of this process than of them. */
const MOST_LOOKS = 60;

export class SilentServer {
  #lookedMs = Number.NEGATIVE_INFINITY;
  #unanswered = 0;
  #patience = FIRST_LOOKS;

  /** It is asked for a sign of life; nothing that was asked before is still open. */
  asked(nowMs: number): void {
    this.#lookedMs = nowMs;
    this.#unanswered = 0;
  }

  /** What was asked is answered. */
  answered(): void {
    this.#patience = FIRST_LOOKS;
  }

  /**
   * What was asked is not answered yet; `hasHeard`: something else came since the last look. True: it is to be left; the next one
   * is given twice as long.
   */
  look(nowMs: number, hasHeard = false): boolean {
    const isLate = nowMs - this.#lookedMs > LATE_MS;
    this.#lookedMs = nowMs;
    // Nobody is blamed for what this process has missed, or for how much it has to read before the answer.
    this.#unanswered = isLate || hasHeard ? 0 : this.#unanswered + 1;
    if (this.#unanswered < this.#patience) return false;
    this.#unanswered = 0;
    this.#patience = Math.min(2 * this.#patience, MOST_LOOKS);
    return true;
  }
}
