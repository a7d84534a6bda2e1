// Owns how progress is shown while frameworks run: on a terminal the status lines are drawn over themselves, else
// plain lines are written now and then. What the lines say comes from outside.

export type Output = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
};

const PLAIN_INTERVAL_MS = 2000;
const CLEAR_LINE = '\u001b[2K';
const cursorUp = (lines: number): string => `\u001b[${lines}A`;

export class ProgressDisplay {
  readonly #output: Output;
  readonly #isTerminal: boolean;
  #drawn = 0;
  #lastPlainMs = Number.NEGATIVE_INFINITY;

  constructor(output: Output, isTerminal: boolean) {
    this.#output = output;
    this.#isTerminal = isTerminal;
  }

  /** The newest status lines. Off a terminal most calls write nothing. */
  show(lines: readonly string[], nowMs: number): void {
    if (this.#isTerminal) {
      this.#redraw(lines);
      return;
    }
    if (lines.length === 0 || nowMs - this.#lastPlainMs < PLAIN_INTERVAL_MS) return;
    this.#lastPlainMs = nowMs;
    this.#output.write(`${lines.join('\n')}\n`);
  }

  /** A line that stays, above the status lines. */
  note(text: string): void {
    this.#clear();
    this.#output.write(`${text}\n`);
  }

  /** The status lines stay as they are; what comes next is below them. */
  finish(): void {
    this.#drawn = 0;
  }

  #redraw(lines: readonly string[]): void {
    this.#clear();
    const columns = this.#output.columns ?? 100;
    // A line that wraps would be two lines to go up.
    for (const line of lines) this.#output.write(`${CLEAR_LINE}${line.slice(0, columns - 1)}\n`);
    this.#drawn = lines.length;
  }

  #clear(): void {
    if (this.#drawn === 0) return;
    this.#output.write(cursorUp(this.#drawn) + `${CLEAR_LINE}\n`.repeat(this.#drawn));
    this.#output.write(cursorUp(this.#drawn));
    this.#drawn = 0;
  }
}
