// Owns handing updates to the user, one at a time, to a callback or to the loop that reads them; an update is through when the
// callback has returned or the loop asks for the next one. What is not through is handed again.
import { assert } from '@parley/protocol/unreachable';
import type { FrameworkUpdate } from './framework-update.ts';
import type { SchedulerClock, Timer } from './scheduler-ports.ts';

export type UpdateHandler<Payload> = (update: FrameworkUpdate<Payload>) => Promise<void> | void;

/** The loop that had the update in hand ended without asking for another. */
class UpdateNotHandled extends Error {
  override readonly name = 'UpdateNotHandled';
}

type Letter<Payload> = {
  readonly update: FrameworkUpdate<Payload>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

export type InboxOptions<Payload> = {
  readonly handler: UpdateHandler<Payload> | undefined;
  readonly clock: SchedulerClock;
  readonly onError: (error: unknown) => void;
};

/** Updates of which no message in the stream tells; beyond, the oldest are left out. */
const MAX_TOLD = 10_000;
const TELL_AGAIN_MS = 1000;

export class FrameworkInbox<Payload> {
  readonly #options: InboxOptions<Payload>;
  readonly #letters: Letter<Payload>[] = [];
  readonly #told: FrameworkUpdate<Payload>[] = [];
  #telling = false;
  #again: Timer | undefined;
  #isRead = false;
  #arrived = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(options: InboxOptions<Payload>) {
    this.#options = options;
  }

  /** Resolves when the user is through with it; rejects when he is to be handed it again. */
  async hand(update: FrameworkUpdate<Payload>): Promise<void> {
    const { handler } = this.#options;
    if (handler !== undefined) return await handler(update);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#letters.push({ update, resolve, reject });
    this.#arrived.resolve();
    return await promise;
  }

  /** As `hand`, again and again until the user is through with it. */
  tell(update: FrameworkUpdate<Payload>): void {
    this.#told.push(update);
    if (this.#told.length > MAX_TOLD) {
      this.#told.shift();
      this.#options.onError(new Error('updates are not read: the oldest ones are left out'));
    }
    void this.#tell();
  }

  /** For one loop at a time. Ends when the framework is closed, or when the signal is aborted. */
  async *updates(signal?: AbortSignal): AsyncGenerator<FrameworkUpdate<Payload>, void, undefined> {
    assert(
      this.#options.handler === undefined,
      'updates go to onUpdate, or to a loop, not to both',
    );
    assert(!this.#isRead, 'one loop at a time reads updates');
    this.#isRead = true;
    const wake = (): void => this.#arrived.resolve();
    signal?.addEventListener('abort', wake, { once: true });
    let letter: Letter<Payload> | undefined;
    try {
      while (!this.#isClosed && !signal?.aborted) {
        letter = this.#letters.shift();
        if (letter === undefined) {
          this.#arrived = Promise.withResolvers();
          await this.#arrived.promise;
          continue;
        }
        yield letter.update;
        letter.resolve();
        letter = undefined;
      }
    } finally {
      this.#isRead = false;
      signal?.removeEventListener('abort', wake);
      letter?.reject(new UpdateNotHandled('an update was not handled and comes again'));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#again?.cancel();
    this.#arrived.resolve();
  }

  async #tell(): Promise<void> {
    if (this.#telling || this.#isClosed) return;
    this.#telling = true;
    try {
      for (let next = this.#told[0]; next !== undefined; next = this.#told[0]) {
        await this.hand(next);
        if (this.#told[0] === next) this.#told.shift();
      }
    } catch (error) {
      this.#options.onError(error);
      this.#again = this.#options.clock.startTimer(TELL_AGAIN_MS, () => void this.#tell());
    } finally {
      this.#telling = false;
    }
  }
}
