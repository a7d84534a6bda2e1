// Owns what a word count says while it works and at its end: one status line on a terminal, plain lines or JSON elsewhere.
import type { JobPlan } from './job-plan.ts';
import type { WordCount } from './word-counts.ts';

export type ReportStyle = 'line' | 'plain' | 'json';
type Progress = JobPlan['progress'];

/** Plain lines and JSON come at most so often. */
const INTERVAL_MS = 2000;

export class JobReport {
  readonly #style: ReportStyle;
  readonly #write: (text: string) => void;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(style: ReportStyle, write: (text: string) => void) {
    this.#style = style;
    this.#write = write;
  }

  progress(progress: Progress, phase: JobPlan['phase'], nowMs: number): void {
    if (this.#style === 'line') {
      this.#write(`\r\u001b[K${wordsOf(progress, phase)}`);
      return;
    }
    if (nowMs - this.#saidMs < INTERVAL_MS) return;
    this.#saidMs = nowMs;
    if (this.#style === 'json')
      this.#write(`${JSON.stringify({ event: 'progress', phase, ...progress })}\n`);
    else this.#write(`${wordsOf(progress, phase)}\n`);
  }

  end({ maps, retries }: Progress, tookMs: number): void {
    if (this.#style === 'json') return;
    if (this.#style === 'line') this.#write('\r\u001b[K');
    const again = retries > 0 ? `, ${retries} tasks tried again` : '';
    this.#write(`${maps} splits counted in ${(tookMs / 1000).toFixed(1)} s${again}\n`);
  }

  words(words: readonly WordCount[]): void {
    if (this.#style === 'json') {
      this.#write(`${JSON.stringify({ event: 'done', words })}\n`);
      return;
    }
    for (const { word, count } of words) this.#write(`${String(count).padStart(10)} ${word}\n`);
  }
}

function wordsOf(
  { maps, mapped, waiting, staging, running }: Progress,
  phase: JobPlan['phase'],
): string {
  return `${phase}: ${mapped} of ${maps} splits mapped; ${waiting} waiting, ${staging} starting, ${running} running`;
}
