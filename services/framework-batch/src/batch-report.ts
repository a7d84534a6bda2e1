// Owns what the batch framework says while it works: one status line on a terminal, plain lines or JSON elsewhere.
import type { PoolCounts, WorkEvent } from '@parley/scheduler-sdk/task-pool';

export type ReportStyle = 'line' | 'plain' | 'json';

/** Plain lines come at most so often. */
const PLAIN_INTERVAL_MS = 2000;

export class BatchReport {
  readonly #style: ReportStyle;
  readonly #write: (text: string) => void;
  readonly #instances: number;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(style: ReportStyle, instances: number, write: (text: string) => void) {
    this.#style = style;
    this.#instances = instances;
    this.#write = write;
  }

  event(event: WorkEvent): void {
    if (this.#style !== 'json' || event.kind === 'progress') return;
    const { task, agentId, state, reason, message, exitCode, signal } = event.update;
    const { key } = event;
    const what = event.kind === 'retried' ? 'retried' : 'ended';
    const line = {
      event: what,
      run: key,
      taskId: task.taskId,
      agentId,
      state,
      reason,
      exitCode,
      signal,
      message,
    };
    this.#write(`${JSON.stringify(line)}\n`);
  }

  progress(counts: PoolCounts, nowMs: number): void {
    if (this.#style === 'json') return;
    if (this.#style === 'line') {
      this.#write(`\r\u001b[K${this.#words(counts)}`);
      return;
    }
    if (nowMs - this.#saidMs < PLAIN_INTERVAL_MS) return;
    this.#saidMs = nowMs;
    this.#write(`${this.#words(counts)}\n`);
  }

  end(counts: PoolCounts, tookMs: number): void {
    const { finished, failed, retries } = counts;
    if (this.#style === 'json') {
      const summary = {
        event: 'summary',
        instances: this.#instances,
        finished,
        failed,
        retries,
        tookMs: Math.round(tookMs),
      };
      this.#write(`${JSON.stringify(summary)}\n`);
      return;
    }
    if (this.#style === 'line') this.#write('\r\u001b[K');
    const failures = failed > 0 ? `, ${failed} failed` : '';
    const again = retries > 0 ? `, ${retries} tried again` : '';
    this.#write(
      `${finished} of ${this.#instances} runs finished${failures}${again} in ${(tookMs / 1000).toFixed(1)} s\n`,
    );
  }

  #words({ waiting, staging, running, finished, failed }: PoolCounts): string {
    const failures = failed > 0 ? `, ${failed} failed` : '';
    return `${waiting} waiting, ${staging} starting, ${running} running, ${finished} of ${this.#instances} finished${failures}`;
  }
}
