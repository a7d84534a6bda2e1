// Owns finding out why a server with TLS lets nobody in: it refuses a client's certificate only after the handshake, and the
// client library tells of that as silence.
import { once } from 'node:events';
import { connect as dial, type Socket } from 'node:net';
import { connect as secure } from 'node:tls';

const PROBE_MS = 2000;
const DEFAULT_PORT = 4222;

type Material = { readonly ca?: string; readonly cert?: string; readonly key?: string };

/** What the first of the servers that can be reached says to a handshake; undefined when it is content, or speaks no TLS. */
export async function probeTls(
  servers: readonly string[],
  material: Material,
): Promise<Error | undefined> {
  for (const server of servers) {
    const { hostname, port } = new URL(server.includes('://') ? server : `nats://${server}`);
    const socket = dial({ host: hostname, port: port === '' ? DEFAULT_PORT : Number(port) });
    socket.on('error', () => socket.destroy());
    try {
      if (!(await greets(socket))) continue;
      return await handshake(socket, hostname, material);
    } finally {
      socket.destroy();
    }
  }
  return undefined;
}

/** A NATS server speaks first, in plain text: its INFO. */
async function greets(socket: Socket): Promise<boolean> {
  try {
    const [first] = await once(socket, 'data', { signal: AbortSignal.timeout(PROBE_MS) });
    return String(first).startsWith('INFO ');
  } catch {
    // Refused, closed or silent: another server may do.
    return false;
  }
}

async function handshake(
  socket: Socket,
  servername: string,
  material: Material,
): Promise<Error | undefined> {
  // A name is sent where there is one; addresses are none.
  const name = /^[\d.:[\]]+$/.test(servername) ? {} : { servername };
  const secured = secure({ socket, ...name, ...material });
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve(undefined), PROBE_MS);
    secured.once('error', (error) => {
      clearTimeout(limit);
      resolve(error);
    });
    secured.once('close', () => {
      clearTimeout(limit);
      resolve(undefined);
    });
    // The refusal comes with the first bytes that are read.
    secured.resume();
  });
}
