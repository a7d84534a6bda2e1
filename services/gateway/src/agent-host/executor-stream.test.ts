// Tests the long answer to an executor that does not read, over a real server on loopback.
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { SlowReaders } from '../slow-readers.ts';
import { ExecutorStream } from './executor-stream.ts';

const MAX_TOTAL_BYTES = 1024 * 1024;
let server: http.Server;
afterEach(() => {
  server.close().closeAllConnections();
});

test('what an executor leaves unread counts for the bound of all readers, and past it the stream is ended', async () => {
  const count = vi.fn();
  const slowReaders = new SlowReaders({ warn: vi.fn() }, { count }, MAX_TOTAL_BYTES);
  const begun = Promise.withResolvers<ExecutorStream>();
  server = http.createServer((_request, response) => {
    const stream = new ExecutorStream(response, 'protobuf', slowReaders);
    stream.begin({});
    begun.resolve(stream);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const request = http.get({ host: '127.0.0.1', port, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined).pause();
  const stream = await begun.promise;
  const closed = new Promise<void>((resolve) => stream.onClosed(resolve));
  expect(slowReaders.count).toBe(1);
  // Less than one executor may leave unread, where no others do.
  const data = new Uint8Array(100_000);
  for (let sent = 0; sent < 100; sent += 1) stream.send({ type: 'MESSAGE', message: { data } });
  await closed;
  expect(count.mock.calls).toEqual([
    ['parley_gateway_slow_readers_ended_total', { stream: 'executor' }],
  ]);
  expect([slowReaders.count, slowReaders.totalBytes()]).toEqual([0, 0]);
});
