// Owns the orders that wait for an answer: the supervisor knows each by a number, the bus by a function.
import type { Answer } from '@parley/protocol/message';

const MAX_OPEN = 20_000;

type Reply = (answer: Answer) => void;

export class OpenReplies {
  readonly #open = new Map<number, Reply>();
  #count = 0;

  /** The number to answer by. */
  add(reply: Reply): number {
    this.#count += 1;
    this.#open.set(this.#count, reply);
    // Some are never answered, since their sender asks again: the oldest go.
    const [oldest] = this.#open.keys();
    if (this.#open.size > MAX_OPEN && oldest !== undefined) this.#open.delete(oldest);
    return this.#count;
  }

  answer(number: number, answer: Answer): void {
    this.#open.get(number)?.(answer);
    this.#open.delete(number);
  }
}
