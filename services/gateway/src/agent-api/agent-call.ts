// Owns which calls to an agent of Mesos are read, and which are refused before anything is done: their encoding, their shape,
// the form in which the answer may come. Pure.
import { decode, type Encoding } from '@parley/mesos-api/codec';
import {
  accepts,
  encodingOfAccept,
  encodingOfContentType,
  JSON_TYPE,
  PROTOBUF_TYPE,
  RECORDIO_TYPE,
} from '@parley/mesos-api/media-type';
import type { MessageOf } from '@parley/mesos-api/message-types';
import type { OutputForm } from './process-stream.ts';

export type AgentCall = MessageOf<'agent.Call'>;
export type TypedCall = AgentCall & { readonly type: NonNullable<AgentCall['type']> };
export type Refused = { readonly status: number; readonly message: string };

export type Asked = {
  readonly method: string;
  readonly contentType: string | undefined;
  /** Of the records, where the body is a stream of them. */
  readonly messageContentType: string | undefined;
  readonly accept: string | undefined;
  readonly messageAccept: string | undefined;
};

export type Read =
  | { readonly call: TypedCall; readonly form: OutputForm }
  /** The body is a stream: the call is its first record. */
  | { readonly records: Encoding }
  | { readonly refused: Refused };

/** Calls of which the answer is a stream. */
const STREAMS: ReadonlySet<string> = new Set([
  'LAUNCH_NESTED_CONTAINER_SESSION',
  'ATTACH_CONTAINER_OUTPUT',
]);
const BOTH_TYPES = `${JSON_TYPE} or ${PROTOBUF_TYPE}`;

const refused = (status: number, message: string): { readonly refused: Refused } => ({
  refused: { status, message },
});

/** In the order in which Mesos's agent looks. `body`: of what is no stream. */
export function readAgentCall(asked: Asked, body: Uint8Array | undefined): Read {
  const { method, contentType } = asked;
  if (method !== 'POST') {
    return refused(405, `Expecting one of { 'POST' }, but received '${method}'`);
  }
  if (contentType === undefined) return refused(400, "Expecting 'Content-Type' to be present");
  if (contentType === RECORDIO_TYPE) return readStream(asked);
  const encoding = encodingOfContentType(contentType);
  if (encoding === undefined) {
    return refused(415, `Expecting 'Content-Type' of ${BOTH_TYPES} or ${RECORDIO_TYPE}`);
  }
  const call = decode('agent.Call', encoding, body ?? new Uint8Array());
  if (!call.ok) return refused(400, call.failure.message);
  const fault = agentCallFault(call.value);
  if (fault !== undefined) return refused(400, `Failed to validate agent::Call: ${fault}`);
  return withForm(call.value as TypedCall, asked);
}

function readStream({ messageContentType }: Asked): Read {
  if (messageContentType === undefined) {
    return refused(400, "Expecting 'Message-Content-Type' to be set for streaming requests");
  }
  const encoding = encodingOfContentType(messageContentType);
  return encoding === undefined
    ? refused(415, `Expecting 'Message-Content-Type' of ${BOTH_TYPES}`)
    : { records: encoding };
}

function withForm(call: TypedCall, { accept, messageAccept }: Asked): Read {
  if (call.type === 'UNKNOWN') return refused(501, 'Unknown call type');
  if (call.type === 'ATTACH_CONTAINER_INPUT') {
    return refused(415, `Expecting 'Content-Type' to be ${RECORDIO_TYPE} for ${call.type} call`);
  }
  const encoding = encodingOfAccept(accept);
  if (encoding !== undefined) return { call, form: { encoding, isRecordIo: false } };
  if (!accepts(accept, RECORDIO_TYPE) || !STREAMS.has(call.type)) {
    return refused(406, `Expecting 'Accept' to allow ${BOTH_TYPES}`);
  }
  const inner = encodingOfAccept(messageAccept);
  return inner === undefined
    ? refused(406, `Expecting 'Message-Accept' to allow ${BOTH_TYPES}`)
    : { call, form: { encoding: inner, isRecordIo: true } };
}

/** What each of these calls must have; its name in lower case. */
const WITH_BODY = [
  'SET_LOGGING_LEVEL',
  'LIST_FILES',
  'READ_FILE',
  'LAUNCH_NESTED_CONTAINER',
  'WAIT_NESTED_CONTAINER',
  'KILL_NESTED_CONTAINER',
  'REMOVE_NESTED_CONTAINER',
  'LAUNCH_NESTED_CONTAINER_SESSION',
  'ATTACH_CONTAINER_INPUT',
  'ATTACH_CONTAINER_OUTPUT',
  'LAUNCH_CONTAINER',
  'WAIT_CONTAINER',
  'KILL_CONTAINER',
  'REMOVE_CONTAINER',
] as const;
const OF_CONTAINERS: ReadonlySet<string> = new Set(
  WITH_BODY.filter((type) => type.includes('_CONTAINER')),
);
const NESTED: ReadonlySet<string> = new Set(
  WITH_BODY.filter((type) => type.includes('NESTED_CONTAINER')),
);

/** What is wrong with a call that could be read; undefined: nothing. */
export function agentCallFault(call: AgentCall): string | undefined {
  const { type } = call;
  if (type === undefined) return "Expecting 'type' to be present";
  const needed = WITH_BODY.find((each) => each === type);
  if (needed === undefined) return undefined;
  const field = needed.toLowerCase() as Lowercase<(typeof WITH_BODY)[number]>;
  const body = call[field];
  if (body === undefined) return `Expecting '${field}' to be present`;
  if (!NESTED.has(type) || !('container_id' in body)) return undefined;
  return body.container_id?.parent === undefined
    ? `Expecting '${field}.container_id.parent' to be present`
    : undefined;
}

/**
 * Whether a request for a master's path names a container: agents' addresses lead to gateways here, so clients send such
 * calls to whichever they found. Their names are no master's; in protobuf, where they are numbers, nothing tells them apart.
 */
export function isForContainer({
  headers,
  body,
}: {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}): boolean {
  const type = headers['content-type'];
  if (type === RECORDIO_TYPE) return true;
  if (type !== JSON_TYPE || !(body instanceof Uint8Array)) return false;
  const call = decode('agent.Call', 'json', body);
  return call.ok && call.value.type !== undefined && OF_CONTAINERS.has(call.value.type);
}
