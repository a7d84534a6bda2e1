// Owns whether this gateway has made ahead what it wants to have made before it is sent requests. It answers meanwhile.
import type { ActorLog } from '@parley/telemetry/logger';

export class StartUp {
  readonly #logger: Pick<ActorLog, 'warn'>;
  #underWay = 0;

  constructor(logger: Pick<ActorLog, 'warn'>) {
    this.#logger = logger;
  }

  get isDone(): boolean {
    return this.#underWay === 0;
  }

  /** Until it has ended, well or not: who asks for what could not be made ahead is told why. */
  wait(work: Promise<void>): void {
    this.#underWay += 1;
    work
      .catch((cause) => this.#logger.warn({ err: cause }, 'a page could not be made ahead'))
      .finally(() => {
        this.#underWay -= 1;
      });
  }
}
