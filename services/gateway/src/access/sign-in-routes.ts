// Owns the paths by which a browser signs in and out, and where its page asks who it is.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cookieName, type KnownAccess, type SignedIn } from './known-access.ts';
import { permit } from './permit.ts';
import { isSameSecret } from './session-store.ts';
import { PAGE_POLICY, renderPage, type SignInPage } from './sign-in-page.ts';
import type { Access } from './visitor.ts';

export const CSRF_HEADER = 'x-parley-csrf';
const MAX_FORM_BYTES = 8192;

export type SignInParts = {
  readonly access: Access;
  /** Undefined: nobody has to sign in. */
  readonly known: KnownAccess | undefined;
  readonly isTls: boolean;
};

export const signInRoutes =
  ({ access, known, isTls }: SignInParts) =>
  async (server: FastifyInstance): Promise<void> => {
    addFormParser(server);
    const cookie = (request: FastifyRequest, value: string, more = ''): string =>
      `${cookieName(request)}=${value}; Path=/; HttpOnly; SameSite=Strict${isTls ? '; Secure' : ''}${more}`;
    const enter = (request: FastifyRequest, reply: FastifyReply, { token }: SignedIn): void => {
      reply.header('Set-Cookie', cookie(request, token));
    };
    server.get('/sign-in', { exposeHeadRoute: false }, async (request, reply) => {
      const { token, next } = fieldsOf(request.query);
      if (known === undefined) return await sendPage(reply, 200, { kind: 'open' });
      if (token !== undefined) {
        const entered = known.signInByLink(request, token);
        if (entered.ok) {
          enter(request, reply, entered.value);
          // By a page in between: what a redirect from another site leads to would not get the cookie.
          return await sendPage(reply, 200, { kind: 'onward' });
        }
        return await sendPage(reply, 403, wayIn(known, next, entered.failure.message));
      }
      const visitor = await known.visitorOf(request);
      const session = known.sessionOf(request);
      if (!visitor.ok || session === undefined)
        return await sendPage(reply, 200, wayIn(known, next));
      const { name } = visitor.value;
      return await sendPage(reply, 200, { kind: 'in', name, csrfToken: session.csrfToken });
    });
    server.post('/sign-in', { bodyLimit: MAX_FORM_BYTES }, async (request, reply) => {
      if (known === undefined) return await sendPage(reply, 200, { kind: 'open' });
      const { name = '', password = '', next } = fieldsOf(request.body);
      const entered = await known.signInByPassword(request, { name, password });
      if (entered.ok) {
        known.signOut(request);
        enter(request, reply, entered.value);
        return await reply.redirect(localPath(next), 303);
      }
      const { code, message, retryAfterMs = 1000 } = entered.failure;
      const isTooOften = code === 'rateLimited' || code === 'overloaded';
      if (isTooOften) reply.header('Retry-After', String(Math.ceil(retryAfterMs / 1000)));
      return await sendPage(reply, isTooOften ? 429 : 403, wayIn(known, next, message));
    });
    server.post('/sign-out', { bodyLimit: MAX_FORM_BYTES }, async (request, reply) => {
      const session = known?.sessionOf(request);
      const { csrf = String(request.headers[CSRF_HEADER]) } = fieldsOf(request.body);
      if (session !== undefined && !isSameSecret(csrf, session.csrfToken)) {
        return await reply
          .code(403)
          .send({ error: `signing out takes the field csrf or ${CSRF_HEADER}` });
      }
      known?.signOut(request);
      reply.header('Set-Cookie', cookie(request, '', '; Max-Age=0'));
      return await reply.redirect('/sign-in', 303);
    });
    server.get('/v1/session', async (request, reply) => {
      const visitor = await permit(access, request, reply, { permission: 'view' });
      if (visitor === undefined) return reply;
      const session = known?.sessionOf(request);
      reply.header('Cache-Control', 'no-store');
      return {
        name: visitor.name,
        principal: visitor.principal ?? null,
        permissions: [...visitor.permissions],
        csrfToken: session?.csrfToken ?? null,
      };
    });
  };

function addFormParser(server: FastifyInstance): void {
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async (_request: FastifyRequest, body: string) => Object.fromEntries(new URLSearchParams(body)),
  );
}

function wayIn(known: KnownAccess, next: string | undefined, problem?: string): SignInPage {
  const more = problem === undefined ? {} : { problem };
  return known.takesPasswords
    ? { kind: 'form', next: localPath(next), ...more }
    : { kind: 'link', ...more };
}

function sendPage(reply: FastifyReply, status: number, page: SignInPage): FastifyReply {
  return reply
    .code(status)
    .headers({ 'Cache-Control': 'no-store', 'Content-Security-Policy': PAGE_POLICY })
    .type('text/html; charset=utf-8')
    .send(renderPage(page));
}

type Fields = Partial<Record<'token' | 'next' | 'name' | 'password' | 'csrf', string>>;

function fieldsOf(values: unknown): Fields {
  if (typeof values !== 'object' || values === null) return {};
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => typeof value === 'string'),
  );
}

/** A path of this gateway; else the first page: nobody is sent to another site from here. */
const localPath = (next: string | undefined): string =>
  next !== undefined && /^\/(?![/\\])[\x21-\x7e]{0,2000}$/.test(next) ? next : '/';
