// Owns the metric slots in use: how many more tasks of one shape would fit, and how many do not fit any more.
// Its definition for readers stands in infra/docs/glossary.md. Only scalars count: a slot has no ports or sets.
import { Timeline } from './timeline.ts';
import type { Amounts } from './utilisation.ts';

export type AgentRoom = { readonly total: Amounts; readonly allocated: Amounts };

export type SlotCount = {
  /** Sum over agents of how many slots fit into all that the agent has. */
  readonly slots: number;
  /** Slots that do not fit any more into what is not allocated. */
  readonly inUse: number;
};

export type SlotReport = {
  readonly slots: number;
  /** Most in use at a time while tasks waited; undefined when none ever waited. */
  readonly peak: number | undefined;
  /** Time-weighted mean over the time in which tasks waited. */
  readonly mean: number | undefined;
  readonly waitedMs: number;
};

/** How many times `slot` fits into `room`; 0 for a slot that asks for nothing. */
export function slotsThatFit(room: Amounts, slot: Amounts): number {
  const asked = Object.entries(slot).filter(([, amount]) => amount > 0);
  if (asked.length === 0) return 0;
  return Math.min(
    ...asked.map(([name, amount]) => Math.max(Math.floor((room[name] ?? 0) / amount), 0)),
  );
}

export function countSlots(agents: readonly AgentRoom[], slot: Amounts): SlotCount {
  let slots = 0;
  let open = 0;
  for (const { total, allocated } of agents) {
    slots += slotsThatFit(total, slot);
    open += slotsThatFit(subtract(total, allocated), slot);
  }
  return { slots, inUse: slots - open };
}

function subtract(total: Amounts, allocated: Amounts): Amounts {
  return Object.fromEntries(
    Object.entries(total).map(([name, amount]) => [name, amount - (allocated[name] ?? 0)]),
  );
}

export class SlotMeter {
  readonly #inUse = new Timeline();
  #slots = 0;
  #waitingSinceMs: number | undefined;
  #waitedMs = 0;

  record(atMs: number, count: SlotCount, tasksWait: boolean): void {
    this.#slots = Math.max(this.#slots, count.slots);
    if (this.#waitingSinceMs !== undefined) {
      this.#waitedMs += Math.max(atMs - this.#waitingSinceMs, 0);
    }
    this.#waitingSinceMs = tasksWait ? atMs : undefined;
    if (tasksWait) this.#inUse.record(atMs, count.inUse);
    else this.#inUse.pause(atMs);
  }

  report(untilMs: number): SlotReport {
    const open = this.#waitingSinceMs === undefined ? 0 : untilMs - this.#waitingSinceMs;
    return {
      slots: this.#slots,
      peak: this.#inUse.peak,
      mean: this.#inUse.mean(untilMs),
      waitedMs: this.#waitedMs + Math.max(open, 0),
    };
  }
}
