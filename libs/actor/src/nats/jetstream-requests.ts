// Owns asking JetStream: stores with conditions, single reads through the stream's leader, the API's errors by number.
// Every answer that can not be told from none is "unknown": it may still take effect later.

import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import {
  errors,
  headers,
  type MsgHdrs,
  type NatsConnection,
  RequestError,
  TimeoutError,
} from 'nats';
import * as z from 'zod';

/** Longest wait for one answer; the caller tries again. */
const REQUEST_TIMEOUT_MS = 2000;

/** nats-server's server/errors.json. */
const WRONG_LAST_SEQUENCE = new Set([10071, 10164]);
const NO_SPACE = new Set([10023, 10047, 10077]);
const NO_MESSAGE = 10037;
export const STREAM_NOT_FOUND = 10059;
/** Too few servers are known to be there for the copies that a stream is to have. */
export const NO_SUITABLE_PEERS = 10005;

const ApiError = z.object({
  code: z.int(),
  err_code: z.int().default(0),
  description: z.string().default(''),
});

export type ApiAnswer =
  | { readonly kind: 'answered'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly code: number; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string };

const ErrorAnswer = z.object({ error: ApiError });

/** Sends a message and takes its one answer. */
export type Requester = Pick<NatsConnection, 'request'>;

/** One request to the JetStream API or to a stream's subject. */
export async function ask(
  connection: Requester,
  subject: string,
  payload: Uint8Array | string,
  options: { headers?: MsgHdrs; timeoutMs?: number } = {},
): Promise<ApiAnswer> {
  let value: unknown;
  try {
    const answer = await connection.request(subject, payload, {
      timeout: options.timeoutMs ?? REQUEST_TIMEOUT_MS,
      ...(options.headers && { headers: options.headers }),
    });
    value = answer.json();
  } catch (error) {
    return { kind: 'unknown', message: describeRequestError(subject, error) };
  }
  const error = ErrorAnswer.safeParse(value);
  if (!error.success) return { kind: 'answered', value };
  const { err_code: code, description } = error.data.error;
  return { kind: 'refused', code, message: `${description} (JetStream error ${code})` };
}

/** What went wrong with a request, for people. */
export function describeRequestError(subject: string, error: unknown): string {
  if (error instanceof TimeoutError) return `no answer on ${subject}`;
  if (error instanceof RequestError && error.isNoResponders()) {
    return `nobody answers on ${subject} (no stream, or JetStream has no leader now)`;
  }
  if (error instanceof errors.PermissionViolationError) {
    return `the credential may not send on ${subject}`;
  }
  return `${subject}: ${error instanceof Error ? error.message : String(error)}`;
}

export type StoreResult =
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'diskFull'; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string };

const PubAck = z.object({ stream: z.string().min(1), seq: z.int().min(1) });

export type StoreConditions = {
  /** Sequence of the stream's last message. */
  readonly lastSequence?: number;
  /** Sequence of the last message on the same subject; 0: there is none. */
  readonly lastSubjectSequence?: number;
  readonly timeoutMs?: number;
};

/** Publishes to a stream and waits for its acknowledgement. */
export async function store(
  connection: Requester,
  subject: string,
  bytes: Uint8Array,
  conditions: StoreConditions = {},
): Promise<StoreResult> {
  const { lastSequence, lastSubjectSequence, timeoutMs } = conditions;
  const expectations = headers();
  if (lastSequence !== undefined) {
    expectations.set('Nats-Expected-Last-Sequence', String(lastSequence));
  }
  if (lastSubjectSequence !== undefined) {
    expectations.set('Nats-Expected-Last-Subject-Sequence', String(lastSubjectSequence));
  }
  const answer = await ask(connection, subject, bytes, {
    headers: expectations,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  if (answer.kind === 'unknown') return answer;
  if (answer.kind === 'refused') {
    if (WRONG_LAST_SEQUENCE.has(answer.code)) return { kind: 'refused' };
    if (NO_SPACE.has(answer.code)) return { kind: 'diskFull', message: answer.message };
    return { kind: 'unknown', message: answer.message };
  }
  const ack = PubAck.safeParse(answer.value);
  return ack.success
    ? { kind: 'stored', sequence: ack.data.seq }
    : { kind: 'unknown', message: `${subject}: an answer that is no acknowledgement` };
}

/** For callers that only want to know whether to try again. */
export function storeOutcome(result: StoreResult): Outcome<{ sequence: number }> {
  switch (result.kind) {
    case 'stored':
      return succeed({ sequence: result.sequence });
    case 'diskFull':
      return fail('diskFull', result.message);
    case 'refused':
      return fail('unavailable', 'another write came first');
    default:
      return fail('unavailable', result.message);
  }
}

export type StoredMessage = {
  readonly subject: string;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** Server's wall clock, milliseconds since 1970. */
  readonly storedMs: number;
};

const MessageAnswer = z.object({
  message: z.object({
    subject: z.string(),
    seq: z.int(),
    data: z.base64().default(''),
    time: z.string(),
  }),
});

export type MessageQuery =
  | { readonly seq: number; readonly next_by_subj?: string }
  | { readonly last_by_subj: string };

/** One message through the stream's leader; undefined when there is none. */
export async function readMessage(
  connection: Requester,
  stream: string,
  query: MessageQuery,
  options: { timeoutMs?: number } = {},
): Promise<Outcome<StoredMessage | undefined>> {
  const subject = `$JS.API.STREAM.MSG.GET.${stream}`;
  const answer = await ask(connection, subject, JSON.stringify(query), options);
  if (answer.kind === 'refused' && answer.code === NO_MESSAGE) return succeed(undefined);
  if (answer.kind !== 'answered') return fail('unavailable', `${stream}: ${answer.message}`);
  const parsed = MessageAnswer.safeParse(answer.value);
  if (!parsed.success) return fail('unavailable', `${stream}: an answer that is no message`);
  const { message } = parsed.data;
  return succeed({
    subject: message.subject,
    sequence: message.seq,
    bytes: Buffer.from(message.data, 'base64'),
    storedMs: Date.parse(message.time),
  });
}

const StreamAnswer = z.object({
  created: z.string(),
  config: z.object({ max_bytes: z.int().default(-1) }),
  state: z.object({
    messages: z.int(),
    bytes: z.int(),
    first_seq: z.int(),
    last_seq: z.int(),
    subjects: z.record(z.string(), z.int()).optional(),
  }),
});

export type StreamStanding = {
  readonly createdMs: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly messages: number;
  readonly bytes: number;
  /** Undefined: as much as the disk holds. */
  readonly maxBytes?: number;
  /** Only when asked for by a filter. */
  readonly subjects: readonly string[];
};

export type StandingOptions = {
  /** Lists the stream's subjects that match. */
  readonly subjectsFilter?: string;
  /** Where the stream is another account's: the prefix under which this account imports its API. */
  readonly apiPrefix?: string;
};

/** Where a stream stands, through its leader. Fails with `unavailable`, also when there is none. */
export async function readStanding(
  connection: NatsConnection,
  stream: string,
  options: StandingOptions = {},
): Promise<Outcome<StreamStanding>> {
  const found = await findStanding(connection, stream, options);
  if (!found.ok) return found;
  if (found.value === undefined) return fail('unavailable', `${stream}: there is no such stream`);
  return succeed(found.value);
}

/** Likewise; undefined when there is no such stream. */
export async function findStanding(
  connection: NatsConnection,
  stream: string,
  { subjectsFilter, apiPrefix = '$JS.API' }: StandingOptions = {},
): Promise<Outcome<StreamStanding | undefined>> {
  const query =
    subjectsFilter === undefined ? '' : JSON.stringify({ subjects_filter: subjectsFilter });
  const answer = await ask(connection, `${apiPrefix}.STREAM.INFO.${stream}`, query);
  if (answer.kind === 'refused' && answer.code === STREAM_NOT_FOUND) return succeed(undefined);
  if (answer.kind !== 'answered') return fail('unavailable', `${stream}: ${answer.message}`);
  const parsed = StreamAnswer.safeParse(answer.value);
  if (!parsed.success) return fail('unavailable', `${stream}: an answer that is no stream info`);
  const { created, config, state } = parsed.data;
  return succeed({
    createdMs: Date.parse(created),
    firstSequence: state.first_seq,
    lastSequence: state.last_seq,
    messages: state.messages,
    bytes: state.bytes,
    ...(config.max_bytes > 0 && { maxBytes: config.max_bytes }),
    subjects: Object.keys(state.subjects ?? {}),
  });
}

/** Removes messages: those before a sequence, or those of a subject. */
export async function purge(
  connection: NatsConnection,
  stream: string,
  what: { readonly seq: number } | { readonly filter: string },
): Promise<Outcome<undefined>> {
  const subject = `$JS.API.STREAM.PURGE.${stream}`;
  const answer = await ask(connection, subject, JSON.stringify(what));
  if (answer.kind === 'answered') return succeed(undefined);
  return fail('unavailable', `${stream}: ${answer.message}`);
}
