// Owns when questions of operators are answered, so that these never keep the allocator from making offers: no more than
// ten a second, and for no more than a tenth of the time. Those that come meanwhile wait, equal ones for one answer; of
// very many the rest is told to ask again. What the answer is, is up to whoever answers.
import type { Clock } from '@parley/actor/clock';
import type { Timers } from '@parley/actor/timers';
import { fail, type Outcome } from '@parley/protocol/errors';
import type { ExplainRequest, Explanation } from '@parley/protocol/explanations';

export const LEAST_GAP_MS = 100;
/** After an answer as long as it took, so many times. */
export const REST = 9;
export const MAX_WAITING = 100;

type Answer = Outcome<Explanation>;
type Respond = (answer: Answer) => void;
type Question = { readonly request: ExplainRequest; readonly askers: Respond[] };

export type ExplainDeskOptions = {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Undefined where another may answer. */
  readonly answer: (request: ExplainRequest) => Answer | undefined;
};

export class ExplainDesk {
  readonly #options: ExplainDeskOptions;
  /** By what is asked, in order. */
  readonly #questions = new Map<string, Question>();
  #waiting = 0;
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  #cancelTurn: (() => void) | undefined;

  constructor(options: ExplainDeskOptions) {
    this.#options = options;
  }

  ask(request: ExplainRequest, respond: Respond): void {
    if (this.#waiting >= MAX_WAITING) {
      respond(fail('overloaded', 'too many questions wait for the allocator; ask again later'));
      return;
    }
    const key = JSON.stringify(request);
    const question = this.#questions.get(key) ?? { request, askers: [] };
    question.askers.push(respond);
    this.#questions.set(key, question);
    this.#waiting += 1;
    this.#goOn();
  }

  /** Whoever waits is not answered. */
  close(): void {
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
    this.#questions.clear();
    this.#waiting = 0;
  }

  #goOn(): void {
    const [first] = this.#questions;
    if (first === undefined || this.#cancelTurn !== undefined) return;
    const { clock, timers } = this.#options;
    const startMs = clock.nowMs();
    if (startMs < this.#restsUntilMs) {
      const turn = (): void => {
        this.#cancelTurn = undefined;
        this.#goOn();
      };
      this.#cancelTurn = timers.after(Math.ceil(this.#restsUntilMs - startMs), turn);
      return;
    }
    const [key, { request, askers }] = first;
    this.#questions.delete(key);
    this.#waiting -= askers.length;
    const answer = this.#options.answer(request);
    if (answer !== undefined) for (const respond of askers) respond(answer);
    const tookMs = clock.nowMs() - startMs;
    this.#restsUntilMs = startMs + tookMs + Math.max(LEAST_GAP_MS, REST * tookMs);
    this.#goOn();
  }
}
