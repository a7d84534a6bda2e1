// Owns the metric utilisation: allocated / total and used / total of each resource, weighted by time.
// Its definition for readers stands in infra/docs/glossary.md. Where the numbers come from is the caller's.
import { Timeline } from './timeline.ts';

/** Amounts by resource name, all in one unit per resource. */
export type Amounts = Readonly<Record<string, number>>;

export type ResourceUtilisation = {
  readonly resource: string;
  /** 0 to 1; time-weighted mean of allocated / total. */
  readonly allocated: number;
  /** 0 to 1, of what was measured; undefined where nothing was. */
  readonly used: number | undefined;
  /** Allocated / total in equal stretches of the time covered. */
  readonly course: readonly (number | undefined)[];
};

export class UtilisationMeter {
  readonly #allocated = new Map<string, Timeline>();
  readonly #used = new Map<string, Timeline>();
  #firstMs: number | undefined;
  #lastMs = 0;

  /** What is in tasks, of what there is. Resources of which there is none do not count. */
  recordAllocated(atMs: number, allocated: Amounts, total: Amounts): void {
    this.#record(this.#allocated, atMs, allocated, total);
  }

  /** What was measured in use. */
  recordUsed(atMs: number, used: Amounts, total: Amounts): void {
    this.#record(this.#used, atMs, used, total, Object.keys(used));
  }

  get firstMs(): number | undefined {
    return this.#firstMs;
  }

  report(untilMs: number, columns: number): ResourceUtilisation[] {
    const toMs = Math.max(untilMs, this.#lastMs);
    const fromMs = this.#firstMs ?? toMs;
    return [...this.#allocated].map(([resource, timeline]) => ({
      resource,
      allocated: timeline.mean(toMs) ?? 0,
      used: this.#used.get(resource)?.mean(toMs),
      course: timeline.course({ fromMs, toMs, count: columns }),
    }));
  }

  #record(
    timelines: Map<string, Timeline>,
    atMs: number,
    amounts: Amounts,
    total: Amounts,
    names: readonly string[] = Object.keys(total),
  ): void {
    this.#firstMs ??= atMs;
    this.#lastMs = Math.max(this.#lastMs, atMs);
    for (const name of names) {
      const whole = total[name] ?? 0;
      if (whole <= 0) continue;
      const timeline = timelines.get(name) ?? new Timeline();
      timelines.set(name, timeline);
      timeline.record(atMs, (amounts[name] ?? 0) / whole);
    }
  }
}

const BARS = '▁▂▃▄▅▆▇█';

/** One character a stretch, from empty to full; a space where nothing is known. */
export function plotCourse(course: readonly (number | undefined)[]): string {
  return course
    .map((value) => {
      if (value === undefined) return ' ';
      const step = Math.round(Math.min(Math.max(value, 0), 1) * (BARS.length - 1));
      return BARS[step] ?? ' ';
    })
    .join('');
}
