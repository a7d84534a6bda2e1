// Owns what the word count framework says while it works: one status line on a terminal, plain lines or JSON elsewhere.
import type { FrameworkCounts } from '@parley/scheduler-sdk/framework-decisions';
import type { FrameworkUpdate } from '@parley/scheduler-sdk/framework-update';
import type { Counted } from './counts-output.ts';
import type { JobPlan, Locality } from './job-plan.ts';

export type ReportStyle = 'line' | 'plain' | 'json';
export type JobStart = {
  readonly frameworkId: string;
  readonly files: number;
  readonly bytes: number;
  /** So many splits are expected. */
  readonly splits: number;
  readonly reducers: number;
};
/** Tasks by what is to become of them. */
export type TaskCounts = {
  readonly waiting: number;
  /** Launched, not yet running. */
  readonly staging: number;
  readonly running: number;
};
type Progress = TaskCounts & JobPlan['progress'] & { readonly phase: JobPlan['phase'] };

export function taskCountsOf(counts: FrameworkCounts): TaskCounts {
  const { recovering, waiting, backoff, staging, running, killing, unreachable } = counts;
  return {
    waiting: recovering + waiting + backoff,
    staging,
    running: running + killing + unreachable,
  };
}

/** Plain lines come at most so often. */
const PLAIN_INTERVAL_MS = 2000;

export class JobReport {
  readonly #style: ReportStyle;
  readonly #write: (text: string) => void;
  #splits = 0;
  #saidMs = Number.NEGATIVE_INFINITY;
  #lastSaid = '';

  constructor(style: ReportStyle, write: (text: string) => void) {
    this.#style = style;
    this.#write = write;
  }

  started(start: JobStart): void {
    this.#splits = start.splits;
    if (this.#style === 'json') {
      this.#json({ event: 'started', ...start });
      return;
    }
    const { files, bytes, splits } = start;
    this.#write(`counting the words of ${files} files, ${bytes} bytes in about ${splits} splits\n`);
  }

  progress(progress: Progress, nowMs: number): void {
    const words = this.#words(progress);
    if (words === this.#lastSaid) return;
    if (this.#style === 'plain' && nowMs - this.#saidMs < PLAIN_INTERVAL_MS) return;
    this.#lastSaid = words;
    this.#saidMs = nowMs;
    if (this.#style === 'json') this.#json({ event: 'tasks', ...progress });
    else if (this.#style === 'line') this.#write(`\r\u001b[K${words}`);
    else this.#write(`${words}\n`);
  }

  /** A task that ended without success. */
  trouble({ key, state, reason, message, update }: FrameworkUpdate): void {
    const { taskId = key } = update?.task ?? {};
    const agentId = update?.agentId;
    if (this.#style === 'json') {
      this.#json({ event: 'trouble', taskId, agentId, state, reason, message });
      return;
    }
    const why = [reason, message].filter(Boolean).join(', ');
    this.#clear();
    const where = agentId === undefined ? '' : ` on agent ${agentId}`;
    this.#write(`task ${taskId}${where} ended as ${state}${why ? `: ${why}` : ''}\n`);
  }

  done(counted: Counted, tookMs: number, locality: Locality): void {
    const { words, distinct, commonest } = counted;
    if (this.#style === 'json') {
      const reduced = { reducedBytes: locality.bytes, localBytes: locality.localBytes };
      const took = { tookMs: Math.round(tookMs) };
      this.#json({ event: 'done', words, distinct, commonest, ...took, ...reduced });
      return;
    }
    this.#clear();
    const seconds = (tookMs / 1000).toFixed(1);
    this.#write(`${words} words, ${distinct} of them distinct, in ${seconds} s\n`);
    const { bytes, localBytes } = locality;
    const part = bytes === 0 ? 0 : Math.round((100 * localBytes) / bytes);
    if (bytes > 0)
      this.#write(`reduce tasks read ${bytes} bytes, ${part} % of them from their own agents\n`);
    const width = String(commonest[0]?.count ?? '').length;
    for (const { word, count } of commonest)
      this.#write(`${String(count).padStart(width)} ${word}\n`);
  }

  failed(event: 'failed' | 'interrupted', message: string): void {
    if (this.#style === 'json') this.#json({ event, message });
    else this.#clear();
  }

  #clear(): void {
    if (this.#style === 'line') this.#write('\r\u001b[K');
    this.#lastSaid = '';
  }

  #json(line: object): void {
    this.#write(`${JSON.stringify(line)}\n`);
  }

  #words({ phase, maps, mapped, waiting, staging, running, retries }: Progress): string {
    const again = retries > 0 ? `, ${retries} tried again` : '';
    const splits = Math.max(this.#splits, maps);
    const step = phase === 'map' ? `${mapped} of ${splits} splits mapped` : 'reducing';
    return `${step}; tasks: ${waiting} waiting, ${staging} starting, ${running} running${again}`;
  }
}
