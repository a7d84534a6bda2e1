// Owns turning table entries and bodies into bytes and back: frame, schema check, one place for both.
// What does not parse becomes a failure value that says why; nothing here throws on bad input.
import type * as z from 'zod';
import { beginningOf, readSeal, sealMap } from './checksum.ts';
import { decode, encode } from './codec.ts';
import {
  AnswerEnvelope,
  Envelope,
  PROTOCOL_VERSION,
  type RequestId,
  refusalOfVersion,
} from './envelope.ts';
import type { Epoch } from './epoch.ts';
import { type Failure, fail, type Outcome, succeed } from './errors.ts';
import type { ClusterName } from './ids.ts';
import {
  type BodyOf,
  type ParametersOfEntry,
  parametersOf,
  type SubjectEntry,
  subjectOf,
} from './subject-entry.ts';
import { troubleWithText } from './text-bytes.ts';

export type MessageHeader = {
  readonly epoch?: Epoch;
  readonly request?: RequestId;
  readonly frameworkSession?: number;
};

export type Outgoing = { readonly subject: string; readonly bytes: Uint8Array };

/** The subject and bytes of one message. The body is trusted: it was built against its type. */
export function encodeMessage<Entry extends SubjectEntry>(
  entry: Entry,
  cluster: ClusterName,
  parameters: ParametersOfEntry<Entry>,
  body: z.input<Entry['body']>,
  header: MessageHeader = {},
): Outgoing {
  const subject = subjectOf(entry, cluster, parameters);
  const envelope = {
    version: PROTOCOL_VERSION,
    kind: entry.kind,
    target: subject,
    ...header,
    body,
  };
  const bytes = encode(envelope);
  return { subject, bytes: entry.delivery === 'stream' ? sealMap(bytes) : bytes };
}

/** How messages begin that releases without a checksum have stored; their header holds up to three pairs. */
const WITHOUT_CHECKSUM = [4, 5, 6, 7].map((pairs) => beginningOf(pairs, 'version'));

/** Of a message that a stream keeps: why it is not what was written; undefined when it is. */
export function damageOf(bytes: Uint8Array): string | undefined {
  const seal = readSeal(bytes, WITHOUT_CHECKSUM);
  return seal.ok ? undefined : seal.failure.message;
}

export type Received<Entry extends SubjectEntry> = MessageHeader & {
  readonly parameters: ParametersOfEntry<Entry>;
  readonly body: BodyOf<Entry>;
};

/** Checks subject, checksum where a stream keeps it, version, kind, target, schema and, where it holds commands, that its text is text, in that order. Fails with `malformed` or `unsupportedVersion`. */
export function decodeMessage<Entry extends SubjectEntry>(
  entry: Entry,
  cluster: ClusterName,
  subject: string,
  bytes: Uint8Array,
): Outcome<Received<Entry>> {
  const parameters = parametersOf(entry, cluster, subject);
  if (parameters === undefined) {
    return fail('malformed', `subject ${subject} does not fit ${entry.pattern}`);
  }
  const damage = entry.delivery === 'stream' ? damageOf(bytes) : undefined;
  if (damage !== undefined) return fail('malformed', `${entry.kind} is damaged: ${damage}`);
  const envelope = decodeWith(Envelope, bytes);
  if (!envelope.ok) return envelope;
  const { version, kind, target, epoch, request, frameworkSession } = envelope.value;
  const refusal = refusalOfVersion(version);
  if (refusal !== undefined) return fail('unsupportedVersion', `${entry.kind}: ${refusal}`);
  if (kind !== entry.kind) return fail('malformed', `kind ${kind} on a subject of ${entry.kind}`);
  if (target !== subject) return fail('malformed', `meant for ${target}, arrived on ${subject}`);
  const body = entry.body.safeParse(envelope.value.body);
  if (!body.success) return fail('malformed', describeIssues(entry.kind, body.error));
  const trouble = entry.holdsCommands && troubleWithText(bytes);
  if (trouble !== undefined) return fail('malformed', `${entry.kind}: ${trouble}`);
  return succeed({
    parameters,
    body: body.data as BodyOf<Entry>,
    ...(epoch && { epoch }),
    ...(request && { request }),
    ...(frameworkSession && { frameworkSession }),
  });
}

export type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: Failure };

/** The bytes of an answer to a request. Masters give their epoch. */
export function encodeAnswer(answer: Answer, epoch?: Epoch): Uint8Array {
  return encode({ version: PROTOCOL_VERSION, kind: 'answer', ...(epoch && { epoch }), answer });
}

export type ReceivedAnswer = { readonly epoch?: Epoch; readonly answer: Answer };

/** An answer parsed against the entry's reply schema. Fails with `malformed` or `unsupportedVersion`. */
export function decodeAnswer(entry: SubjectEntry, bytes: Uint8Array): Outcome<ReceivedAnswer> {
  const envelope = decodeWith(AnswerEnvelope, bytes);
  if (!envelope.ok) return envelope;
  const { version, epoch, answer } = envelope.value;
  const refusal = refusalOfVersion(version);
  if (refusal !== undefined) {
    return fail('unsupportedVersion', `answer to ${entry.kind}: ${refusal}`);
  }
  const header = epoch ? { epoch } : {};
  if (!answer.ok) return succeed({ ...header, answer });
  const value = entry.reply?.safeParse(answer.value);
  if (value === undefined) return fail('malformed', `${entry.kind} has no answer`);
  if (!value.success)
    return fail('malformed', describeIssues(`answer to ${entry.kind}`, value.error));
  return succeed({ ...header, answer: { ok: true, value: value.data } });
}

function decodeWith<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
): Outcome<z.infer<Schema>> {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (error) {
    return fail(
      'malformed',
      `not MessagePack: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const parsed = schema.safeParse(value);
  return parsed.success
    ? succeed(parsed.data)
    : fail('malformed', describeIssues('envelope', parsed.error));
}

/** One line that names each field and what is wrong with it. */
export function describeIssues(what: string, error: z.ZodError): string {
  const issues = error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || '(whole)'}: ${issue.message}`);
  return `${what}: ${issues.join('; ')}`;
}
