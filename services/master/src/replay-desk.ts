// Owns how principals' wishes for pages of the past are taken: each is somebody's own by its subject, one is worked on at
// a time, and more than a few waiting are sent away to come again. Any master answers, whether it leads or not. Making a
// page is the maker's, which must not keep this process from leading.
import type { Bus, BusMessage, BusSubscription } from '@parley/actor/bus';
import { type ErrorCode, fail } from '@parley/protocol/errors';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { decodeMessage, encodeAnswer } from '@parley/protocol/message';
import type { ReplayPageRequest } from '@parley/protocol/replay';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';

/** Waiting for the one that is worked on, over all principals and of one. */
const MAX_WAITING = 16;
const MAX_WAITING_EACH = 2;

export interface PageMaker {
  /** The bytes of an answer. Rejects when it cannot be made now. */
  page(principal: PrincipalName, request: ReplayPageRequest): Promise<Uint8Array>;
  close(): Promise<void>;
}

type Wish = {
  readonly principal: PrincipalName;
  readonly request: ReplayPageRequest;
  readonly message: BusMessage;
};

export type ReplayDeskOptions = {
  readonly bus: Bus;
  readonly cluster: ClusterName;
  readonly maker: PageMaker;
  readonly onTrouble: (trouble: Record<string, unknown>, message: string) => void;
};

export class ReplayDesk {
  readonly #options: ReplayDeskOptions;
  readonly #subscription: BusSubscription;
  readonly #waiting: Wish[] = [];
  #isWorking = false;

  constructor(options: ReplayDeskOptions) {
    this.#options = options;
    const pattern = wildcardOf(SUBJECTS.replayPage, options.cluster);
    this.#subscription = options.bus.subscribe(pattern, (message) => this.#take(message), {
      queue: 'masters',
    });
  }

  async close(): Promise<void> {
    this.#subscription.close();
    for (const { message } of this.#waiting.splice(0))
      refuse(message, 'unavailable', 'this master stops');
    await this.#options.maker.close();
  }

  #take(message: BusMessage): void {
    const { subject, bytes } = message;
    const read = decodeMessage(SUBJECTS.replayPage, this.#options.cluster, subject, bytes);
    if (!read.ok) {
      message.respond(encodeAnswer(read));
      return;
    }
    // From the subject, which the bus lets nobody else publish on.
    const { principal } = read.value.parameters;
    const own = this.#waiting.filter((wish) => wish.principal === principal).length;
    if (this.#waiting.length >= MAX_WAITING || own >= MAX_WAITING_EACH) {
      refuse(message, 'overloaded', 'other pages of the past are being made; try again');
      return;
    }
    this.#waiting.push({ principal, request: read.value.body, message });
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    for (let wish = this.#waiting.shift(); wish !== undefined; wish = this.#waiting.shift()) {
      await this.#answer(wish);
    }
    this.#isWorking = false;
  }

  async #answer({ principal, request, message }: Wish): Promise<void> {
    try {
      message.respond(await this.#options.maker.page(principal, request));
    } catch (error) {
      this.#options.onTrouble({ principal, error }, 'a page of the past could not be made');
      refuse(message, 'unavailable', 'the page could not be made; the log of the master says more');
    }
  }
}

const refuse = (message: BusMessage, code: ErrorCode, why: string): void => {
  message.respond(encodeAnswer(fail(code, why)));
};
