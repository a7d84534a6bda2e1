// Owns the HTTP server that all groups of routes share: limits on connections and bodies, headers that every answer
// carries, and how an error reads. What is answered where is in the groups (routes.ts).
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { type ConnectionLimits, limitConnections } from './access/connection-limits.ts';
import { spareLongBodies } from './access/long-bodies.ts';
import type { TlsFiles } from './config.ts';
import { routedUrl } from './operator/mesos-paths.ts';

/** A body that is larger is refused with 413. Mesos frameworks put megabytes of data into their tasks. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Until all headers are there; of a whole request, its body included; an answer may stream for ever. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const TIMEOUT_LOOK_MS = 2000;
const KEEP_ALIVE_MS = 72_000;
const MAX_CONNECTIONS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

export type ServerOptions = {
  readonly tls?: TlsFiles | undefined;
  readonly limits?: ConnectionLimits;
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
};

/** Throws when a file of TLS cannot be used. */
export function makeServer(options: ServerOptions = {}): FastifyInstance {
  const { tls, limits, headersTimeoutMs = HEADERS_TIMEOUT_MS } = options;
  const { requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const timing = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(TIMEOUT_LOOK_MS, headersTimeoutMs),
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const server = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    return503OnClosing: true,
    serverFactory: (handler): Server =>
      tls === undefined
        ? createServer(timing, handler)
        : createTlsServer({ ...timing, ...readTls(tls) }, handler),
    rewriteUrl: ({ url }) => routedUrl(url ?? '/'),
  });
  // What a form of any page can send is nobody's call; groups that answer to clients of Mesos parse for themselves.
  server.removeContentTypeParser('text/plain');
  server.server.maxConnections = MAX_CONNECTIONS;
  limitConnections(server, server.server, limits);
  spareLongBodies(server.server);
  server.addHook('onRequest', async ({ raw }, reply) => {
    reply.headers(tls === undefined ? HEADERS : { ...HEADERS, ...TLS_HEADERS });
    if (raw.headers.upgrade !== undefined) reply.header('Connection', 'close');
  });
  // Who asks for another protocol is out of the server's time limits: what was answered otherwise is over.
  server.addHook('onResponse', async ({ headers, raw }) => {
    if (headers.upgrade !== undefined) raw.socket.destroySoon();
  });
  return server;
}

/** A group whose pages need more says so itself. */
const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  // Not "no-referrer": with it, forms of our own pages would come with the origin "null".
  'Referrer-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Content-Security-Policy':
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
} as const;
const TLS_HEADERS = { 'Strict-Transport-Security': 'max-age=31536000' } as const;

function readTls({ certificateFile, keyFile }: TlsFiles): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
}

/** Of a server that listens. */
export function urlOf({ family, address, port }: AddressInfo, isTls: boolean): string {
  const host = family === 'IPv6' ? `[${address}]` : address;
  return `${isTls ? 'https' : 'http'}://${host}:${port}`;
}
