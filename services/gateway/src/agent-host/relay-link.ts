// Owns one connection of an executor to its agent over the bus, from the gateway's end: what it says goes out one after the
// other, what is for it is fetched in order and given once. When to open one, and what is said, is for who has it.
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import {
  type ExecutorProof,
  type ExecutorRelayAsk,
  type ExecutorRelayResult,
  MAX_RELAY_WAIT_MS,
} from '@parley/protocol/executor-relay';
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import type { AgentId, ExecutorRef } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';

export type Accepted = Extract<ExecutorRelayResult, { kind: 'accepted' }>;
export type Refused = Extract<ExecutorRelayResult, { kind: 'refused' }>;

export type RelayHandlers = {
  readonly onMessage: (message: ToExecutor) => void;
  /** Once. `why`: where it was not asked for. */
  readonly onClosed: (why: string | undefined) => void;
};

/** An executor that says more than its agent takes is to come again with what was not acknowledged. */
const MAX_UNSENT = 20_000;

/** The way to one agent. */
export class AgentRelay {
  readonly #link: Pick<OperatorLink, 'call'>;
  readonly agentId: AgentId;

  constructor(link: Pick<OperatorLink, 'call'>, agentId: AgentId) {
    this.#link = link;
    this.agentId = agentId;
  }

  /** Fails as a call does: the agent is away. */
  ask(connection: string, ask: ExecutorRelayAsk): Promise<Outcome<ExecutorRelayResult>> {
    const { agentId } = this;
    return this.#link.call(SUBJECTS.executorRelay, { agentId }, { connection, ask });
  }

  /** Whether somebody may speak for the executor; with `connection`, to begin to. Fails as `ask`. */
  async prove(
    executor: ExecutorRef,
    proof: ExecutorProof,
    connection?: string,
  ): Promise<Outcome<Accepted | Refused>> {
    const kind = connection === undefined ? 'prove' : 'open';
    const answer = await this.ask(connection ?? NO_CONNECTION, { kind, executor, proof });
    if (!answer.ok) return answer;
    const { value } = answer;
    if (value.kind === 'accepted' || value.kind === 'refused') return succeed(value);
    return fail('internalError', `the agent answers ${kind} with ${value.kind}`);
  }
}

const NO_CONNECTION = 'none';

export class RelayLink {
  readonly #relay: AgentRelay;
  readonly #connection: string;
  readonly #handlers: RelayHandlers;
  readonly #unsent: FromExecutor[] = [];
  #isSending = false;
  #said = 0;
  #heard = 0;
  #isClosed = false;

  /** `connection`: opened already. */
  constructor(relay: AgentRelay, connection: string, handlers: RelayHandlers) {
    this.#relay = relay;
    this.#connection = connection;
    this.#handlers = handlers;
  }

  /** From now on messages come. */
  begin(): void {
    void this.#listen();
  }

  say(message: FromExecutor): void {
    if (this.#isClosed) return;
    this.#unsent.push(message);
    if (this.#unsent.length > MAX_UNSENT) this.#close('its agent takes less than it says');
    else void this.#send();
  }

  /** The agent is told. */
  end(): void {
    if (this.#isClosed) return;
    this.#close(undefined);
    void this.#relay.ask(this.#connection, { kind: 'end' });
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    while (!this.#isClosed) {
      const [message] = this.#unsent;
      if (message === undefined) break;
      const number = this.#said + 1;
      const answer = await this.#relay.ask(this.#connection, { kind: 'say', number, message });
      if (answer.ok && answer.value.kind === 'taken' && answer.value.upTo === number) {
        this.#said = number;
        this.#unsent.shift();
      } else this.#close(whyOf(answer));
    }
    this.#isSending = false;
  }

  async #listen(): Promise<void> {
    while (!this.#isClosed) {
      const ask = { kind: 'hear', from: this.#heard, waitMs: MAX_RELAY_WAIT_MS } as const;
      const answer = await this.#relay.ask(this.#connection, ask);
      if (this.#isClosed) return;
      if (!answer.ok || answer.value.kind !== 'heard') {
        this.#close(whyOf(answer));
        return;
      }
      this.#deliver(answer.value.messages);
      if (answer.value.isLast) this.#close('its agent ended the connection');
    }
  }

  #deliver(messages: Extract<ExecutorRelayResult, { kind: 'heard' }>['messages']): void {
    for (const { number, message } of messages) {
      if (number <= this.#heard) continue;
      if (number !== this.#heard + 1) {
        this.#close(`message ${this.#heard + 1} of its agent is missing`);
        return;
      }
      this.#heard = number;
      this.#handlers.onMessage(message);
    }
  }

  #close(why: string | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unsent.length = 0;
    this.#handlers.onClosed(why);
  }
}

function whyOf(answer: Outcome<ExecutorRelayResult>): string {
  if (!answer.ok) return `its agent is away: ${answer.failure.message}`;
  return answer.value.kind === 'ended'
    ? 'its agent knows the connection no more'
    : `its agent answers ${answer.value.kind}`;
}
