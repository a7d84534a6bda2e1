// Owns the OpenAPI document of the HTTP API without a gateway that runs: the routes are registered over a cluster in which
// nothing is, and asked for their document. The generated file in infra/docs is made of it.
import { clusterCore } from '@parley/cluster/cluster-core';
import { succeed } from '@parley/protocol/errors';
import Fastify from 'fastify';
import type { Visitor } from '../access/visitor.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { apiRoutes } from './api-routes.ts';

const ANYBODY: Visitor = { name: 'anybody', principal: undefined, permissions: new Set(['view']) };

/** What the routes need to be registered, and no more: nobody asks them anything else. */
const NOWHERE = {
  access: { visitorOf: async () => succeed(ANYBODY) },
  live: {
    followed: { cluster: 'none', state: clusterCore.create(), sequence: 0 },
    staleMs: () => 0,
    onEvent: () => () => undefined,
    onReset: () => () => undefined,
  },
  link: { cluster: 'none' },
  nowMs: () => 0,
};

/** As a gateway answers it at /openapi.json. */
export async function renderApiDocument(): Promise<string> {
  const server = Fastify();
  server.register(apiRoutes(NOWHERE as unknown as GatewayContext));
  try {
    const { payload } = await server.inject('/openapi.json');
    return `${JSON.stringify(JSON.parse(payload), null, 2)}\n`;
  } finally {
    await server.close();
  }
}
