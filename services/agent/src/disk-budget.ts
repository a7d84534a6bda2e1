// Owns how much the agent puts into a sandbox for a task before it runs: no more than the task itself may hold there, counted
// before it is written. What it holds while it runs is measured: disk-watch.ts.
const MIB = 1024 * 1024;

export class DiskBudget {
  readonly #limitMib: number | undefined;
  #usedBytes = 0;

  /** Undefined: the task has no limit. */
  constructor(limitMib: number | undefined) {
    this.#limitMib = limitMib;
  }

  /** Why there is no room for so many bytes more; undefined where there is. */
  refusal(bytes: number): string | undefined {
    const limitMib = this.#limitMib;
    if (limitMib === undefined || this.#usedBytes + bytes <= limitMib * MIB) return undefined;
    return `with it the sandbox would hold more than ${limitMib} MiB, the disk limit of the task`;
  }

  /** Infinity: the task has no limit. */
  get leftBytes(): number {
    const limitMib = this.#limitMib ?? Number.POSITIVE_INFINITY;
    return Math.max(0, limitMib * MIB - this.#usedBytes);
  }

  /** They are written, or will be. */
  take(bytes: number): void {
    this.#usedBytes += bytes;
  }
}
