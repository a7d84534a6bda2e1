// Owns keeping what operators have set beside the books for one term: joins what is due (settings-mirror.ts) and where it
// goes (settings-store.ts), and tells when it cannot be kept. Where what is kept gets lost meanwhile, it is written again.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Outcome } from '@parley/protocol/errors';
import type { ActorLog } from '@parley/telemetry/logger';
import { SettingsMirror } from './settings-mirror.ts';
import type { SettingsStore, StoreLook } from './settings-store.ts';

/** A look is some seconds: every ten minutes all that is kept is read and compared, so that damage is found and mended. */
const LOOKS_A_COMPARISON = 300;

export class SettingsUpkeep {
  readonly #mirror: SettingsMirror;
  readonly #open: () => SettingsStore;
  readonly #logger: ActorLog;
  #store: SettingsStore;
  #isTroubled = false;
  /** As it was last seen. */
  #seen: StoreLook | undefined;
  #isMissing = false;
  #isLooking = false;
  #looks = 0;

  /** `state`: of the books that the term begins with. */
  constructor(open: () => SettingsStore, logger: ActorLog, state: ClusterState) {
    this.#mirror = new SettingsMirror(state);
    this.#open = open;
    this.#store = open();
    this.#logger = logger;
  }

  /** Of committed inputs. */
  carriedOut(effects: readonly Effect[]): void {
    this.#mirror.carriedOut(effects);
  }

  /** Writes what is due. While the term may act, and often. */
  async write(state: ClusterState, sequence: number, nowMs: number): Promise<void> {
    const asOf = { epoch: state.record.epoch, sequence };
    const writes = this.#mirror.takeDue(state, nowMs).map(async (content) => {
      const written = await this.#store.write(content, asOf);
      this.#mirror.done(content.part, written.ok);
      if (written.ok === this.#isTroubled) this.#tell(written);
    });
    await Promise.all(writes);
  }

  /** One who has nothing to write would not find out that what is kept is gone. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const found = await this.#store.look();
    this.#isLooking = false;
    if (!found.ok) return;
    if (found.value === undefined) this.#missing();
    else this.#found(found.value);
  }

  #missing(): void {
    if (this.#isMissing) return;
    this.#isMissing = true;
    this.#logger.warn(
      'the bucket that keeps what operators have set beside the books is not there: were the books lost now, it would have to be set again. The keeper of parley start makes it anew; on a NATS of your own parley init does, with the same arguments as the first time. This master then writes everything to it again',
    );
  }

  #found(now: StoreLook): void {
    const wasMissing = this.#isMissing;
    const why = lossOf(this.#seen, now);
    this.#seen = now;
    this.#isMissing = false;
    this.#looks += 1;
    const isDue = this.#looks % LOOKS_A_COMPARISON === 0;
    if (why === undefined && !wasMissing && !isDue) return;
    // Revisions that were known are those of what is lost.
    this.#store = this.#open();
    this.#mirror.compareAll();
    if (why === undefined && !wasMissing) return;
    if (wasMissing) {
      this.#logger.info('what operators have set is written to its bucket, which is there again');
      return;
    }
    this.#logger.warn(
      { why },
      'what operators have set was removed from the bucket that keeps it beside the books: this master writes all of it again, and nobody has to set it again. If it was not done on purpose, see who may delete, purge or put back the streams of the books',
    );
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

function lossOf(seen: StoreLook | undefined, now: StoreLook): string | undefined {
  if (seen === undefined) return undefined;
  if (now.createdMs !== seen.createdMs) return 'it was made anew';
  if (now.parts < seen.parts) return `it holds ${now.parts} parts, and held ${seen.parts}`;
  return now.lastSequence < seen.lastSequence ? 'it was put back from an older copy' : undefined;
}
