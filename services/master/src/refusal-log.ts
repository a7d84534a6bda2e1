// Owns what the log says about refused calls: each kind of refusal once, when it first happens, and from then on how
// many there were. A flood of refused calls must not become a flood of lines. Pure.

export type RefusalLine = {
  readonly message: string;
  readonly fields: Record<string, unknown>;
};

const SUMMARY_INTERVAL_MS = 60_000;
/** Kinds of refusal that get a line of their own; the rest is only counted. */
const MAX_KINDS = 1000;

export class RefusalLog {
  readonly #counts = new Map<string, number>();
  readonly #known = new Set<string>();
  /** As the log last told them. */
  readonly #told = new Map<string, number>();
  #lines: RefusalLine[] = [];
  #summaryDueMs: number | undefined;

  /** By reason: the name of a rule, or of what else refuses. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** `kind`: what has a line of its own, below the reason. */
  add(reason: string, kind: string, fields: Record<string, unknown>): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    const key = `${reason}\n${kind}`;
    if (this.#known.has(key) || this.#known.size >= MAX_KINDS) return;
    this.#known.add(key);
    this.#lines.push({ message: 'call refused', fields: { by: reason, ...fields } });
  }

  /** Call it about once a second. */
  takeLines(nowMs: number): RefusalLine[] {
    const lines = this.#lines;
    this.#lines = [];
    this.#summaryDueMs ??= nowMs + SUMMARY_INTERVAL_MS;
    if (nowMs < this.#summaryDueMs) return lines;
    this.#summaryDueMs = nowMs + SUMMARY_INTERVAL_MS;
    for (const [by, count] of this.#counts) {
      const told = this.#told.get(by) ?? 0;
      if (count === told) continue;
      this.#told.set(by, count);
      lines.push({
        message: 'calls refused',
        fields: { by, lately: count - told, sinceTermBegan: count },
      });
    }
    return lines;
  }
}
