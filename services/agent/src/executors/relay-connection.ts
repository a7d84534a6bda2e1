// Owns one connection of an executor that a gateway speaks for: what was taken of it, what waits to be fetched for it, in
// order and bounded. Whose it is, and when it is over for want of questions, is in executor-relay.ts.
import { encodeFrame } from '@parley/protocol/executor-frames';
import { type ExecutorRelayResult, MAX_RELAY_ANSWER_BYTES } from '@parley/protocol/executor-relay';
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';

type Heard = Extract<ExecutorRelayResult, { kind: 'heard' }>;
type Waiting = {
  readonly number: number;
  readonly message: ToExecutor;
  readonly bytes: number;
};

/** What nobody fetches loses messages first, then the connection; as on a socket. Bytes. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;

export class RelayConnection {
  readonly #onSaid: (message: FromExecutor) => void;
  readonly #waiting: Waiting[] = [];
  #backlogBytes = 0;
  #takenUpTo = 0;
  #lastNumber = 0;
  #isEnding = false;
  #wake: () => void = () => undefined;

  constructor(onSaid: (message: FromExecutor) => void) {
    this.#onSaid = onSaid;
  }

  /** One that was taken before is not taken again, and none before those that it follows. */
  take(number: number, message: FromExecutor): ExecutorRelayResult {
    if (!this.#isEnding && number === this.#takenUpTo + 1) {
      this.#takenUpTo = number;
      this.#onSaid(message);
    }
    return { kind: 'taken', upTo: this.#takenUpTo };
  }

  /** False when it is lost. `isBroken`: it may not be lost, so the connection has to end. */
  send(message: ToExecutor): { readonly isSent: boolean; readonly isBroken: boolean } {
    const frame = encodeFrame(message);
    if (!frame.ok || this.#isEnding || this.#backlogBytes > MAX_BACKLOG_BYTES) {
      return { isSent: false, isBroken: message.kind !== 'message' };
    }
    this.#lastNumber += 1;
    const bytes = frame.value.length;
    this.#waiting.push({ number: this.#lastNumber, message, bytes });
    this.#backlogBytes += bytes;
    this.#wake();
    return { isSent: true, isBroken: false };
  }

  /** What was sent before can still be fetched. */
  end(): void {
    this.#isEnding = true;
    this.#wake();
  }

  /** Those behind `from`, which has arrived with all before it; waits when there are none. */
  async hear(from: number, waitMs: number): Promise<Heard> {
    while (this.#waiting[0] !== undefined && this.#waiting[0].number <= from) {
      this.#backlogBytes -= this.#waiting.shift()?.bytes ?? 0;
    }
    if (this.#waiting.length === 0 && !this.#isEnding && waitMs > 0) await this.#something(waitMs);
    const messages: Heard['messages'] = [];
    let bytes = 0;
    for (const each of this.#waiting) {
      bytes += each.bytes;
      if (messages.length > 0 && bytes > MAX_RELAY_ANSWER_BYTES) break;
      messages.push({ number: each.number, message: each.message });
    }
    const isLast = this.#isEnding && messages.length === this.#waiting.length;
    return { kind: 'heard', messages, isLast };
  }

  /** A question that comes while an older one waits answers that one too: its asker has given it up. */
  #something(waitMs: number): Promise<void> {
    this.#wake();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
