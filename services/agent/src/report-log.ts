// Owns how often the log says that somebody spoke nonsense: a few lines a minute about each, and then how many were left
// out. A flood of bad messages must not become a flood of lines. Pure.

const WINDOW_MS = 60_000;
/** Lines about one executor or task in a window. */
const LINES = 10;
/** Of those that are spoken about in a window; the others share one. */
const MAX_ABOUT = 1000;
const OTHERS = 'others';

export type LeftOut = { readonly about: string; readonly leftOut: number };

export class ReportLog {
  readonly #counts = new Map<string, number>();
  #endMs = Number.NEGATIVE_INFINITY;

  /** Whether this one is written, and what the window before has left out. */
  add(about: string, nowMs: number): { readonly isWritten: boolean; readonly before: LeftOut[] } {
    const before = nowMs < this.#endMs ? [] : this.#turn(nowMs);
    const isOwn = this.#counts.has(about) || this.#counts.size < MAX_ABOUT;
    const key = isOwn ? about : OTHERS;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return { isWritten: count <= LINES, before };
  }

  #turn(nowMs: number): LeftOut[] {
    const before = [...this.#counts]
      .filter(([, count]) => count > LINES)
      .map(([about, count]) => ({ about, leftOut: count - LINES }));
    this.#counts.clear();
    this.#endMs = nowMs + WINDOW_MS;
    return before;
  }
}
