// Owns when somebody who hears no leader over the server of the bus that it is connected to tries another one: that server
// may be cut off from all others while the connection to it is well. It does no I/O and knows no clock.

/** Two signs of a leader (they come every 5 s) and a second; a takeover is over by then. */
const FIRST_MS = 11_000;
/** Where nobody leads anywhere, ten thousand agents make some twenty new connections a second at that pace. */
const MAX_MS = 300_000;

export class UnledWatch {
  readonly #random: () => number;
  #waitMs = FIRST_MS;
  #silentMs = 0;
  #limitMs: number;
  #moves = 0;

  /** `random`: from 0 to 1, so that those that lose a leader in the same moment do not all move in the same one. */
  constructor(random: () => number) {
    this.#random = random;
    this.#limitMs = this.#drawLimit();
  }

  /** A leader's sign of life came in. */
  heard(): void {
    this.#silentMs = 0;
    if (this.#moves === 0) return;
    this.#moves = 0;
    this.#waitMs = FIRST_MS;
    this.#limitMs = this.#drawLimit();
  }

  /**
   * After each `passedMs` in which this process looked on and was connected. True: another server is to be tried now.
   * `others`: how many there are; once each was tried, the pace halves.
   */
  look(passedMs: number, others: number): boolean {
    this.#silentMs += passedMs;
    if (others < 1 || this.#silentMs < this.#limitMs) return false;
    this.#silentMs = 0;
    this.#moves += 1;
    if (this.#moves % others === 0) this.#waitMs = Math.min(this.#waitMs * 2, MAX_MS);
    this.#limitMs = this.#drawLimit();
    return true;
  }

  #drawLimit(): number {
    return this.#waitMs * (1 + this.#random());
  }
}
