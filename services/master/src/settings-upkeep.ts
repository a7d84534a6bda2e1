// Owns keeping what operators have set beside the books for one term: joins what is due (settings-mirror.ts) and where it
// goes (settings-store.ts), and tells when it cannot be kept.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Outcome } from '@parley/protocol/errors';
import type { ActorLog } from '@parley/telemetry/logger';
import { SettingsMirror } from './settings-mirror.ts';
import type { SettingsStore } from './settings-store.ts';

export class SettingsUpkeep {
  readonly #mirror: SettingsMirror;
  readonly #store: SettingsStore;
  readonly #logger: ActorLog;
  #isTroubled = false;

  /** `state`: of the books that the term begins with. */
  constructor(store: SettingsStore, logger: ActorLog, state: ClusterState) {
    this.#mirror = new SettingsMirror(state);
    this.#store = store;
    this.#logger = logger;
  }

  /** Of committed inputs. */
  carriedOut(effects: readonly Effect[]): void {
    this.#mirror.carriedOut(effects);
  }

  /** Writes what is due. While the term may act, and often. */
  async write(state: ClusterState, sequence: number, nowMs: number): Promise<void> {
    const writes = this.#mirror.takeDue(state, nowMs).map(async (content) => {
      const written = await this.#store.write(content, sequence);
      this.#mirror.done(content.part, written.ok);
      if (written.ok === this.#isTroubled) this.#tell(written);
    });
    await Promise.all(writes);
  }

  /** Once when trouble begins, and once when it is over. */
  #tell(written: Outcome<undefined>): void {
    this.#isTroubled = !written.ok;
    if (written.ok) {
      this.#logger.info('what operators have set is kept beside the books again');
      return;
    }
    this.#logger.error(
      { failure: written.failure },
      'what operators have set cannot be kept beside the books: it is tried again',
    );
  }
}
