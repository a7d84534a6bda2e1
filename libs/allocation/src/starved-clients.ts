// Owns who is below its fair share while it wants more, and since when. Fair shares are reckoned when they are asked for
// and anything that they follow from has changed, all at once: that takes time for every client that has or wants anything.
// What a fair share is is in fair-shares.ts. Milliseconds of a monotonic clock.
import { dominantPart, fairSharesOf, isBelowShare } from './fair-shares.ts';
import type { Knowledge } from './knowledge.ts';
import type { OpenDemand } from './open-demand.ts';
import type { Client } from './share-tree.ts';

export class StarvedClients {
  readonly #known: Knowledge;
  readonly #demand: OpenDemand;
  #shares: ReadonlyMap<Client, number> = new Map();
  #since: ReadonlyMap<Client, number> = new Map();
  #isStale = true;
  #firstMs = Number.POSITIVE_INFINITY;

  constructor(known: Knowledge, demand: OpenDemand) {
    this.#known = known;
    this.#demand = demand;
  }

  /** Since when the first of them has been so. */
  get firstMs(): number {
    return this.#firstMs;
  }

  /** What somebody has, wants or is entitled to has changed. */
  changed(): void {
    this.#isStale = true;
  }

  /** To be called before anything is asked. */
  look(nowMs: number): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    const { order, totals } = this.#known;
    const { root } = order.tree;
    this.#shares = fairSharesOf(root, totals, (client) => this.#demand.amountsOf(client));
    const since = new Map<Client, number>();
    this.#firstMs = Number.POSITIVE_INFINITY;
    for (const [client, share] of this.#shares) {
      const isStarved = isBelowShare(client.used, share, totals) && this.#demand.wantsMore(client);
      if (!isStarved) continue;
      const sinceMs = this.#since.get(client) ?? nowMs;
      since.set(client, sinceMs);
      this.#firstMs = Math.min(this.#firstMs, sinceMs);
    }
    this.#since = since;
  }

  /** None has any chance of more: it begins anew for whoever is starved then. */
  forget(): void {
    this.#since = new Map();
    this.#firstMs = Number.POSITIVE_INFINITY;
    this.#isStale = true;
  }

  /** Its fair one, of the cluster. */
  shareOf(client: Client): number {
    return this.#shares.get(client) ?? 0;
  }

  /** How much of it it has. */
  partOfShare(client: Client): number {
    return dominantPart(client.used, this.#known.totals) / this.shareOf(client);
  }

  forMs(client: Client, nowMs: number): number {
    return nowMs - (this.#since.get(client) ?? nowMs);
  }

  /** Those who have been so for longer. */
  *forLongerThan(durationMs: number, nowMs: number): Generator<Client, void, void> {
    if (this.#firstMs + durationMs >= nowMs) return;
    for (const [client, sinceMs] of this.#since) if (nowMs - sinceMs > durationMs) yield client;
  }
}
