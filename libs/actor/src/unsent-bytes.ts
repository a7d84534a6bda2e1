// Owns how much was handed to a connection and may not have left this process: the client library keeps what its server
// does not take, without a limit. What was sent before a ping has left it when the ping is answered. It does no I/O.

/** Pings are asked for in these steps: whoever sends little costs nothing. */
const STEP_BYTES = 1024 * 1024;
/** Beyond, nothing more is taken: a new leader's first word to 50,000 agents and their frameworks is less. */
export const MAX_UNSENT_BYTES = 128 * 1024 * 1024;

export class UnsentBytes {
  #sent = 0;
  #confirmed = 0;
  #isAsked = false;

  /** The most that may not have left. */
  get pending(): number {
    return this.#sent - this.#confirmed;
  }

  get isFull(): boolean {
    return this.pending > MAX_UNSENT_BYTES;
  }

  /** Gives what a ping that is sent now, behind these bytes, confirms; undefined: none is needed. */
  add(bytes: number): number | undefined {
    this.#sent += bytes;
    if (this.#isAsked || this.pending < STEP_BYTES) return undefined;
    this.#isAsked = true;
    return this.#sent;
  }

  /** `upTo`: what `add` gave; undefined where the ping failed: what was sent before is lost with its connection. */
  answered(upTo: number | undefined): void {
    this.#isAsked = false;
    this.#confirmed = Math.max(this.#confirmed, upTo ?? this.#sent);
  }
}
