import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { EventStream } from './event-stream.ts';

type Told = { readonly type: string; readonly text?: string };

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A stream and the socket of who reads it. */
async function opened(maxWaitingBytes?: number) {
  const answers: ServerResponse[] = [];
  const server = http.createServer((_request, answer) => answers.push(answer));
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
  const answer = await vi.waitUntil(() => answers[0]);
  const stream = new EventStream<Told>(answer, {
    encode: ({ type, text = '' }) => Buffer.from(`${type}${text}`),
    heartbeat: { type: 'BEAT' },
    onBegin: () => ({ 'X-Test': 'yes' }),
    ...(maxWaitingBytes !== undefined && { maxWaitingBytes }),
  });
  return { stream, socket, answer };
}

test('what is sent in one turn arrives as one record a chunk, also over a connection that is to be closed', async () => {
  const { stream, socket } = await opened();
  let text = '';
  socket.on('data', (part) => {
    text += String(part);
  });
  stream.begin({ 'Content-Type': 'application/json' });
  stream.send({ type: 'FIRST' });
  stream.send({ type: 'SECOND' });
  stream.beat();
  stream.end();
  stream.send({ type: 'LATE' });
  await once(socket, 'end');
  const [head, body] = text.split('\r\n\r\n', 2);
  expect(head).toContain('Transfer-Encoding: chunked');
  expect(head).toContain('X-Test: yes');
  expect(body).toBe('7\r\n5\nFIRST\r\n8\r\n6\nSECOND\r\n6\r\n4\nBEAT\r\n0');
});

test('who does not read has his stream ended before much waits for him', async () => {
  const { stream, socket, answer } = await opened(1024 * 1024);
  const closed = once(answer, 'close');
  socket.pause();
  stream.begin({});
  const text = 'x'.repeat(64 * 1024);
  for (let sent = 0; !answer.destroyed; sent += 1) {
    expect(sent).toBeLessThan(1000);
    stream.send({ type: 'MUCH', text });
    await new Promise(setImmediate);
  }
  await closed;
});
