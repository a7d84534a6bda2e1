// Owns when a leader looks at streams, and which of the principals' streams of updates have shown since the last look that
// they take writes: what was read of them has grown. It knows no clock.
import { PrincipalName } from '@parley/protocol/ids';
import type { LookedAt } from './books-watch.ts';
import type { ClusterView } from './cluster-view.ts';

/** A new leader has enough to do. */
const FIRST_MS = 5000;
/** A quiet stream gets a message of some bytes a look. */
const INTERVAL_MS = 60_000;
const NOTHING = 'nothing';

export type StreamLooksOptions = {
  /** When the term begins. */
  readonly nowMs: number;
  readonly view: Pick<ClusterView, 'streamPositions'>;
  readonly look: ((principals: readonly LookedAt[]) => void) | undefined;
};

export class StreamLooks {
  readonly #options: StreamLooksOptions;
  #dueMs: number;
  #seen = new Map<PrincipalName, string>();

  constructor(options: StreamLooksOptions) {
    this.#options = options;
    this.#dueMs = options.nowMs + FIRST_MS;
  }

  /** `registered`: also where nothing was read yet. */
  look(nowMs: number, registered: Iterable<string> = []): void {
    if (nowMs < this.#dueMs) return;
    this.#dueMs = nowMs + INTERVAL_MS;
    const before = this.#seen;
    const seen = new Map<PrincipalName, string>();
    for (const name of registered) {
      const principal = PrincipalName.safeParse(name);
      if (principal.success) seen.set(principal.data, NOTHING);
    }
    for (const { principal, createdMs, sequence } of this.#options.view.streamPositions()) {
      seen.set(principal, `${createdMs}/${sequence}`);
    }
    this.#seen = seen;
    const looks = [...seen].map(([principal, position]) => {
      const isWritten = before.has(principal) && before.get(principal) !== position;
      return { principal, isWritten };
    });
    this.#options.look?.(looks);
  }
}
