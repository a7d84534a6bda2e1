// Owns the proxy before one node of NATS, on the node's host: passes on what clients and server say, and disturbs it as its
// parent tells it to. Arguments: address, port to listen on, port of the server, seed. It ends with its parent.
import { connect, createServer, type Socket } from 'node:net';
import { Random } from '@parley/test-simulation/random';
import { hideOtherNodes, MANNERS, type Manner, passBack, passOn } from './disturbance.ts';
import { Lane } from './lane.ts';
import { type Frame, FrameReader } from './nats-frames.ts';

const [address = '', port = '', serverPort = '', seed = ''] = process.argv.slice(2);
const random = new Random(Number(seed)).derive(`proxy ${address}`);
let manner: Manner = 'calm';

const laneTo = (socket: Socket): Lane =>
  new Lane({
    nowMs: () => performance.now(),
    write: (bytes) => {
      if (socket.writable) socket.write(bytes);
    },
  });

/** A reader that is behind holds back who writes to it. */
function pump(from: Socket, to: Socket, handle: (frame: Frame) => void): void {
  const reader = new FrameReader();
  from.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) handle(frame);
    if (!to.writableNeedDrain) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
}

const server = createServer((client) => {
  const upstream = connect({ host: address, port: Number(serverPort) });
  const toServer = laneTo(upstream);
  const toClient = laneTo(client);
  pump(client, upstream, (frame) => toServer.send(frame.bytes, passOn(frame, manner, random)));
  pump(upstream, client, (frame) => toClient.send(hideOtherNodes(frame), passBack(manner, random)));
  const end = (): void => {
    toServer.close();
    toClient.close();
    client.destroy();
    upstream.destroy();
  };
  for (const socket of [client, upstream]) {
    socket.setNoDelay(true);
    socket.on('error', end);
    socket.on('close', end);
  }
});

server.listen(Number(port), address, () => process.send?.('ready'));
process.on('message', (told) => {
  manner = MANNERS.find((one) => one === told) ?? manner;
});
process.on('disconnect', () => process.exit(0));
