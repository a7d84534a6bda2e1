// Owns serving the console, which is built from services/console: its page at / and at every path below /ui/, its scripts
// and styles by names that change with their content. They hold nothing of the cluster, so whoever reaches it may have them.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';

const BUILT = fileURLToPath(new URL('../../../console/dist', import.meta.url));
const PAGE = 'index.html';
const NOT_BUILT = `The console of this gateway is not built. In its folder, once:

  node infra/setup/prepare.mjs dependencies console

"npm start" does so by itself. What programs ask for is answered without it: /v1, /api/v1, /metrics.
`;

/** Where a page that shows a window instead of a cluster gets it. */
export const WINDOW_PATH = '/window';

type ConsoleOptions = {
  /** What was built. It may come while the gateway runs. */
  readonly directory?: string;
  /** The page is to show this window, and no cluster. */
  readonly windowName?: string;
};

export const consoleRoutes =
  ({ directory = BUILT, windowName }: ConsoleOptions = {}) =>
  async (server: FastifyInstance): Promise<void> => {
    await server.register(fastifyStatic, { root: directory, serve: false, decorateReply: true });
    const file = path.join(directory, PAGE);
    const page = (_request: unknown, reply: FastifyReply): FastifyReply => {
      if (!existsSync(file))
        return reply.code(503).type('text/plain; charset=utf-8').send(NOT_BUILT);
      if (windowName === undefined) return reply.sendFile(PAGE, { cacheControl: false });
      return reply.type('text/html; charset=utf-8').send(ofWindow(file, windowName));
    };
    for (const place of ['/', '/ui', '/ui/*']) server.get(place, page);
    server.get('/ui/favicon.svg', (_request, reply) => reply.sendFile('favicon.svg'));
    server.get<{ Params: { '*': string } }>('/ui/assets/*', (request, reply) =>
      reply.sendFile(`assets/${request.params['*']}`, { maxAge: '365d', immutable: true }),
    );
    server.get('/favicon.ico', (_request, reply) => reply.redirect('/ui/favicon.svg', 301));
  };

/** The page says by itself what it is to show: it need not ask before it draws. */
const ofWindow = (file: string, name: string): string =>
  readFileSync(file, 'utf8').replace(
    'id="page"',
    () =>
      `id="page" data-window="${name.replaceAll(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`)}"`,
  );
