// Owns when each of very many is to be woken: one timer of the process for all of them. Entries that are far away come
// round early and plan themselves again. Pure: whoever drives it says what time it is.

export interface WheelEntry {
  /** Where it stands in the wheel; only the wheel sets it. */
  wheelTick: number | undefined;
  wake(nowMs: number): void;
}

/** Nobody is woken more exactly than this. */
export const TICK_MS = 10;
/** Some 20 s round. */
const TICKS = 2048;

export class TimerWheel {
  readonly #slots: (Set<WheelEntry> | undefined)[] = new Array(TICKS);
  #tick: number;

  constructor(nowMs: number) {
    this.#tick = Math.floor(nowMs / TICK_MS);
  }

  /** In place of what was planned for it before. Not in the tick that runs, however early. */
  plan(entry: WheelEntry, atMs: number): void {
    const wanted = Math.ceil(atMs / TICK_MS);
    const tick = Math.min(Math.max(wanted, this.#tick + 1), this.#tick + TICKS - 1);
    if (entry.wheelTick === tick) return;
    this.cancel(entry);
    entry.wheelTick = tick;
    const slot = tick % TICKS;
    const entries = this.#slots[slot];
    if (entries === undefined) this.#slots[slot] = new Set([entry]);
    else entries.add(entry);
  }

  cancel(entry: WheelEntry): void {
    if (entry.wheelTick === undefined) return;
    this.#slots[entry.wheelTick % TICKS]?.delete(entry);
    entry.wheelTick = undefined;
  }

  /** Wakes all that are due, as long as there is time for another one: the rest is due at the next call. */
  advance(nowMs: number, hasTime: () => boolean = () => true): void {
    const until = Math.floor(nowMs / TICK_MS);
    for (;;) {
      // Of the tick that ran last there may be some left.
      const entries = this.#slots[this.#tick % TICKS];
      for (const entry of entries ?? []) {
        if (!hasTime()) return;
        entries?.delete(entry);
        entry.wheelTick = undefined;
        entry.wake(nowMs);
      }
      if (this.#tick >= until) return;
      this.#tick += 1;
    }
  }
}
