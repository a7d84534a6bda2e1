// Tests the long answer to an executor, one that does not read and one that does, over a real server on loopback.
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SlowReaders } from '../slow-readers.ts';
import { ExecutorStream } from './executor-stream.ts';

const MAX_TOTAL_BYTES = 1024 * 1024;
/** Ten are less than one executor may leave unread, where no others do, and a hundred more than the network takes. */
const MESSAGE = { type: 'MESSAGE', message: { data: new Uint8Array(100_000) } } as const;
const count = vi.fn();
let slowReaders: SlowReaders;
let server: http.Server;

beforeEach(async () => {
  count.mockClear();
  slowReaders = new SlowReaders({ warn: vi.fn() }, { count }, MAX_TOTAL_BYTES);
});
afterEach(() => {
  server.close().closeAllConnections();
});

async function subscribe(): Promise<{ stream: ExecutorStream; response: IncomingMessage }> {
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
  return { stream: await begun.promise, response };
}

test('what an executor leaves unread counts for the bound of all readers, and past it the stream is ended', async () => {
  const { stream } = await subscribe();
  const closed = new Promise<void>((resolve) => stream.onClosed(resolve));
  expect(slowReaders.count).toBe(1);
  for (let sent = 0; sent < 100; sent += 1) stream.send(MESSAGE);
  await closed;
  expect(count.mock.calls).toEqual([
    ['parley_gateway_slow_readers_ended_total', { stream: 'executor' }],
  ]);
  expect([slowReaders.count, slowReaders.totalBytes()]).toEqual([0, 0]);
});

test('an executor that takes what it is sent is not ended, however much that is', async () => {
  const { stream, response } = await subscribe();
  let bytes = 0;
  response.on('data', ({ length }: Buffer) => {
    bytes += length;
  });
  response.resume();
  for (let round = 1; round <= 20; round += 1) {
    for (let sent = 0; sent < 5; sent += 1) stream.send(MESSAGE);
    const all = 5 * round * MESSAGE.message.data.length;
    await vi.waitFor(() => expect(bytes).toBeGreaterThan(all));
    await vi.waitFor(() => expect(slowReaders.totalBytes()).toBe(0));
    slowReaders.look();
  }
  expect([slowReaders.count, count.mock.calls]).toEqual([1, []]);
});
