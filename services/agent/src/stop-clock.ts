// Owns the way of a running task from the wish to stop it to its end: SIGTERM once, after the grace SIGKILL, and that
// again until the end is seen. Why a task is stopped is in supervised-task.ts.

/** A process in an uninterruptible sleep outlives SIGKILL for a while; it is sent again. */
const KILL_AGAIN_MS = 5000;

export class StopClock {
  #dueMs: number | undefined;
  #isTold = false;

  /** SIGTERM or SIGKILL has been sent. */
  get isTold(): boolean {
    return this.#isTold;
  }

  /** The signal to send now, if any. A later wish can shorten the grace, never lengthen it. */
  begin(graceMs: number, nowMs: number): 'SIGTERM' | 'SIGKILL' | undefined {
    const dueMs = nowMs + graceMs;
    this.#dueMs = Math.min(this.#dueMs ?? dueMs, dueMs);
    const wasTold = this.#isTold;
    this.#isTold = true;
    return this.takeDue(nowMs) ?? (wasTold ? undefined : 'SIGTERM');
  }

  takeDue(nowMs: number): 'SIGKILL' | undefined {
    if (this.#dueMs === undefined || this.#dueMs > nowMs) return undefined;
    this.#dueMs = nowMs + KILL_AGAIN_MS;
    return 'SIGKILL';
  }

  nextDueMs(): number {
    return this.#dueMs ?? Number.POSITIVE_INFINITY;
  }

  end(): void {
    this.#dueMs = undefined;
  }
}
