// Owns the life of the gateway's one thread for the past: started when somebody asks, ended when nobody did for a while, with
// all the memory that it took; made anew after it failed. It is read for here: it has no connection of its own.
import { Worker } from 'node:worker_threads';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ReplaySource } from '@parley/replay/replay-source';
import { type FromThread, type Reads, readsOf, type ToThread } from './past-messages.ts';
import type { AnswerTo, PastQuestion } from './past-questions.ts';

const IDLE_MS = 60_000;

export type PastThreadOptions = {
  readonly source: () => ReplaySource;
  /** Milliseconds since 1970. */
  readonly wallTimeMs: () => number;
  /** The thread has ended of itself: those who waited are told to ask again. */
  readonly onFailed: (error: Error) => void;
  /** Absent: that of past-worker.ts. */
  readonly program?: URL;
  /** How long a thread stays that nobody asks; absent: a minute. */
  readonly idleMs?: number;
};

export class PastThread {
  readonly #options: PastThreadOptions;
  readonly #waiting = new Map<number, (outcome: Outcome<unknown>) => void>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #questions = 0;
  #isClosed = false;

  constructor(options: PastThreadOptions) {
    this.#options = options;
  }

  /** Fails as the desk does (past-desk.ts), and with `unavailable` when the thread has ended. */
  async ask<Question extends PastQuestion>(
    question: Question,
  ): Promise<Outcome<AnswerTo<Question>>> {
    if (this.#isClosed) return ended();
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#questions += 1;
    const answer = Promise.withResolvers<Outcome<unknown>>();
    this.#waiting.set(this.#questions, answer.resolve);
    const { wallTimeMs } = this.#options;
    const id = this.#questions;
    send(this.#worker, { kind: 'question', id, question, wallTimeMs: wallTimeMs() });
    const outcome = await answer.promise;
    // The thread answers each kind of question with its kind of answer.
    return outcome.ok ? succeed(outcome.value as AnswerTo<Question>) : outcome;
  }

  /** Those who wait are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const { program = new URL('./past-worker.ts', import.meta.url) } = this.#options;
    const worker = new Worker(program);
    const reads = readsOf(this.#options.source());
    worker.on('message', (message: FromThread) => {
      if (message.kind === 'answer') this.#answered(message.id, message.outcome);
      else void serve(worker, reads, message);
    });
    worker.on('error', (error) => {
      if (!this.#isClosed) this.#options.onFailed(error as Error);
      this.#ended(worker);
    });
    worker.on('exit', () => this.#ended(worker));
    // A gateway that stops does not wait for it.
    worker.unref();
    return worker;
  }

  #answered(id: number, outcome: Outcome<unknown>): void {
    this.#waiting.get(id)?.(outcome);
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#idle = setTimeout(() => this.#dismiss(), this.#options.idleMs ?? IDLE_MS);
    this.#idle.unref();
  }

  /** Whoever asks while it ends gets another one. */
  #dismiss(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }

  #ended(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    clearTimeout(this.#idle);
    for (const tell of this.#waiting.values()) tell(ended());
    this.#waiting.clear();
  }
}

const ended = (): Outcome<never> =>
  fail('unavailable', 'what looked into the past has ended: ask again');

const send = (worker: Worker, message: ToThread): void => worker.postMessage(message);

async function serve(
  worker: Worker,
  reads: Reads,
  { id, name, parameters }: Extract<FromThread, { kind: 'read' }>,
): Promise<void> {
  // The thread gives what the read of that name takes.
  const read = reads[name] as (...parameters: readonly unknown[]) => Promise<Outcome<unknown>>;
  try {
    send(worker, { kind: 'have', id, outcome: await read(...parameters) });
  } catch (error) {
    // Nobody waits for ever, whatever is wrong with what is read.
    const outcome = fail('internalError', `reading failed: ${String(error)}`);
    send(worker, { kind: 'have', id, outcome });
  }
}
