// Owns which parts of what is kept beside the books are to be written, and when: one write a second and part, those
// first that have changed; the others are compared once in a term, and again when they may be lost. It does no I/O (settings-bucket.ts does).
import { createHash } from 'node:crypto';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { KeptSetting } from '@parley/cluster/inputs';
import {
  inOrder,
  type KeptThing,
  keptChanges,
  keptRecords,
  keptThings,
} from '@parley/cluster/kept-settings';
import type { PartContent } from './settings-store.ts';

/** All records about one thing are in one part: 50,000 agents make parts of some 60 KiB. */
export const MIRROR_PARTS = 256;
const WRITE_INTERVAL_MS = 1000;
/** Parts under way at the same time. */
const MAX_IN_FLIGHT = 16;

export class SettingsMirror {
  readonly #things = Array.from({ length: MIRROR_PARTS }, () => new Set<KeptThing>());
  readonly #changed = new Set<number>();
  readonly #toCompare = new Set<number>();
  readonly #inFlight = new Set<number>();
  readonly #writtenMs = new Map<number, number>();

  /** Of the books that a term begins with. */
  constructor(state: ClusterState) {
    for (const thing of keptThings(state)) this.#things[partOf(thing)]?.add(thing);
    this.compareAll();
  }

  /** What is there may be anything. */
  compareAll(): void {
    for (let part = 0; part < MIRROR_PARTS; part += 1) this.#toCompare.add(part);
  }

  /** Of committed inputs. */
  carriedOut(effects: readonly Effect[]): void {
    for (const thing of keptChanges(effects)) {
      const part = partOf(thing);
      this.#things[part]?.add(thing);
      this.#changed.add(part);
    }
  }

  /** Nothing waits to be written or compared. */
  get isCurrent(): boolean {
    return this.#changed.size + this.#toCompare.size + this.#inFlight.size === 0;
  }

  /** What to write now, where it differs from what is there. Each is answered by `done`. */
  takeDue(state: ClusterState, nowMs: number): PartContent[] {
    // Until everything that was kept is in the books again, they are no better than what is kept.
    if (state.record.rebuilt?.isRestored === false) return [];
    const due: PartContent[] = [];
    for (const part of [...this.#changed, ...this.#toCompare]) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) break;
      const lastMs = this.#writtenMs.get(part) ?? Number.NEGATIVE_INFINITY;
      if (this.#inFlight.has(part) || nowMs - lastMs < WRITE_INTERVAL_MS) continue;
      this.#changed.delete(part);
      this.#toCompare.delete(part);
      this.#inFlight.add(part);
      this.#writtenMs.set(part, nowMs);
      due.push({ part, items: this.#itemsOf(state, part) });
    }
    return due;
  }

  done(part: number, isStored: boolean): void {
    this.#inFlight.delete(part);
    if (!isStored) this.#changed.add(part);
  }

  #itemsOf(state: ClusterState, part: number): KeptSetting[] {
    const things = this.#things[part] ?? new Set<KeptThing>();
    const items: KeptSetting[] = [];
    for (const thing of [...things].sort()) {
      const records = keptRecords(state, thing);
      if (records.length === 0) things.delete(thing);
      items.push(...records);
    }
    return inOrder(items);
  }
}

const partOf = (thing: KeptThing): number => createHash('sha256').update(thing).digest()[0] ?? 0;
