// Owns how much of a gateway one address may hold: connections, and requests that are not answered to their end (streams
// among them). Bodies and headers are bounded by size and time where the server is made (http-server.ts).
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { addressKey } from './try-limits.ts';

export type ConnectionLimits = { readonly connections: number; readonly openRequests: number };

/** A framework holds two or three connections; hundreds may run on one host. */
const CONNECTION_LIMITS: ConnectionLimits = { connections: 2000, openRequests: 2000 };
const RETRY_AFTER_S = '5';

/** `server` is what the instance listens with, TLS or not. */
export function limitConnections(
  instance: FastifyInstance,
  server: Pick<Server, 'on'>,
  { connections, openRequests }: ConnectionLimits = CONNECTION_LIMITS,
): void {
  const open = new Counts();
  const asked = new Counts();
  server.on('connection', (socket: Socket) => {
    const key = addressKey(socket.remoteAddress ?? '');
    if (open.add(key) > connections) socket.destroy();
    socket.once('close', () => open.remove(key));
  });
  instance.addHook('onRequest', async (request, reply) => {
    const key = addressKey(request.ip);
    const count = asked.add(key);
    reply.raw.once('close', () => asked.remove(key));
    if (count <= openRequests) return undefined;
    return reply
      .code(429)
      .header('Retry-After', RETRY_AFTER_S)
      .send({ error: 'too many requests and streams of this address are open' });
  });
}

/** Bounded by what is open: a key without any is forgotten. */
class Counts {
  readonly #counts = new Map<string, number>();

  add(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }

  remove(key: string): void {
    const count = (this.#counts.get(key) ?? 0) - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
