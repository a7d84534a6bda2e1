// Owns the frame around every message: version, kind, target, epoch, request id.
// Receivers check kind and target because NATS does not check reply subjects against permissions.
import * as z from 'zod';
import { Epoch } from './epoch.ts';
import { Failure } from './errors.ts';

export const PROTOCOL_VERSION = 1;

/**
 * Why a message of that version is refused; undefined: it is not. Neighbouring versions understand each other: each leaves
 * out what it does not know, and what only the newer one understands is not sent yet. So the services of a cluster, and its
 * frameworks, can be upgraded one after the other.
 */
export function refusalOfVersion(version: number): string | undefined {
  if (Math.abs(version - PROTOCOL_VERSION) <= 1) return undefined;
  const understood = `${Math.max(1, PROTOCOL_VERSION - 1)} to ${PROTOCOL_VERSION + 1}`;
  const who = version < PROTOCOL_VERSION ? 'who sent it' : 'who received it';
  return `it speaks protocol version ${version}, who received it understands ${understood}: upgrade ${who}`;
}

/**
 * Names a request for good: (caller from the subject, session, counter). `lowest` is the caller's lowest
 * unanswered counter in this session; the leader keeps its answers from there on only.
 */
export const RequestId = z.object({
  session: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  counter: z.int().min(1),
  lowest: z.int().min(1),
});
export type RequestId = z.infer<typeof RequestId>;

export const Envelope = z.object({
  version: z.int(),
  /** Name of the subject-table entry. */
  kind: z.string(),
  /** The subject that it was meant for. */
  target: z.string(),
  /** In every message of a master or allocator. */
  epoch: Epoch.optional(),
  request: RequestId.optional(),
  /** Session number of the framework's subscription. */
  frameworkSession: z.int().min(1).optional(),
  body: z.unknown(),
});
export type Envelope = z.infer<typeof Envelope>;

/** Every answer to a request; `epoch` is set when a master answered. */
export const AnswerEnvelope = z.object({
  version: z.int(),
  kind: z.literal('answer'),
  epoch: Epoch.optional(),
  answer: z.union([
    z.object({ ok: z.literal(true), value: z.unknown() }),
    z.object({ ok: z.literal(false), failure: Failure }),
  ]),
});
export type AnswerEnvelope = z.infer<typeof AnswerEnvelope>;
