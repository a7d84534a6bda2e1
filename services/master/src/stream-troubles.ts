// Owns telling of streams that are not as they must be: once when it begins or becomes another trouble, with what to do,
// and once when it is over.
import type { ActorLog } from '@parley/telemetry/logger';

const WHAT_TO_DO =
  'a stream is not healthy: whoever writes to it waits. Look at it with "nats stream info": are as many of its servers there as it needs, has each room on its disk, is its limit of bytes reached?';

export class StreamTroubles {
  readonly #logger: ActorLog;
  readonly #told = new Map<string, string>();

  constructor(logger: ActorLog) {
    this.#logger = logger;
  }

  /** `trouble`: undefined when there is none. */
  tell(stream: string, trouble: string | undefined): void {
    const before = this.#told.get(stream);
    if (trouble === before) return;
    if (trouble === undefined) {
      this.#told.delete(stream);
      this.#logger.info({ stream }, 'a stream is well again');
      return;
    }
    this.#told.set(stream, trouble);
    this.#logger.error({ stream, trouble }, WHAT_TO_DO);
  }
}
