// Tests the end of answers that go on, over a real server on loopback: nobody keeps one by not reading.
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { endSoon } from './end-answer.ts';

/** More than the network takes of somebody who does not read. */
const MUCH = Buffer.alloc(64 * 1024 * 1024, 'x');
let server: http.Server;
let begun: PromiseWithResolvers<ServerResponse>;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  begun = Promise.withResolvers();
  server = http.createServer((_request, response) => begun.resolve(response.writeHead(200)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => {
  vi.useRealTimers();
  server.close().closeAllConnections();
});

async function begin() {
  const { port } = server.address() as AddressInfo;
  const request = http.get({ host: '127.0.0.1', port, agent: false });
  const answer = await begun.promise;
  answer.flushHeaders();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return { answer, response };
}

test('who reads gets all that was sent, and the end', async () => {
  const { answer, response } = await begin();
  answer.write(MUCH);
  let bytes = 0;
  response.on('data', ({ length }: Buffer) => {
    bytes += length;
  });
  endSoon(answer, 'the end');
  await once(response, 'end');
  expect(bytes).toBe(MUCH.length + 'the end'.length);
  if (!answer.closed) await once(answer, 'close');
  expect(vi.getTimerCount()).toBe(0);
});

test('who does not read is broken off after ten seconds', async () => {
  const { answer, response } = await begin();
  response.pause();
  answer.write(MUCH);
  endSoon(answer);
  vi.advanceTimersByTime(9_999);
  expect(answer.destroyed).toBe(false);
  const closed = once(answer, 'close');
  vi.advanceTimersByTime(1);
  await closed;
  expect(answer.writableFinished).toBe(false);
});
