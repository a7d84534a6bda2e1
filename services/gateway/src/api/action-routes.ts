// Owns the paths that change the cluster as operators do. Each takes the permission to operate and answers with the equal
// command line.
import { AgentId, FrameworkRef, RoleName, TaskRef } from '@parley/protocol/ids';
import { Quantities, Weight } from '@parley/protocol/sharing';
import * as z from 'zod';
import { permitted } from '../access/permit.ts';
import type { Access } from '../access/visitor.ts';
import { orProblem, type TypedServer } from './answering.ts';
import {
  type ActionLink,
  changeAgent,
  changeRole,
  killTask,
  tearDown,
} from './operator-actions.ts';

const DAY_MS = 24 * 3600 * 1000;

export function addActionRoutes(
  server: TypedServer,
  { link, access }: { readonly link: ActionLink; readonly access: Access },
): void {
  const onRequest = permitted(access, { permission: 'operate' });
  server.route({
    ...{ method: 'POST', url: '/v1/tasks/:principal/:frameworkId/:taskId/kill', onRequest },
    schema: {
      summary: 'asks the task to stop, and kills it after the grace',
      params: TaskRef,
      body: z.object({ graceMs: z.int().min(0).max(DAY_MS).optional() }).nullish(),
    },
    handler: async ({ params, body }) => orProblem(await killTask(link, params, body?.graceMs)),
  });
  server.route({
    ...{ method: 'POST', url: '/v1/frameworks/:principal/:frameworkId/teardown', onRequest },
    schema: { summary: 'ends the framework and kills its tasks', params: FrameworkRef },
    handler: async ({ params }) => orProblem(await tearDown(link, params)),
  });
  server.route({
    ...{ method: 'POST', url: '/v1/agents/:agentId/:change', onRequest },
    schema: {
      summary:
        'drain: nothing more is offered of it and its tasks are asked to stop; reactivate ends it',
      params: z.object({
        agentId: AgentId,
        change: z.enum(['drain', 'deactivate', 'reactivate']),
      }),
    },
    handler: async ({ params: { agentId, change } }) =>
      orProblem(await changeAgent(link, agentId, change)),
  });
  server.route({
    ...{ method: 'PUT', url: '/v1/roles', onRequest },
    schema: {
      summary: 'sets weight, guarantee or limit of a role, in thousandths; null sets back',
      body: z.object({
        role: RoleName,
        weight: Weight.nullable().optional(),
        guarantee: Quantities.nullable().optional(),
        limit: Quantities.nullable().optional(),
        force: z.boolean().default(false),
      }),
    },
    handler: async ({ body: { force, ...change } }) =>
      orProblem(await changeRole(link, { kind: 'role', ...change }, force)),
  });
}
