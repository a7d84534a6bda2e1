// Owns the way in of one gateway, put together from what it was told: who has to sign in and how, what is asked of every
// request before its route is, and the pages of signing in.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ActorLog } from '@parley/telemetry/logger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { KnownAccess } from './known-access.ts';
import { openAccess } from './open-access.ts';
import { isSameSecret } from './session-store.ts';
import { SignInFile } from './sign-in-file.ts';
import { CSRF_HEADER, signInRoutes } from './sign-in-routes.ts';
import { isSafe, siteProblem } from './site-rules.ts';
import { UsersSource } from './users-source.ts';
import type { Access } from './visitor.ts';

export type Gate = {
  readonly access: Access;
  /** To be called before any route is added. */
  guard(server: FastifyInstance): void;
  /** The gateway answers at `url` now: its sign-in file can be written. Throws when that fails. */
  announce(url: string): void;
  close(): void;
};

type GateConfig = Pick<GatewayConfig, 'usersFile' | 'signInFile' | 'hostNames' | 'tls'>;

export type GateMeans = {
  readonly logger: ActorLog;
  /** Never goes back, in milliseconds. */
  readonly nowMs: () => number;
  readonly newSecret: () => string;
};

/** Fails with `malformed` or `unavailable`: the file of users. */
export function openGate(
  config: GateConfig,
  { logger, nowMs, newSecret }: GateMeans,
): Outcome<Gate> {
  const isTls = config.tls !== undefined;
  const rules = { hostNames: config.hostNames, isTls };
  const users =
    config.usersFile === undefined ? undefined : UsersSource.open(config.usersFile, logger);
  if (users !== undefined && !users.ok)
    return fail(users.failure.code, `--users: ${users.failure.message}`);
  const file =
    config.signInFile === undefined ? undefined : new SignInFile(config.signInFile, newSecret);
  const known =
    users === undefined && file === undefined
      ? undefined
      : new KnownAccess({ users: users?.value, signInFile: file, newSecret, nowMs });
  const access = known ?? openAccess;
  return succeed({
    access,
    guard: (server) => {
      server.addHook('onRequest', async (request, reply) => {
        const problem = siteProblem(askedOf(request), rules) ?? changeProblem(request, known);
        return problem && refuse(reply, problem);
      });
      server.register(signInRoutes({ access, known, isTls }));
    },
    announce: (url) => file?.open(url),
    close: () => file?.close(),
  });
}

const refuse = (
  reply: FastifyReply,
  { status, message }: { readonly status: number; readonly message: string },
): FastifyReply => reply.code(status).type('application/json').send({ error: message });

function askedOf({ method, headers }: FastifyRequest): Parameters<typeof siteProblem>[0] {
  const text = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    method,
    host: headers.host,
    origin: headers.origin,
    fetchSite: text('sec-fetch-site'),
    fetchMode: text('sec-fetch-mode'),
    fetchDestination: text('sec-fetch-dest'),
    isUpgrade: headers.upgrade !== undefined,
  };
}

/** Pages that check for themselves: a form has no header of its own. */
const FORMS: ReadonlySet<string | undefined> = new Set(['/sign-in', '/sign-out']);

/** The browser adds the cookie to whatever any page sends; the token is known to ours only. */
function changeProblem(
  request: FastifyRequest,
  known: KnownAccess | undefined,
): { status: number; message: string } | undefined {
  const { method, headers, routeOptions } = request;
  if (known === undefined || isSafe(method) || headers.authorization !== undefined)
    return undefined;
  if (FORMS.has(routeOptions.url)) return undefined;
  const session = known.sessionOf(request);
  const shown = headers[CSRF_HEADER];
  if (session === undefined) return undefined;
  if (typeof shown === 'string' && isSameSecret(shown, session.csrfToken)) return undefined;
  return {
    status: 403,
    message: `a change by a signed-in page takes the header ${CSRF_HEADER}, with what GET /v1/session says`,
  };
}
