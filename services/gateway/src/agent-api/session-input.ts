// Owns the input that a client of Mesos brings to a command beside a task: records of a request's body, each a ProcessIO, in
// their order and no faster than the command takes them.
import { decode, type Encoding } from '@parley/mesos-api/codec';
import type { MessageOf } from '@parley/mesos-api/message-types';
import { RecordReader } from '@parley/mesos-api/record-io';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type AgentCall, agentCallFault } from './agent-call.ts';
import type { ContainerSession } from './container-session.ts';
import type { ContainerId } from './containers.ts';

type ProcessIO = MessageOf<'agent.ProcessIO'>;

const MAX_RECORD_BYTES = 1024 * 1024;
/** What a terminal may be (@parley/protocol/task-exec). */
const MAX_SIDE = 10_000;

/** The records of a body. Each is a call; the first says whose input it is. */
export class InputCalls {
  readonly #calls: AsyncGenerator<Outcome<AgentCall>>;
  #isStopped = false;

  constructor(body: AsyncIterable<Uint8Array>, encoding: Encoding) {
    this.#calls = callsOf(body, encoding);
  }

  /** Fails with `malformed` or `tooLarge`. */
  async container(): Promise<Outcome<ContainerId>> {
    const first = await this.#calls.next();
    if (first.done === true) return fail('malformed', 'there is no record in the body');
    if (!first.value.ok) return first.value;
    const input = first.value.value.attach_container_input;
    return input?.type === 'CONTAINER_ID' && input.container_id !== undefined
      ? succeed(input.container_id)
      : fail('malformed', "Expecting 'attach_container_input.container_id' in the first record");
  }

  /** From now on nothing reaches the command. */
  stop(): void {
    this.#isStopped = true;
  }

  /** To the end of the body or of the session. Fails likewise. */
  async feed(session: ContainerSession): Promise<Outcome<undefined>> {
    for await (const call of this.#calls) {
      if (this.#isStopped) break;
      if (!call.ok) return call;
      const record = call.value.attach_container_input?.process_io;
      if (record === undefined) {
        return fail('malformed', "Expecting 'attach_container_input.process_io' in each record");
      }
      const isTaken = await take(session, record);
      if (!isTaken) break;
    }
    return succeed(undefined);
  }
}

async function* callsOf(
  body: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<Outcome<AgentCall>> {
  const reader = new RecordReader(MAX_RECORD_BYTES);
  for await (const bytes of body) {
    for (const record of reader.push(bytes)) {
      yield record.ok ? callOf(record.value, encoding) : record;
    }
  }
}

function callOf(record: Uint8Array, encoding: Encoding): Outcome<AgentCall> {
  const call = decode('agent.Call', encoding, record);
  if (!call.ok) return call;
  const fault = agentCallFault(call.value);
  if (fault !== undefined) return fail('malformed', `Failed to validate agent::Call: ${fault}`);
  return call.value.type === 'ATTACH_CONTAINER_INPUT'
    ? call
    : fail('malformed', `Expecting ATTACH_CONTAINER_INPUT, but received ${call.value.type}`);
}

/** False: the command takes nothing more. Data of no bytes is the end of its input. */
async function take(session: ContainerSession, { data, control }: ProcessIO): Promise<boolean> {
  try {
    if (data?.type === 'STDIN') {
      const bytes = data.data ?? new Uint8Array();
      await (bytes.length === 0 ? session.endInput() : session.write(bytes));
    }
    const size = control?.type === 'TTY_INFO' ? control.tty_info?.window_size : undefined;
    if (size !== undefined && isSize(size)) await session.resize(size);
    return true;
  } catch {
    return false;
  }
}

const isSize = ({ rows, columns }: { readonly rows: number; readonly columns: number }): boolean =>
  [rows, columns].every((side) => side >= 1 && side <= MAX_SIDE);
