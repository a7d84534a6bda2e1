// Owns a quantity over time that keeps its value until the next record: its time-weighted mean, its peak and
// its course for a plot. It knows no clock and no resource; memory is bounded by merging neighbours.

/** More pieces than any plot has columns; beyond, neighbours are merged. */
const MAX_PIECES = 2048;

type Piece = { readonly fromMs: number; toMs: number; value: number };

export class Timeline {
  readonly #maxPieces: number;
  #pieces: Piece[] = [];
  #current: { sinceMs: number; value: number } | undefined;
  #integral = 0;
  #durationMs = 0;
  #peak: number | undefined;

  constructor(maxPieces = MAX_PIECES) {
    this.#maxPieces = maxPieces;
  }

  /** The value from `atMs` on. Times must not decrease; an earlier one counts as the last one. */
  record(atMs: number, value: number): void {
    this.#advance(atMs);
    const sinceMs = Math.max(atMs, this.#current?.sinceMs ?? atMs);
    this.#current = { sinceMs, value };
    this.#peak = Math.max(this.#peak ?? value, value);
  }

  /** From here on the quantity is not defined, until the next record. */
  pause(atMs: number): void {
    this.#advance(atMs);
    this.#current = undefined;
  }

  /** Integral over the defined time, divided by that time; undefined while no time has passed. */
  mean(untilMs: number): number | undefined {
    this.#advance(untilMs);
    return this.#durationMs === 0 ? undefined : this.#integral / this.#durationMs;
  }

  get peak(): number | undefined {
    return this.#peak;
  }

  /** Time-weighted means of `count` equal stretches of [fromMs, toMs]; undefined where nothing is known. */
  course(span: { fromMs: number; toMs: number; count: number }): (number | undefined)[] {
    this.#advance(span.toMs);
    const width = (span.toMs - span.fromMs) / span.count;
    if (!(width > 0)) return [];
    return Array.from({ length: span.count }, (_, index) => {
      const fromMs = span.fromMs + index * width;
      return this.#meanBetween(fromMs, fromMs + width);
    });
  }

  #meanBetween(fromMs: number, toMs: number): number | undefined {
    let weight = 0;
    let sum = 0;
    for (const piece of this.#pieces) {
      const overlap = Math.min(piece.toMs, toMs) - Math.max(piece.fromMs, fromMs);
      if (overlap <= 0) continue;
      weight += overlap;
      sum += overlap * piece.value;
    }
    return weight === 0 ? undefined : sum / weight;
  }

  #advance(toMs: number): void {
    const current = this.#current;
    if (current === undefined || toMs <= current.sinceMs) return;
    const elapsed = toMs - current.sinceMs;
    this.#integral += elapsed * current.value;
    this.#durationMs += elapsed;
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.toMs === current.sinceMs && last.value === current.value) {
      last.toMs = toMs;
    } else {
      this.#pieces.push({ fromMs: current.sinceMs, toMs, value: current.value });
    }
    current.sinceMs = toMs;
    if (this.#pieces.length > this.#maxPieces) this.#pieces = mergeNeighbours(this.#pieces);
  }
}

function mergeNeighbours(pieces: readonly Piece[]): Piece[] {
  const merged: Piece[] = [];
  for (let index = 0; index < pieces.length; index += 2) {
    const first = pieces[index];
    const second = pieces[index + 1];
    if (first === undefined) break;
    merged.push(second === undefined ? first : mergePair(first, second));
  }
  return merged;
}

// A gap between the two counts as their mean: only the plot sees it, never the mean over all time.
function mergePair(first: Piece, second: Piece): Piece {
  const firstMs = first.toMs - first.fromMs;
  const secondMs = second.toMs - second.fromMs;
  const value = (first.value * firstMs + second.value * secondMs) / (firstMs + secondMs);
  return { fromMs: first.fromMs, toMs: second.toMs, value };
}
