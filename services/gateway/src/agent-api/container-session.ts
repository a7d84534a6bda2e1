// Owns one command that a client of Mesos runs beside a task: it is a nested container for it, and a session of the agent
// (@parley/operator-sdk/exec-session) on the bus. Who begins it reads its output; when that one leaves, it is ended.
import { setTimeout as delay } from 'node:timers/promises';
import {
  cutOffWords,
  type ExecCall,
  ExecClient,
  type ExecOutcome,
} from '@parley/operator-sdk/exec-session';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { ExecAsk, TerminalSize } from '@parley/protocol/task-exec';
import { unreachable } from '@parley/protocol/unreachable';
import type { OutputStream, ProcessStream } from './process-stream.ts';

export type SessionStart = Omit<Extract<ExecAsk, { kind: 'start' }>, 'kind'>;

export type SessionPlace = { readonly task: TaskRef; readonly agentId: AgentId };

export class ContainerSession {
  readonly #place: SessionPlace;
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

  constructor(place: SessionPlace, call: ExecCall) {
    this.#place = place;
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
    const end: ExecOutcome = outcome.ok
      ? outcome.value
      : { kind: 'cutOff', failure: outcome.failure };
    const why = endWords(end, this.#place);
    for (const reader of [this.#owner, ...this.#readers]) {
      if (why === undefined) reader?.end();
      else reader?.endBecause(why);
    }
    this.#ended.resolve(end);
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

/** Undefined: it came to its end, which whoever waits for it is told. */
function endWords(end: ExecOutcome, { task, agentId }: SessionPlace): string | undefined {
  const what = `the command beside ${taskKey(task)}`;
  const again = 'see "parley agent list", and begin it again when the agent is there';
  switch (end.kind) {
    case 'lost':
      return `${what} was cut off: its agent ${agentId} was started anew, heard nothing from here for 15 s, or was told to end it; ${again}`;
    case 'cutOff': {
      const { code, message } = end.failure;
      const why = `${what} ${cutOffWords(end.failure, agentId)} (${message})`;
      if (code !== 'unavailable') return `${why}; begin it again`;
      return `${why}, and a command does not outlive its agent; ${again}`;
    }
    case 'exited':
    case 'signaled':
    case 'notStarted':
      return undefined;
    default:
      return unreachable(end);
  }
}
