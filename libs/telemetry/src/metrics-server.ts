// Owns the small HTTP server of a service that has no other: /metrics for Prometheus, /healthz and /readyz for a supervisor.
// Off unless asked for; beyond loopback /metrics wants a bearer token.
import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ActorLog } from './logger.ts';
import type { Metrics } from './metrics.ts';

export const METRICS_OPTIONS = {
  metrics: { type: 'string' },
  'metrics-token': { type: 'string' },
} as const;

export const METRICS_USAGE = `  --metrics HOST:PORT       answers /metrics, /healthz and /readyz there (default: nowhere); port 0 for a free one
  --metrics-token FILE      whoever asks for /metrics has to send the token in it; needed on another address than loopback`;

export type MetricsPlace = {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
};

export type Readiness = { readonly ready: boolean } & Readonly<Record<string, unknown>>;

export type MetricsServer = {
  readonly url: string;
  close(): Promise<void>;
};

const MIN_TOKEN_LENGTH = 16;
const MAX_CONNECTIONS = 64;
const TIMEOUT_MS = 10_000;

/** From values of `METRICS_OPTIONS`; undefined: not asked for. Fails with `malformed` or `unavailable`; the message names the option. */
export function readMetricsOptions(
  values: Readonly<Record<string, unknown>>,
): Outcome<MetricsPlace | undefined> {
  const { metrics, 'metrics-token': file } = values;
  if (typeof metrics !== 'string') return succeed(undefined);
  const [, six, other, digits] =
    /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(metrics) ?? [];
  const host = six ?? other;
  const port = Number(digits);
  if (host === undefined || port > 65_535) {
    return fail('malformed', `--metrics ${metrics}: must be such as 127.0.0.1:9050 or [::1]:9050`);
  }
  const token = typeof file === 'string' ? readToken(file) : succeed(undefined);
  if (!token.ok) return token;
  if (token.value === undefined && !isLoopback(host)) {
    return fail('malformed', `--metrics ${metrics}: beyond loopback it needs --metrics-token FILE`);
  }
  return succeed({ host, port, token: token.value });
}

const NOT_TOLD = { close: async (): Promise<void> => undefined };

/** Of a service: nothing where nobody asked for it. Fails as `serveMetrics` does. */
export async function tellMetrics(
  place: MetricsPlace | undefined,
  metrics: Metrics | undefined,
  {
    logger,
    readiness,
  }: { readonly logger: Pick<ActorLog, 'info'>; readonly readiness: () => Readiness },
): Promise<Outcome<Pick<MetricsServer, 'close'>>> {
  if (place === undefined || metrics === undefined) return succeed(NOT_TOLD);
  const server = await serveMetrics(place, { metrics, readiness });
  if (server.ok) logger.info({ url: server.value.url }, 'metrics are told');
  return server;
}

/** Fails with `unavailable` when it cannot listen there. */
export async function serveMetrics(
  { host, port, token }: MetricsPlace,
  { metrics, readiness }: { readonly metrics: Metrics; readonly readiness: () => Readiness },
): Promise<Outcome<MetricsServer>> {
  const server = createServer(
    { headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS, connectionsCheckingInterval: 2000 },
    (request, response) => {
      answer(request, token, { metrics, readiness }).then(
        ({ status, type, body }) => send(response, { status, type, body }),
        (error: unknown) =>
          send(response, { status: 500, type: 'text/plain', body: String(error) }),
      );
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    return fail('unavailable', `--metrics: ${String(error)}`);
  }
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return succeed({
    url: `http://${name}:${address.port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  });
}

type Answer = { readonly status: number; readonly type: string; readonly body: string };

async function answer(
  { method, url = '/', headers }: IncomingMessage,
  token: string | undefined,
  { metrics, readiness }: { readonly metrics: Metrics; readonly readiness: () => Readiness },
): Promise<Answer> {
  const plain = (status: number, body: string): Answer => ({ status, type: 'text/plain', body });
  // A page cannot make a name of its own point here (DNS rebinding): only addresses and localhost are answered to.
  if (!isAddress(headers.host)) return plain(421, 'ask by address\n');
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET\n');
  const [path] = url.split('?');
  if (path === '/healthz') return json(200, { alive: true });
  if (path === '/readyz') {
    const state = readiness();
    return json(state.ready ? 200 : 503, state);
  }
  if (path !== '/metrics') return plain(404, 'there are /metrics, /healthz and /readyz\n');
  if (token !== undefined && !isSame(headers.authorization, `Bearer ${token}`)) {
    return plain(401, 'a bearer token is needed\n');
  }
  return { status: 200, type: metrics.contentType, body: await metrics.text() };
}

const json = (status: number, value: object): Answer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
});

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'Content-Type': type,
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'same-origin',
    ...(status === 401 && { 'WWW-Authenticate': 'Bearer realm="parley-metrics"' }),
  });
  response.end(body);
}

const isLoopback = (host: string): boolean => host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

function isAddress(host: string | undefined): boolean {
  const [, six, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host ?? '') ?? [];
  return isIP(six ?? name ?? '') !== 0 || name === 'localhost';
}

function isSame(shown: string | undefined, kept: string): boolean {
  const [one, other] = [shown ?? '', kept].map((text) =>
    createHash('sha256').update(text).digest(),
  );
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}

function readToken(file: string): Outcome<string> {
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (token.length >= MIN_TOKEN_LENGTH) return succeed(token);
    return fail(
      'malformed',
      `--metrics-token ${file}: a token has ${MIN_TOKEN_LENGTH} characters at least`,
    );
  } catch (error) {
    return fail('unavailable', `--metrics-token: ${String(error)}`);
  }
}
