// Owns a running gateway: its connections, what it follows, its server; opened and closed as one.
import type { AddressInfo } from 'node:net';
import type { Identity } from '@parley/actor/nats/credential-file';
import { randomNonce, systemClock } from '@parley/actor/nats/system-clock';
import { RELEASE_VERSION } from '@parley/actor/release';
import { connectOperator, type OperatorLink } from '@parley/operator-sdk/operator-link';
import { type Outcome, succeed } from '@parley/protocol/errors';
import { Token } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import { Metrics } from '@parley/telemetry/metrics';
import { type Gate, openGate } from './access/gate.ts';
import type { GatewayConfig } from './config.ts';
import { newSecret } from './effects.ts';
import { FrameworkMeter } from './framework-meter.ts';
import type { GatewayContext } from './gateway-context.ts';
import { countRequests, measureCluster, metricsRoutes } from './gateway-meter.ts';
import { makeServer, urlOf } from './http-server.ts';
import { LiveCluster } from './live-cluster.ts';
import { MemberBoard } from './member-board.ts';
import { PrincipalDirectory } from './principal-directory.ts';
import { addRoutes } from './routes.ts';
import { SlowReaders } from './slow-readers.ts';
import { StartUp } from './start-up.ts';
import { UsageBoard } from './usage-board.ts';

export type RunningGateway = {
  /** Such as `http://127.0.0.1:5050`. */
  readonly url: string;
  /** Rejects when it cannot go on. */
  readonly ended: Promise<never>;
  /** Answers what is under way, then leaves. */
  close(): Promise<void>;
};

/** Fails as a connection to the bus does, or for its file of users. Throws `LinkError` when the books cannot be read, and what listening throws. */
export async function openGateway(
  identity: Identity,
  config: GatewayConfig,
  logger: Logger,
): Promise<Outcome<RunningGateway>> {
  const nowMs = (): number => systemClock.nowMs();
  const gate = openGate(config, { logger, nowMs, newSecret });
  if (!gate.ok) return gate;
  const link = await connectOperator(identity);
  if (!link.ok) return link;
  try {
    return succeed(await serve({ identity, config, logger, nowMs }, gate.value, link.value));
  } catch (error) {
    // An open connection would keep a process that cannot go on.
    await link.value.close();
    throw error;
  }
}

type Means = Pick<GatewayContext, 'config' | 'logger' | 'nowMs'> & { readonly identity: Identity };

async function serve(means: Means, gate: Gate, link: OperatorLink): Promise<RunningGateway> {
  const { identity, config, logger, nowMs } = means;
  const live = await LiveCluster.follow(link, { nowMs, logger });
  const server = makeServer({ tls: config.tls });
  const metrics = new Metrics('gateway');
  countRequests(server, metrics);
  gate.guard(server);
  measureCluster(live, metrics);
  new FrameworkMeter(live, metrics);
  server.register(metricsRoutes(metrics, gate.access));
  const principals = new PrincipalDirectory(config.principalsDirectory, identity.servers);
  const slowReaders = new SlowReaders(logger, metrics);
  metrics.gauge('parley_gateway_unread_bytes', () => slowReaders.totalBytes());
  const usage = new UsageBoard(link, nowMs);
  const members = memberBoard(link, { config, nowMs, logger });
  addRoutes(server, {
    ...{ ...means, live, principals, link, usage, members },
    ...{ access: gate.access, startUp: new StartUp(logger), slowReaders },
  });
  try {
    await server.listen({ host: config.host, port: config.port });
    const url = urlOf(server.server.address() as AddressInfo, config.tls !== undefined);
    gate.announce(url);
    members.announce(url);
    const close = async (): Promise<void> => {
      gate.close();
      members.leave();
      await server.close();
      await link.close();
    };
    return { url, ended: link.ending, close };
  } catch (error) {
    await server.close();
    throw error;
  }
}

function memberBoard(
  link: OperatorLink,
  { config, nowMs, logger }: Pick<GatewayContext, 'config' | 'nowMs' | 'logger'>,
): MemberBoard {
  const { agentId } = config;
  const own = { instance: Token.parse(randomNonce()), version: RELEASE_VERSION };
  return new MemberBoard(link, {
    ...{ nowMs, logger, wallTimeMs: () => systemClock.wallTimeMs() },
    own: { ...own, ...(agentId !== undefined && { agentId }) },
  });
}
