// Owns the pages of one agent, at the paths of Mesos's agent: below the name of its process at every gateway, and without it
// at the gateway of that agent alone where the master has none of that name.
import { systemClock } from '@parley/actor/nats/system-clock';
import type { AgentRecord } from '@parley/cluster/records';
import type { FastifyInstance } from 'fastify';
import type { GatewayContext } from '../gateway-context.ts';
import { AGENT_PAGES } from '../operator/mesos-paths.ts';
import { versionInfo } from '../operator/version.ts';
import { agentFlags, agentMetrics } from './agent-numbers.ts';
import { agentOfNumber, agentStatePage } from './agent-state-page.ts';
import { containersPage, type Seen, seenOn, statisticsPage } from './containers-page.ts';
import type { Model } from './model.ts';
import type { ModelSource } from './model-source.ts';

type Page = (model: Model, agent: AgentRecord) => object | Promise<object>;

export function addAgentPages(
  server: FastifyInstance,
  source: ModelSource,
  { config, usage }: Pick<GatewayContext, 'config' | 'usage'>,
): void {
  const measured =
    (show: (seen: readonly Seen[]) => object): Page =>
    async (model, agent) =>
      show(await seenOn(model, agent, { usage, nowWallMs: systemClock.wallTimeMs() }));
  const ofAgents: Readonly<Record<string, Page>> = {
    '/containers': measured(containersPage),
    '/monitor/statistics': measured(statisticsPage),
    '/monitor/statistics.json': measured(statisticsPage),
  };
  const pages: Readonly<Record<string, Page>> = {
    ...ofAgents,
    '/state': agentStatePage,
    '/state.json': agentStatePage,
    '/flags': (_, agent) => ({ flags: agentFlags(agent) }),
    '/metrics/snapshot': agentMetrics,
  };
  const prefix = `${AGENT_PAGES}/:number`;
  const add = (path: string, show: Page): void => {
    server.get<{ Params: { number?: string } }>(path, async ({ params }, reply) => {
      const model = source.now();
      const agent = agentOfNumber(model.state, params.number ?? '1', config.agentId);
      if (agent !== undefined) return show(model, agent);
      reply.code(404).type('text/plain; charset=utf-8');
      return reply.send('There is no such agent: the numbers are in the pids that /slaves tells.');
    });
  };
  for (const [path, show] of Object.entries(pages)) add(`${prefix}${path}`, show);
  if (config.agentId !== undefined) {
    for (const [path, show] of Object.entries(ofAgents)) add(path, show);
  }
  server.get(`${prefix}/version`, async () => versionInfo);
  server.get(`${prefix}/health`, async (_request, reply) => reply.send(''));
}
