// Owns the client's half of a command beside a task: asks for output as long as there is any to come, brings input as it
// is taken, and says when the terminal's size changes. Offsets make a question that had to be repeated harmless.
import type { Failure, Outcome } from '@parley/protocol/errors';
import type { AgentId } from '@parley/protocol/ids';
import {
  type ExecAsk,
  type ExecEnd,
  type ExecResult,
  MAX_INPUT_BYTES,
  MAX_OUTPUT_WAIT_MS,
  type TerminalSize,
} from '@parley/protocol/task-exec';

export type ExecCall = (ask: ExecAsk) => Promise<Outcome<ExecResult>>;
export type ExecStart = Omit<Extract<ExecAsk, { kind: 'start' }>, 'kind'>;

export type ExecEnds = {
  readonly call: ExecCall;
  /** Nothing of it when the command gets no input. Read no faster than it is taken. */
  readonly input: AsyncIterable<Uint8Array>;
  readonly write: (stream: 'stdout' | 'stderr', data: Uint8Array) => Promise<void>;
  readonly pause: (durationMs: number) => Promise<void>;
};

export type ExecOutcome =
  | ExecEnd
  /** The agent does not know it any more: it was started anew, or heard nothing for too long. */
  | { readonly kind: 'lost' }
  /** It was begun, and then no more could be read of it (`cutOffWords`): what became of it is not known. */
  | { readonly kind: 'cutOff'; readonly failure: Failure };

/** What is said of a command that was cut off; the failure's own message says more. */
export function cutOffWords({ code }: Failure, agentId?: AgentId): string {
  if (code !== 'unavailable') return 'was cut off';
  const agent = agentId === undefined ? 'its agent' : `its agent ${agentId}`;
  return `was cut off: ${agent} does not answer any more`;
}

/** What a full input waits before it is offered again. */
const INPUT_AGAIN_MS = 50;

export class ExecClient {
  readonly #ends: ExecEnds;
  #isOver = false;

  constructor(ends: ExecEnds) {
    this.#ends = ends;
  }

  /** Until the command has ended and everything it wrote is written. Rejects as `write` does; then it is ended. */
  async run(start: ExecStart): Promise<Outcome<ExecOutcome>> {
    const started = await this.#ends.call({ kind: 'start', ...start });
    if (!started.ok) return started;
    if (started.value.kind !== 'started') return { ok: true, value: { kind: 'lost' } };
    // Input that cannot be read, or that nobody sends any more, is none: what the command does then is up to it.
    this.#feed().catch(() => undefined);
    try {
      const outcome = await this.#read();
      this.#isOver = true;
      const farewell = this.#ends.call({ kind: 'end' });
      // Nobody waits for one that does not answer.
      if (outcome.kind === 'cutOff') farewell.catch(() => undefined);
      else await farewell;
      return { ok: true, value: outcome };
    } catch (error) {
      this.#isOver = true;
      // Else it would run on for as long as its agent waits to be asked.
      this.#ends.call({ kind: 'end' }).catch(() => undefined);
      throw error;
    }
  }

  async resize(size: TerminalSize): Promise<void> {
    if (!this.#isOver) await this.#ends.call({ kind: 'resize', size });
  }

  async #read(): Promise<ExecOutcome> {
    for (let from = 0; ; ) {
      const answer = await this.#ends.call({ kind: 'output', from, waitMs: MAX_OUTPUT_WAIT_MS });
      if (!answer.ok) return { kind: 'cutOff', failure: answer.failure };
      if (answer.value.kind !== 'output') return { kind: 'lost' };
      for (const { stream, data } of answer.value.output) {
        await this.#ends.write(stream, data);
        from += data.length;
      }
      if (answer.value.end !== undefined) return answer.value.end;
    }
  }

  async #feed(): Promise<void> {
    let offset = 0;
    for await (const data of this.#ends.input) {
      for (let at = 0; at < data.length; at += MAX_INPUT_BYTES) {
        const part = data.subarray(at, at + MAX_INPUT_BYTES);
        if (!(await this.#send(offset, part, false))) return;
        offset += part.length;
      }
    }
    await this.#send(offset, new Uint8Array(), true);
  }

  /** False when there is nobody to take it. */
  async #send(begin: number, data: Uint8Array, isLast: boolean): Promise<boolean> {
    for (let taken = begin; !this.#isOver; ) {
      const rest = Uint8Array.from(data.subarray(taken - begin));
      const answer = await this.#ends.call({ kind: 'input', offset: taken, data: rest, isLast });
      if (!answer.ok || answer.value.kind !== 'input') return false;
      ({ taken } = answer.value);
      if (taken >= begin + data.length) return true;
      await this.#ends.pause(INPUT_AGAIN_MS);
    }
    return false;
  }
}
