// Owns the list of what a gateway answers: each group of paths, and the module that answers it.
import type { FastifyInstance } from 'fastify';
import { executorRoutes } from './agent-host/executor-routes.ts';
import { apiRoutes } from './api/api-routes.ts';
import { healthRoutes } from './api/health.ts';
import { consoleRoutes } from './console/console-routes.ts';
import type { GatewayContext } from './gateway-context.ts';
import { schedulerRoutes } from './mesos/scheduler-routes.ts';
import { fileRoutes } from './operator/file-routes.ts';
import { legacyRoutes } from './operator/legacy-routes.ts';
import { operatorRoutes } from './operator/operator-routes.ts';
import { versionRoutes } from './operator/version.ts';
import { readRoutes } from './read-model/read-routes.ts';

export type RouteGroup = (context: GatewayContext) => (server: FastifyInstance) => Promise<void>;

const GROUPS: readonly RouteGroup[] = [
  apiRoutes,
  healthRoutes,
  versionRoutes,
  readRoutes,
  fileRoutes,
  operatorRoutes,
  legacyRoutes,
  schedulerRoutes,
];

/** Each group has parsers and hooks of its own. */
export function addRoutes(server: FastifyInstance, context: GatewayContext): void {
  for (const group of GROUPS) server.register(group(context));
  server.register(consoleRoutes());
  const { agentId } = context.config;
  if (agentId !== undefined) server.register(executorRoutes(agentId)(context));
}
