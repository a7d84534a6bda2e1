// Owns who else may lead, as far as heard: signs of life of leader and standbys, and which of them counts for what.
import type { Epoch } from '@parley/protocol/epoch';
import type { ActorId } from '@parley/protocol/ids';
import type { LeadershipBeat, MasterStanding } from '@parley/protocol/leadership';

/** A standby gives a sign of life every second; one that was not heard for so long does not count. */
export const ALIVE_MS = 3500;
/** Then it is forgotten. */
const KNOWN_MS = 60_000;

type Heard = {
  readonly beat: LeadershipBeat;
  readonly epoch: Epoch | undefined;
  readonly atMs: number;
};

export class MasterRoster {
  readonly #own: ActorId;
  readonly #heard = new Map<ActorId, Heard>();

  constructor(own: ActorId) {
    this.#own = own;
  }

  heard(beat: LeadershipBeat, epoch: Epoch | undefined, nowMs: number): void {
    if (beat.id === this.#own) return;
    if (beat.phase === 'left') this.#heard.delete(beat.id);
    else this.#heard.set(beat.id, { beat, epoch, atMs: nowMs });
    for (const [id, { atMs }] of this.#heard) if (nowMs - atMs > KNOWN_MS) this.#heard.delete(id);
  }

  /** Who would lead at once if the leader ended now. */
  standbys(nowMs: number): ActorId[] {
    return [...this.#heard.values()]
      .filter(({ beat, atMs }) => beat.phase === 'following' && nowMs - atMs <= ALIVE_MS)
      .filter(({ beat }) => beat.books?.isFit !== false)
      .map(({ beat }) => beat.id)
      .sort();
  }

  /**
   * The newest rules that everybody knows who was heard and has not left, however fit; undefined while one of them has not told.
   * One that is silent may be about to come back: it counts as long as it is known.
   */
  commonRules(own: number, nowMs: number): number | undefined {
    let common = own;
    for (const { beat, atMs } of this.#heard.values()) {
      if (nowMs - atMs > KNOWN_MS) continue;
      if (beat.books === undefined) return undefined;
      common = Math.min(common, beat.books.rulesVersion);
    }
    return common;
  }

  /** `own` and everybody heard, the leader first. */
  list(own: LeadershipBeat, nowMs: number): MasterStanding[] {
    const others = [...this.#heard.values()]
      .map(({ beat, atMs }) => ({ ...beat, silentMs: Math.floor(nowMs - atMs) }))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
    return [{ ...own, silentMs: 0 }, ...others];
  }
}
