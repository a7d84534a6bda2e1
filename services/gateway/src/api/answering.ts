// Owns how an outcome becomes an answer of the API: which status stands for which failure.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode, Failure, Outcome } from '@parley/protocol/errors';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';

export type TypedServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

const STATUS: Partial<Record<ErrorCode, number>> = {
  malformed: 400,
  notPermitted: 403,
  unknownTask: 404,
  unknownFile: 404,
  unknownAgent: 404,
  unknownRole: 404,
  unknownMoment: 404,
  notSubscribed: 404,
  agentGone: 409,
  frameworkRemoved: 409,
  needsForce: 409,
  invalidQuota: 409,
  tooLarge: 413,
  rateLimited: 429,
  overloaded: 429,
  unavailable: 503,
};

/** What was asked for cannot be given: answered with the status, by the error handler of the API (api-routes.ts). */
class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly statusCode: number;

  constructor({ code, message }: Failure) {
    super(message);
    this.statusCode = STATUS[code] ?? 500;
  }
}

/** The value. Throws an `ApiProblem` that stands for the failure. */
export function orProblem<Value>(outcome: Outcome<Value>): Value {
  if (outcome.ok) return outcome.value;
  throw new ApiProblem(outcome.failure);
}
