// Owns Parley's own HTTP API as one group of routes: what all of it takes (the permission to view), how it reads what is asked
// and says what is wrong, its document at /openapi.json.
import fastifySwagger from '@fastify/swagger';
import fastifyWebsocket from '@fastify/websocket';
import { systemClock } from '@parley/actor/nats/system-clock';
import type { FastifyInstance } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { permitted } from '../access/permit.ts';
import type { GatewayContext } from '../gateway-context.ts';
import type { RouteGroup } from '../routes.ts';
import { addActionRoutes } from './action-routes.ts';
import type { TypedServer } from './answering.ts';
import { Course, SAMPLE_MS } from './course.ts';
import { addCourseRoutes } from './course-routes.ts';
import { type ApiDocument, documentPage, PAGE_STYLE } from './document-page.ts';
import { addFeedRoutes } from './feed-routes.ts';
import { LiveView } from './live-view.ts';
import { addPastRoutes } from './past-routes.ts';
import { PastThread } from './past-thread.ts';
import { addRoleRoutes } from './role-routes.ts';
import { addSystemRoute } from './system-routes.ts';
import { TaskDesk } from './task-desk.ts';
import { addTaskRoutes } from './task-routes.ts';
import { addViewRoutes } from './view-routes.ts';

const INFO = {
  title: 'Parley',
  version: '1',
  description:
    'What a cluster is and what happened in it. Amounts are in thousandths of the unit of their resource.',
};

export const apiRoutes: RouteGroup = (context) => async (server) => {
  const liveView = new LiveView(context.live);
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const isAskedWrong = hasZodFastifySchemaValidationErrors(error);
    const status = isAskedWrong ? 400 : (error.statusCode ?? 500);
    // 503 is a bus or a leader that is away, of which others tell.
    if (status >= 500 && status !== 503) {
      context.logger.error({ err: error }, 'a request of the API failed');
    }
    reply.code(status).send({ error: error.message });
  });
  await server.register(fastifySwagger, {
    openapi: { openapi: '3.1.0', info: INFO },
    transform: jsonSchemaTransform,
  });
  await server.register(fastifyWebsocket, { options: { maxPayload: 64 * 1024 } });
  server.addHook('onRequest', permitted(context.access, { permission: 'view' }));
  const typed: TypedServer = server.withTypeProvider<ZodTypeProvider>();
  const past = new PastThread({
    source: () => context.link.source(),
    wallTimeMs: () => systemClock.wallTimeMs(),
    onFailed: (error) => context.logger.error({ err: error }, 'what looks into the past failed'),
  });
  server.addHook('onClose', () => past.close());
  addViewRoutes(typed, context, { liveView, past });
  addRoleRoutes(typed, context);
  addSystemRoute(typed, context, () => systemClock.wallTimeMs());
  addPastRoutes(typed, past);
  addTaskRoutes(typed, new TaskDesk(context.link, context.live));
  addMeasured(typed, context, liveView);
  addActionRoutes(typed, context);
  addFeedRoutes(server, context, liveView);
  addDocument(server);
};

function addDocument(server: FastifyInstance): void {
  const hidden = { schema: { hide: true } };
  server.get('/openapi.json', hidden, async () => server.swagger());
  server.get('/docs', hidden, async (_request, reply) =>
    // What Fastify's plug-in makes is OpenAPI 3.1, of which the page shows a part.
    reply.type('text/html; charset=utf-8').send(documentPage(server.swagger() as ApiDocument)),
  );
  server.get('/docs/style.css', hidden, async (_request, reply) =>
    reply.type('text/css; charset=utf-8').send(PAGE_STYLE),
  );
}

function addMeasured(
  typed: TypedServer,
  { link, live, usage }: GatewayContext,
  liveView: LiveView,
): void {
  const course = new Course(() => ({ view: liveView.view, state: live.followed.state }));
  const timer = setInterval(() => course.sample(systemClock.wallTimeMs()), SAMPLE_MS);
  typed.addHook('onClose', async () => clearInterval(timer));
  let isMeasuring = false;
  addCourseRoutes(typed, {
    course,
    usage,
    wallTimeMs: () => systemClock.wallTimeMs(),
    onAsked: () => {
      if (isMeasuring) return;
      isMeasuring = true;
      link.onUsage((agentId, report) => course.measured(agentId, report, systemClock.wallTimeMs()));
    },
  });
}
