// Owns the pages that Mesos's tools poll, at the paths of Mesos's master; it answers out of the followed books alone.
import { systemClock } from '@parley/actor/nats/system-clock';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { permitted } from '../access/permit.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { answerJsonp } from '../operator/jsonp.ts';
import type { RouteGroup } from '../routes.ts';
import { addressOf, agentPage } from './agent-model.ts';
import { addAgentPages } from './agent-routes.ts';
import { AgentTexts } from './agent-texts.ts';
import { flagsOf } from './flags-page.ts';
import { refuseStale } from './freshness.ts';
import { ModelSource } from './model-source.ts';
import { PageDesk } from './page-desk.ts';
import { bytesOf } from './page-text.ts';
import {
  maintenanceSchedule,
  maintenanceStatus,
  quotaStatus,
  rolesPage,
  weights,
} from './role-model.ts';
import { frameworksText, slavesText } from './state-pages.ts';
import { readTasksQuery, tasksPage } from './tasks-page.ts';

type Query = Readonly<Record<string, unknown>>;

export const readRoutes: RouteGroup = (context) => async (server) => {
  answerJsonp(server);
  const demand = { permission: 'view', realm: 'mesos-master-readonly' } as const;
  server.addHook('onRequest', permitted(context.access, demand));
  server.addHook('onRequest', refuseStale(context.live));
  const source = new ModelSource(context, server);
  const desk = new PageDesk({ ...context, model: () => source.now() });
  // Pages name the port, which is known by then.
  server.addHook('onListen', (done) => {
    context.startUp.wait(desk.warm());
    done();
  });
  addLargePages(server, source, desk);
  addSmallPages(server, source, context);
  addAgentPages(server, source, context);
};

const json = (reply: FastifyReply, bytes: Buffer): FastifyReply =>
  reply.type('application/json; charset=utf-8').send(bytes);

/** Nanoseconds of today are more than JavaScript's JSON takes; as doubles they print the milliseconds as they are. */
const pageOf = (reply: FastifyReply, page: object): FastifyReply =>
  reply
    .type('application/json; charset=utf-8')
    .send(
      JSON.stringify(page, (_key, value) => (typeof value === 'bigint' ? Number(value) : value)),
    );

const textOf = (query: unknown, name: string): string | undefined => {
  const value = (query as Query)[name];
  return typeof value === 'string' ? value : undefined;
};

function addLargePages(server: FastifyInstance, source: ModelSource, desk: PageDesk): void {
  for (const path of ['/state', '/state.json']) {
    server.get(path, async (_request, reply) => json(reply, await desk.state.get()));
  }
  server.get('/state-summary', async (_request, reply) => json(reply, await desk.summary.get()));
  server.get('/slaves', async ({ query }, reply) => {
    const only = textOf(query, 'slave_id');
    if (only === undefined) return json(reply, await desk.slaves.get());
    const texts = new AgentTexts(agentPage);
    return json(reply, await bytesOf(slavesText(source.now(), texts, only)));
  });
  server.get('/frameworks', async ({ query }, reply) => {
    const only = textOf(query, 'framework_id');
    if (only === undefined) return json(reply, await desk.frameworks.get());
    return json(reply, await bytesOf(frameworksText(source.now(), only)));
  });
  server.get('/metrics/snapshot', async () => desk.metrics(systemClock.wallTimeMs()));
}

function addSmallPages(
  server: FastifyInstance,
  source: ModelSource,
  { config }: GatewayContext,
): void {
  for (const path of ['/tasks', '/tasks.json']) {
    server.get(path, async ({ query }, reply) => {
      const asked = readTasksQuery(query as Query);
      if (asked.ok) return tasksPage(source.now(), asked.value);
      reply.code(400).type('text/plain; charset=utf-8');
      return reply.send(`${asked.failure.message}.`);
    });
  }
  server.get('/roles', async () => rolesPage(source.now()));
  server.get('/weights', async () => weights(source.now()));
  server.get('/quota', async () => ({ infos: quotaStatus(source.now()).infos }));
  server.get('/flags', async () => ({ flags: flagsOf(source.now(), config) }));
  server.get('/maintenance/schedule', (_request, reply) =>
    pageOf(reply, maintenanceSchedule(source.now())),
  );
  server.get('/maintenance/status', (_request, reply) =>
    pageOf(reply, maintenanceStatus(source.now())),
  );
  server.get('/redirect', async (_request, reply) => {
    const place = addressOf(source.now().place);
    return reply.code(307).header('Location', `//${place}`).send();
  });
}
