// Owns the paths to roles as they are: what is set for each, what it has with the roles below it, its dominant share. Out of
// the followed books.
import type { ClusterState } from '@parley/cluster/cluster-state';
import { type RoleSummary, rolesOf } from '@parley/cluster/role-summary';
import { RoleName } from '@parley/protocol/ids';
import * as z from 'zod';
import type { GatewayContext } from '../gateway-context.ts';
import type { TypedServer } from './answering.ts';
import { Amounts, Problem } from './shapes.ts';

const RoleShape = z.object({
  role: z.string(),
  weight: z.number().describe('in thousandths'),
  guarantee: Amounts,
  limit: Amounts.describe('absent resources have none'),
  allocated: Amounts.describe('with all roles below it'),
  offered: Amounts.describe('likewise'),
  reserved: Amounts.describe('likewise, in no task or offer'),
  dominantShare: z.object({ share: z.number(), resource: z.string().nullable() }),
  frameworks: z.array(z.string()).describe('in it or in a role below'),
});
type RoleShape = z.infer<typeof RoleShape>;

export function addRoleRoutes(typed: TypedServer, { live }: Pick<GatewayContext, 'live'>): void {
  const known = (state: ClusterState): RoleShape[] => rolesOf(state).map(shown);
  typed.route({
    method: 'GET',
    url: '/v1/roles',
    schema: {
      summary: 'roles for which something is set, or that somebody is in, by name',
      response: {
        200: z.object({ sequence: z.number(), staleMs: z.number(), items: z.array(RoleShape) }),
      },
    },
    handler: async () => {
      const { state, sequence } = live.followed;
      return { sequence, staleMs: live.staleMs(), items: known(state) };
    },
  });
  typed.route({
    method: 'GET',
    url: '/v1/role',
    schema: {
      summary: 'one role; its name may have slashes',
      querystring: z.object({ name: RoleName }),
      response: { 200: RoleShape, 404: Problem },
    },
    handler: async ({ query: { name } }, reply) =>
      known(live.followed.state).find(({ role }) => role === name) ??
      reply.code(404).send({ error: `nothing is set for the role ${name}, and nobody is in it` }),
  });
}

const shown = ({ dominantShare, ...summary }: RoleSummary): RoleShape => ({
  ...{ role: summary.role, weight: summary.weight },
  ...{ guarantee: { ...summary.guarantee }, limit: { ...summary.limit } },
  ...{ allocated: { ...summary.allocated }, offered: { ...summary.offered } },
  reserved: { ...summary.reserved },
  dominantShare: { share: dominantShare.share, resource: dominantShare.resource ?? null },
  frameworks: [...summary.frameworks],
});
