// Owns one command that a client of Mesos runs beside a task: it is a nested container for it, and a session of the agent
// (@parley/operator-sdk/exec-session) on the bus. Who begins it reads its output; when that one leaves, it is ended.
import { setTimeout as delay } from 'node:timers/promises';
import { type ExecCall, ExecClient, type ExecOutcome } from '@parley/operator-sdk/exec-session';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { TaskRef } from '@parley/protocol/ids';
import type { ExecAsk, TerminalSize } from '@parley/protocol/task-exec';
import type { OutputStream, ProcessStream } from './process-stream.ts';

export type SessionStart = Omit<Extract<ExecAsk, { kind: 'start' }>, 'kind'>;

export class ContainerSession {
  readonly task: TaskRef;
  readonly #call: ExecCall;
  readonly #client: ExecClient;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #readers = new Set<ProcessStream>();
  readonly #begun = Promise.withResolvers<Outcome<undefined>>();
  readonly #ended = Promise.withResolvers<ExecOutcome>();
  #open: (() => ProcessStream) | undefined;
  #owner: ProcessStream | undefined;
  #hasInput = false;
  #isInputOver = false;
  #isOver = false;

  constructor(task: TaskRef, call: ExecCall) {
    this.task = task;
    this.#call = call;
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#input = writable.getWriter();
    // Told to whoever writes.
    this.#input.closed.catch(() => undefined);
    this.#client = new ExecClient({
      call: (ask) => this.#ask(ask),
      input: readable,
      write: (stream, data) => this.#write(stream, data),
      pause: (durationMs) => delay(durationMs),
    });
  }

  /** Resolves when it is over, whatever became of it. */
  get ended(): Promise<ExecOutcome> {
    return this.#ended.promise;
  }

  /**
   * Begins it; then `open` makes the answer that all of its output goes to. Fails, with nothing sent, as the agent does.
   */
  begin(start: SessionStart, open: () => ProcessStream): Promise<Outcome<undefined>> {
    this.#open = open;
    void this.#run(start);
    return this.#begun.promise;
  }

  /** Output from now on. */
  attach(reader: ProcessStream): void {
    this.#readers.add(reader);
    reader.onClosed(() => this.#readers.delete(reader));
  }

  /** False: somebody else brings input. Until `releaseInput`. */
  takeInput(): boolean {
    if (this.#hasInput) return false;
    this.#hasInput = true;
    return true;
  }

  releaseInput(): void {
    this.#hasInput = false;
  }

  /** Resolves when more may come; rejects when it is over. */
  async write(data: Uint8Array): Promise<void> {
    if (!this.#isInputOver) await this.#input.write(data);
  }

  /** Nothing more comes. Rejects when it is over. */
  async endInput(): Promise<void> {
    if (this.#isInputOver) return;
    this.#isInputOver = true;
    await this.#input.close();
  }

  resize(size: TerminalSize): Promise<void> {
    return this.#client.resize(size);
  }

  /** Kills it. */
  async kill(): Promise<void> {
    if (!this.#isOver) await this.#call({ kind: 'end' });
  }

  async #run(start: SessionStart): Promise<void> {
    const outcome = await this.#client
      .run(start)
      .catch((error: unknown) => fail('internalError', String(error)));
    this.#isOver = true;
    this.#begun.resolve(outcome.ok ? fail('unavailable', 'the agent ended it') : outcome);
    this.#input.abort().catch(() => undefined);
    for (const reader of [this.#owner, ...this.#readers]) reader?.end();
    this.#ended.resolve(outcome.ok ? outcome.value : { kind: 'lost' });
  }

  async #ask(ask: ExecAsk): ReturnType<ExecCall> {
    const answer = await this.#call(ask);
    if (ask.kind === 'start' && answer.ok && answer.value.kind === 'started') {
      this.#owner = this.#open?.();
      this.#owner?.onClosed(() => void this.kill());
      this.#begun.resolve(succeed(undefined));
    }
    return answer;
  }

  async #write(stream: OutputStream, data: Uint8Array): Promise<void> {
    for (const reader of this.#readers) reader.writeOrLeave(stream, data);
    await this.#owner?.write(stream, data);
  }
}
