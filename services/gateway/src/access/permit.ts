// Owns the question that every group of routes asks first: may whoever sent this do that? And what is answered if not:
// 401 to nobody that is known, 403 to who may not, 429 to who tried too often.
import type { Failure } from '@parley/protocol/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Access, Permission, Visitor } from './visitor.ts';

/** What a browser or client is told that it signs in to; Mesos's clients may look at the name. */
export type Realm =
  | 'mesos-master-scheduler'
  | 'mesos-master-readonly'
  | 'mesos-master-readwrite'
  | 'mesos-agent-readonly'
  | 'mesos-agent-readwrite'
  | 'mesos-agent-executor'
  | 'parley';

export type Demand = { readonly permission: Permission; readonly realm?: Realm };

const RETRY_MS = 1000;
const letThrough = new WeakMap<FastifyRequest, Visitor>();

/**
 * Who sent the request, if it may. Else the answer has been sent and nothing is given: the handler returns `reply`.
 * Streams too ask it before their first byte, WebSockets before the upgrade (as a hook: `permitted`).
 */
export async function permit(
  access: Access,
  request: FastifyRequest,
  reply: FastifyReply,
  { permission, realm = 'parley' }: Demand,
): Promise<Visitor | undefined> {
  const visitor = await access.visitorOf(request);
  if (!visitor.ok) {
    refuse(request, reply, visitor.failure, realm);
    return undefined;
  }
  const { name, permissions } = visitor.value;
  if (!permissions.has(permission)) {
    sendProblem(reply, 403, `${name} may not do this: it takes the permission "${permission}"`);
    return undefined;
  }
  letThrough.set(request, visitor.value);
  return visitor.value;
}

/**
 * An `onRequest` hook for routes that learn from the body which permission they take: of nobody that is not known a body
 * is read.
 */
export function identified(access: Access, realmOf: (request: FastifyRequest) => Realm) {
  return async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> => {
    const visitor = await access.visitorOf(request);
    if (visitor.ok) return undefined;
    refuse(request, reply, visitor.failure, realmOf(request));
    return reply;
  };
}

/** An `onRequest` hook for routes of which each takes the same permission. */
export function permitted(access: Access, demand: Demand) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> =>
    (await permit(access, request, reply, demand)) === undefined ? reply : undefined;
}

/** Who was let through with this request. Throws where nobody asked: a defect of the route. */
export function visitorBehind(request: FastifyRequest): Visitor {
  const visitor = letThrough.get(request);
  if (visitor === undefined) throw new Error('this route never asked whether the request may');
  return visitor;
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  { code, message, retryAfterMs = RETRY_MS }: Failure,
  realm: Realm,
): void {
  if (code === 'rateLimited' || code === 'overloaded') {
    reply.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
    sendProblem(reply, 429, message);
    return;
  }
  // A page's own request: with "Basic" the browser would ask for a password over the page, which has a form for it.
  const isOfPage = (request.headers['sec-fetch-mode'] ?? 'navigate') !== 'navigate';
  const ways = isOfPage ? ['Bearer'] : ['Basic', 'Bearer'];
  const challenges = ways.map((way) => `${way} realm="${realm}"`);
  reply.header('WWW-Authenticate', challenges.join(', '));
  sendProblem(reply, 401, message);
}

function sendProblem(reply: FastifyReply, status: number, message: string): void {
  reply.code(status).type('application/json').send({ error: message });
}
