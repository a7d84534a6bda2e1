// Owns when a leader looks at streams, and at whose streams of updates: of all principals, each time. That something was
// read of a stream says nothing: it may be the test write of the look before, or older than what is wrong now. It knows no clock.
import { PrincipalName } from '@parley/protocol/ids';
import type { ClusterView } from './cluster-view.ts';

/** A new leader has enough to do. */
const FIRST_MS = 5000;
/** Each stream gets a message of some bytes a look. */
const INTERVAL_MS = 60_000;

export type StreamLooksOptions = {
  /** When the term begins. */
  readonly nowMs: number;
  readonly view: Pick<ClusterView, 'streamPositions'>;
  readonly look: ((principals: readonly PrincipalName[]) => void) | undefined;
};

export class StreamLooks {
  readonly #options: StreamLooksOptions;
  #dueMs: number;

  constructor(options: StreamLooksOptions) {
    this.#options = options;
    this.#dueMs = options.nowMs + FIRST_MS;
  }

  /** `registered`: also where nothing was read yet. */
  look(nowMs: number, registered: Iterable<string> = []): void {
    if (nowMs < this.#dueMs) return;
    this.#dueMs = nowMs + INTERVAL_MS;
    const principals = new Set<PrincipalName>();
    for (const name of registered) {
      const principal = PrincipalName.safeParse(name);
      if (principal.success) principals.add(principal.data);
    }
    for (const { principal } of this.#options.view.streamPositions()) principals.add(principal);
    this.#options.look?.([...principals]);
  }
}
