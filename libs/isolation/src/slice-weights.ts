// Owns what the slices of tasks weigh: as much as what runs in them, since CPU time is divided among slices first. Without it
// one task alone in its slice would get as much as a slice full of them. It sets nothing itself.
// systemd.resource-control(5): weights count among siblings.

import type { TaskLauncher, TaskLimits } from './launcher.ts';
import type { ShimExitHandler } from './start-shim.ts';
import { sliceOf, TASKS_SLICE } from './unit-name.ts';
import { type SliceShare, shareMillisOf } from './unit-properties.ts';

/** A launcher into scopes: it can say and set what weighs. */
export interface ScopeTaskLauncher extends TaskLauncher {
  /** The units that have a process, with what systemd says that they have; dearer than `list`. Rejects when that cannot be known. */
  listShares(): Promise<ReadonlyMap<string, SliceShare>>;
  /** Rejects when it cannot be set. */
  setSliceShare(slice: string, share: SliceShare): Promise<void>;
}

type SliceWeightsOptions = {
  /** The slice above those that are weighed, without suffix. */
  readonly slice: string;
  /** Sets what one slice weighs; a rejection is made good with the next change. */
  readonly set: (slice: string, share: SliceShare) => Promise<void>;
};

type WeighedUnit = { readonly slice: string; readonly share: SliceShare };

/** Changes come in bursts, and each one costs systemd a millisecond. */
const SETTLE_MS = 50;
/** What a slice has may differ by a twentieth from what it should have. */
const TOLERANCE = 0.05;

/** The launcher that `create` makes, with slices that weigh as much as what it runs, and what it ran before. */
export function weighSlices(
  create: (onShimExit: ShimExitHandler) => ScopeTaskLauncher,
  options: { readonly slice?: string; readonly onShimExit?: ShimExitHandler | undefined } = {},
): TaskLauncher {
  const weights = new SliceWeights({
    slice: options.slice ?? TASKS_SLICE,
    set: (slice, share) => launcher.setSliceShare(slice, share),
  });
  const launcher = create((unit) => {
    weights.remove(unit);
    options.onShimExit?.(unit);
  });
  const launching = new Set<string>();
  /** Scopes that are no tasks of ours. */
  let foreign = new Set<string>();
  return {
    ...launcher,
    async launch(request) {
      launching.add(request.unit);
      foreign.delete(request.unit);
      try {
        const outcome = await launcher.launch(request);
        if (outcome.ok && !outcome.alreadyStarted) weights.add(request.unit, request.limits);
        return outcome;
      } finally {
        launching.delete(request.unit);
      }
    },
    async setLimits(unit, limits) {
      const isSet = await launcher.setLimits(unit, limits);
      if (isSet) weights.add(unit, limits);
      return isSet;
    },
    async list() {
      const known = weights.units;
      const expected = new Set([...known, ...launching, ...foreign]);
      const scopes = [...(await launcher.list())];
      // What each scope was given is asked only where there is one that was not launched here: it is dear.
      if (scopes.every((unit) => expected.has(unit))) {
        const live = new Set(scopes.filter((unit) => !foreign.has(unit)));
        weights.keep(live, known);
        return live;
      }
      const shares = await launcher.listShares();
      foreign = new Set(scopes.filter((unit) => !shares.has(unit)));
      weights.keep(shares, known);
      weights.adopt(shares);
      return new Set(shares.keys());
    },
  };
}

class SliceWeights {
  readonly #options: SliceWeightsOptions;
  readonly #units = new Map<string, WeighedUnit>();
  /** What slices have; one in which nothing runs may have gone, and has nothing when it comes again. */
  readonly #set = new Map<string, SliceShare>();
  #isSettling = false;
  #hasChanged = false;

  constructor(options: SliceWeightsOptions) {
    this.#options = options;
  }

  /** The units that are weighed. */
  get units(): readonly string[] {
    return [...this.#units.keys()];
  }

  /** The unit runs with these limits. */
  add(unit: string, limits: TaskLimits): void {
    this.#put(unit, { cpuMillis: shareMillisOf(limits), memoryMib: limits.memoryMib });
  }

  remove(unit: string): void {
    const slice = this.#units.get(unit)?.slice;
    if (slice === undefined) return;
    this.#units.delete(unit);
    if (![...this.#units.values()].some((other) => other.slice === slice)) this.#set.delete(slice);
    if (this.#units.size === 0) this.#set.clear();
    this.#settleSoon();
  }

  /** Of the units known before, only these run. */
  keep(live: { has(unit: string): boolean }, known: readonly string[]): void {
    for (const unit of known) if (!live.has(unit)) this.remove(unit);
  }

  /** Of others, which an earlier process launched, what systemd says they have. */
  adopt(live: ReadonlyMap<string, SliceShare>): void {
    for (const [unit, share] of live) if (!this.#units.has(unit)) this.#put(unit, share);
  }

  #put(unit: string, share: SliceShare): void {
    this.#units.set(unit, { slice: sliceOf(unit, this.#options.slice), share });
    this.#settleSoon();
  }

  #settleSoon(): void {
    this.#hasChanged = true;
    if (this.#isSettling) return;
    this.#isSettling = true;
    setTimeout(() => void this.#settle(), SETTLE_MS).unref();
  }

  async #settle(): Promise<void> {
    this.#hasChanged = false;
    for (const [slice, share] of sharesOf(this.#options.slice, this.#units)) {
      if (isNear(this.#set.get(slice), share)) continue;
      this.#set.set(slice, share);
      await this.#options.set(slice, share).catch(() => this.#set.delete(slice));
    }
    this.#isSettling = false;
    if (this.#hasChanged) this.#settleSoon();
  }
}

/** By slice with suffix; one in which nothing runs is left as it is. Those above have the memory of all. */
function sharesOf(
  base: string,
  units: ReadonlyMap<string, WeighedUnit>,
): ReadonlyMap<string, SliceShare> {
  const shares = new Map<string, SliceShare>();
  let allMib = 0;
  for (const { slice, share } of units.values()) {
    const { cpuMillis = 0, memoryMib } = share;
    const before = shares.get(slice);
    allMib += memoryMib;
    shares.set(slice, {
      cpuMillis: (before?.cpuMillis ?? 0) + cpuMillis,
      memoryMib: (before?.memoryMib ?? 0) + memoryMib,
    });
  }
  for (const slice of slicesTo(base))
    shares.set(slice, { cpuMillis: undefined, memoryMib: allMib });
  return shares;
}

/** The slice and those that it is in, by their names (systemd.slice(5)): no group keeps more memory than the one above. */
function slicesTo(base: string): string[] {
  const parts = base.split('-');
  return parts.map((_, index) => `${parts.slice(0, index + 1).join('-')}.slice`);
}

function isNear(before: SliceShare | undefined, wanted: SliceShare): boolean {
  if (before === undefined) return false;
  const near = (a = 0, b = 0): boolean => Math.abs(a - b) <= TOLERANCE * b;
  return near(before.cpuMillis, wanted.cpuMillis) && near(before.memoryMib, wanted.memoryMib);
}
