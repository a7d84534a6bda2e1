// Owns which requests may take longer to arrive than all others: their body is what somebody types. Every other one that is
// not there in time is ended (http-server.ts).
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';

const patient = new WeakSet<Socket>();

/** Of a request that may do what it asks. Returns how to say that its body is there. */
export function awaitLongBody({ raw }: Pick<FastifyRequest, 'raw'>): () => void {
  patient.add(raw.socket);
  return () => patient.delete(raw.socket);
}

/** To be called when all other listeners are there. */
export function spareLongBodies(server: Server): void {
  const others = server.listeners('clientError');
  server.removeAllListeners('clientError');
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && patient.has(socket)) return;
    for (const tell of others) tell.call(server, error, socket);
  });
}
