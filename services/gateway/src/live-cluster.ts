// Owns the cluster as this gateway knows it: the state folded from snapshot and journal, the events as they come, and
// how old that knowledge may be. It never asks the master.
import type { Followed, NumberedEvent, OperatorLink } from '@parley/operator-sdk/operator-link';
import type { ActorLog } from '@parley/telemetry/logger';

/** Between two looks whether all of the journal is known. */
const COMPARE_MS = 500;
/** What is younger counts as how it is now. */
const CURRENT_MS = 1000;

/** What those who read of it use. */
export type FollowedCluster = Pick<LiveCluster, 'followed' | 'staleMs' | 'onEvent' | 'onReset'>;

export class LiveCluster {
  readonly #link: OperatorLink;
  readonly #nowMs: () => number;
  readonly #eventListeners = new Set<(event: NumberedEvent) => void>();
  readonly #resetListeners = new Set<() => void>();

  private constructor(link: OperatorLink, nowMs: () => number) {
    this.#link = link;
    this.#nowMs = nowMs;
  }

  /** Throws `LinkError` when the books cannot be read. `nowMs`: the clock by which the link tells times. */
  static async follow(
    link: OperatorLink,
    { nowMs, logger }: { readonly nowMs: () => number; readonly logger: ActorLog },
  ): Promise<LiveCluster> {
    const live = new LiveCluster(link, nowMs);
    link.onEvent((event) => {
      for (const tell of live.#eventListeners) tell(event);
    });
    await link.follow({
      limits: { compareMs: COMPARE_MS },
      onTrouble: (failure) => {
        logger.warn({ code: failure.code }, `the books cannot be followed: ${failure.message}`);
      },
      onRecovered: () => logger.info('the books are followed again'),
      onReset: () => {
        for (const tell of live.#resetListeners) tell();
      },
    });
    return live;
  }

  /** The state now; it changes under whoever keeps it. */
  get followed(): Followed {
    return this.#link.followed;
  }

  /** How old what it knows may be, in milliseconds; 0 for what is younger than a second, as it is while the books are read. */
  staleMs(): number {
    const ageMs = this.#nowMs() - this.#link.currentAtMs;
    return ageMs <= CURRENT_MS ? 0 : ageMs;
  }

  /** Each event once, in order, from now on. Returns how to stop. */
  onEvent(tell: (event: NumberedEvent) => void): () => void {
    this.#eventListeners.add(tell);
    return () => this.#eventListeners.delete(tell);
  }

  /** The state was made anew: what happened in between was not told. */
  onReset(tell: () => void): () => void {
    this.#resetListeners.add(tell);
    return () => this.#resetListeners.delete(tell);
  }
}
