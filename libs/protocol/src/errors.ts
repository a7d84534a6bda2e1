// Owns the table of error codes. A code exists only if a caller reacts to it.
import * as z from 'zod';

/** `retryable`: the same request may succeed later without a change by the caller. */
export const ERROR_CODES = {
  malformed: { retryable: false, meaning: 'The message does not parse against its schema.' },
  unknownVerb: { retryable: false, meaning: 'The subject names no known verb.' },
  unsupportedVersion: {
    retryable: false,
    meaning: 'The protocol version is not understood here: upgrade who is said to be older.',
  },
  notPermitted: {
    retryable: false,
    meaning: 'The principal may not do this (for example: use this role).',
  },
  requestExpired: {
    retryable: false,
    meaning: 'The request id is below the lowest one that the caller said is unanswered.',
  },
  notSubscribed: { retryable: false, meaning: 'The framework must subscribe first.' },
  sessionReplaced: {
    retryable: false,
    meaning: 'A newer session of this framework exists; this one must stop.',
  },
  frameworkRemoved: {
    retryable: false,
    meaning: 'The framework was torn down; its id is not used again.',
  },
  invalidOffers: {
    retryable: false,
    meaning:
      "An offer is not outstanding, or not this framework's, or the offers are of several roles.",
  },
  invalidTask: {
    retryable: false,
    meaning: 'A task description is not valid (message names the field).',
  },
  insufficientResources: {
    retryable: false,
    meaning: 'The tasks ask for more than the offers hold.',
  },
  invalidOperation: {
    retryable: false,
    meaning:
      'An operation of an atomic accept, or one on reservations and volumes, cannot be done (message says why).',
  },
  unknownTask: { retryable: false, meaning: 'No such task.' },
  unknownFile: { retryable: false, meaning: 'No such file in the sandbox of the task.' },
  unknownAgent: { retryable: false, meaning: 'No such agent, or it has to register first.' },
  unknownRole: {
    retryable: false,
    meaning: 'No such role: nobody uses it, and nothing is set for it.',
  },
  invalidQuota: {
    retryable: false,
    meaning:
      'Guarantees and limits contradict each other, or a bound is passed (message says by how much).',
  },
  needsForce: {
    retryable: false,
    meaning:
      'The change does not fit the cluster as it is (message says by how much); with "force" it is made all the same.',
  },
  agentGone: {
    retryable: false,
    meaning: 'An operator declared this agent gone: it must kill its tasks and stop.',
  },
  unknownMoment: {
    retryable: false,
    meaning: 'Nothing is kept of that time or entry (message says what is).',
  },
  tooLarge: { retryable: false, meaning: 'The message is larger than the bus carries.' },
  booksDamaged: {
    retryable: false,
    meaning: 'The journal does not hold what was journalled: who leads next makes the books anew.',
  },
  staleEpoch: { retryable: false, meaning: 'The sender is a leader of an earlier term.' },
  diskFull: { retryable: true, meaning: 'No space is left where the receiver keeps its state.' },
  overloaded: { retryable: true, meaning: 'Too many requests are waiting; try again later.' },
  rateLimited: {
    retryable: true,
    meaning: 'The principal calls too often or has too many calls open; retryAfterMs says when.',
  },
  unavailable: { retryable: true, meaning: 'Nobody answers now (no leader, or the bus is away).' },
  internalError: {
    retryable: false,
    meaning: 'A defect: the request was left out; the log says more.',
  },
} as const satisfies Record<string, { retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
export const ErrorCode = z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]);

/** `message` says what, why and what to do. */
export const Failure = z.object({
  code: ErrorCode,
  message: z.string(),
  /** With `rateLimited`: the same request is not tried again before so many milliseconds. */
  retryAfterMs: z.int().min(0).optional(),
});
export type Failure = z.infer<typeof Failure>;

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

export const succeed = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const fail = (code: ErrorCode, message: string): { ok: false; failure: Failure } => ({
  ok: false,
  failure: { code, message },
});
export const isRetryable = (code: ErrorCode): boolean => ERROR_CODES[code].retryable;
