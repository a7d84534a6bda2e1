// Owns which updates of an executor wait to be acknowledged, on its present connection. On a new one it repeats what
// was not acknowledged, so what waited is forgotten with the old.
import type { ExecutorTask } from './executor-task.ts';

/** As many as one subscription may repeat; the oldest beyond are acknowledged when the executor repeats them. */
const MAX_WAITING = 10_000;

export class UpdateReceipts {
  readonly #waiting = new Map<number, ExecutorTask>();

  add(sequence: number, task: ExecutorTask): void {
    this.#waiting.set(sequence, task);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
  }

  clear(): void {
    this.#waiting.clear();
  }

  /** Those whose task has them on the disk, taken out. */
  takeSettled(): number[] {
    const settled = [...this.#waiting]
      .filter(([sequence, task]) => task.isSettled(sequence))
      .map(([sequence]) => sequence);
    for (const sequence of settled) this.#waiting.delete(sequence);
    return settled;
  }
}
