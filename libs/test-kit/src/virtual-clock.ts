// Owns virtual time: what is to happen when, in one order that is the same in every run. Nothing waits for real time.
import type { SchedulerClock, Timer } from '@parley/scheduler-sdk/scheduler-ports';

type Planned = { readonly atMs: number; readonly order: number; readonly run: () => void };

export class VirtualClock implements SchedulerClock {
  #nowMs = 0;
  #order = 0;
  /** Ascending by time, then by the order in which they were planned. */
  readonly #planned: Planned[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  /** When the next thing happens; undefined when nothing is planned. */
  get nextMs(): number | undefined {
    return this.#planned[0]?.atMs;
  }

  startTimer(afterMs: number, run: () => void): Timer {
    this.#order += 1;
    const planned = { atMs: this.#nowMs + Math.max(0, afterMs), order: this.#order, run };
    this.#planned.splice(this.#placeOf(planned), 0, planned);
    return { cancel: () => this.#cancel(planned) };
  }

  /** Lets the next thing happen; false when nothing is planned up to that time, which it then is. */
  step(untilMs: number): boolean {
    const [next] = this.#planned;
    if (next === undefined || next.atMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    this.#planned.shift();
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.run();
    return true;
  }

  #placeOf({ atMs }: Planned): number {
    let [low, high] = [0, this.#planned.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const one = this.#planned[middle];
      if (one !== undefined && one.atMs <= atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #cancel(planned: Planned): void {
    const at = this.#planned.indexOf(planned);
    if (at >= 0) this.#planned.splice(at, 1);
  }
}
