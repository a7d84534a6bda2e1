// Owns what a gateway tells Prometheus, at /metrics of its own server: requests as they are answered, the cluster as it
// follows it when somebody asks.
import { clusterShare } from '@parley/cluster/cluster-share';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { FrameworkRecord } from '@parley/cluster/records';
import { frameworkKey } from '@parley/protocol/ids';
import { shareAsNumber } from '@parley/resources/dominant-share';
import type { GaugeName } from '@parley/telemetry/metric-families';
import type { Labels, Metrics } from '@parley/telemetry/metrics';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { permitted } from './access/permit.ts';
import type { Access } from './access/visitor.ts';
import type { FollowedCluster } from './live-cluster.ts';

type Sample = readonly [Labels, number];

/** To be called before any route is added. */
export function countRequests(server: FastifyInstance, metrics: Metrics): void {
  let open = 0;
  server.addHook('onRequest', async (request, reply) => {
    open += 1;
    reply.raw.once('close', () => {
      open -= 1;
      const labels = { route: routeOf(request), status: String(reply.raw.statusCode) };
      metrics.count('parley_gateway_requests_total', labels);
    });
  });
  metrics.gauge('parley_gateway_open_requests', () => open);
}

export function measureCluster(live: FollowedCluster, metrics: Metrics): void {
  metrics.gauge('parley_gateway_staleness_seconds', () => live.staleMs() / 1000);
  metrics.gauge('parley_gateway_journal_sequence', () => live.followed.sequence);
  metrics.gauge('parley_cluster_utilisation', () => utilisationOf(live.followed.state));
  const ofFrameworks = (
    name: GaugeName,
    read: (framework: FrameworkRecord, state: ClusterState) => { more?: Labels; value: number },
  ): void =>
    metrics.gauge(name, () => {
      const { state } = live.followed;
      return summed(
        [...state.frameworks.rows()].map((framework) =>
          sampleOf(framework, read(framework, state)),
        ),
      );
    });
  ofFrameworks('parley_framework_dominant_share', ({ framework }, state) => {
    const held = state.books.frameworks.get(frameworkKey(framework))?.allocated.toScalars() ?? {};
    const share = clusterShare(state, held);
    return { more: { resource: share.resource ?? 'none' }, value: shareAsNumber(share) };
  });
  ofFrameworks('parley_framework_outstanding_offers', ({ framework }, state) => ({
    value: state.books.frameworks.get(frameworkKey(framework))?.offers.size ?? 0,
  }));
  ofFrameworks('parley_framework_demanded_tasks', ({ demand = [] }) => ({
    value: demand.reduce((sum, { count }) => sum + count, 0),
  }));
}

export const metricsRoutes =
  (metrics: Metrics, access: Access) =>
  async (server: FastifyInstance): Promise<void> => {
    server.addHook('onRequest', permitted(access, { permission: 'view' }));
    server.get('/metrics', async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    );
  };

/** As it is written in the routes, not as it was asked: that would be without bound. */
const routeOf = ({ routeOptions }: FastifyRequest): string => routeOptions.url ?? 'none';

function utilisationOf(state: ClusterState): Sample[] {
  const { allocated, total } = state.record.usageIntegral;
  return Object.entries(total)
    .filter(([, whole]) => whole > 0)
    .map(([resource, whole]) => [{ resource }, (allocated[resource] ?? 0) / whole]);
}

const sampleOf = (
  { framework, name }: FrameworkRecord,
  { more, value }: { more?: Labels; value: number },
): Sample => [{ principal: framework.principal, framework: name, ...more }, value];

/** Frameworks of one name and principal are one sample. */
function summed(samples: readonly Sample[]): Sample[] {
  const sums = new Map<string, Sample>();
  for (const [labels, value] of samples) {
    const key = JSON.stringify(labels);
    sums.set(key, [labels, (sums.get(key)?.[1] ?? 0) + value]);
  }
  return [...sums.values()];
}
