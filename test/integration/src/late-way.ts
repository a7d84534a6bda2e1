// Owns a way to a server on which everything that the server says comes late, by as much as is set, and on which what is said
// to it can be changed. It tests nothing itself.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type LateWay = {
  readonly url: string;
  /** Of what the server says from now on. */
  lateMs: number;
  /** May change what was said to the server. */
  onSaid: (bytes: Buffer) => void;
  close(): Promise<void>;
};

export async function openLateWay(targetPort: number): Promise<LateWay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
    near.on('data', (bytes: Buffer) => {
      way.onSaid(bytes);
      far.write(bytes);
    });
    // One after the other, also where the delay shrinks.
    let dueMs = 0;
    far.on('data', (bytes) => {
      dueMs = Math.max(dueMs, performance.now() + way.lateMs);
      setTimeout(() => near.write(bytes), Math.max(dueMs - performance.now(), 0));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const way: LateWay = {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lateMs: 0,
    onSaid: () => undefined,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return way;
}
