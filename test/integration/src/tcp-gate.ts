// Owns a gate on a loopback port: it passes bytes on to another port, until it is shut. Then it drops what is connected and
// accepts nothing, as a cut cable with a firewall's reset does.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class TcpGate {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #isShut = false;

  constructor(server: Server, targetPort: () => number) {
    this.#server = server;
    server.on('connection', (incoming) => this.#pass(incoming, targetPort()));
  }

  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  shut(): void {
    this.#isShut = true;
    for (const socket of this.#open) socket.destroy();
  }

  open(): void {
    this.#isShut = false;
  }

  async close(): Promise<void> {
    this.shut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(incoming: Socket, port: number): void {
    if (this.#isShut) {
      incoming.destroy();
      return;
    }
    const outgoing = connect({ host: '127.0.0.1', port });
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      this.#open.add(from);
      from.setNoDelay(true);
      from.pipe(to);
      from.on('error', () => from.destroy());
      from.on('close', () => {
        this.#open.delete(from);
        to.destroy();
      });
    }
  }
}

/** The target is asked for at each connection. */
export async function openGate(targetPort: () => number): Promise<TcpGate> {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  return new TcpGate(server, targetPort);
}
