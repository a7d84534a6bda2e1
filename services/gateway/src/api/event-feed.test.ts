// Tests one reader of Server-Sent Events over a real server on loopback; what happens in the cluster is scripted.
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aFramework } from '@parley/cluster/scripted-cluster';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LiveCluster } from '../live-cluster.ts';
import { aBusyCluster } from '../read-model/scripted-model.ts';
import { SlowReaders } from '../slow-readers.ts';
import { EventFeed, type FeedBegin } from './event-feed.ts';
import { LiveView } from './live-view.ts';

/** So large that a thousand are more than what may lie unread. */
const NAME = 'x'.repeat(2000);
const count = vi.fn();
let tell: (event: NumberedEvent) => void;
let sequence: number;
let liveView: LiveView;
let server: http.Server;
let begin: FeedBegin;
let slowReaders: SlowReaders;
let feed: EventFeed | undefined;
let beforeBegin: (response: ServerResponse) => Promise<unknown>;

beforeEach(async () => {
  count.mockClear();
  sequence = 10;
  begin = 'now';
  slowReaders = new SlowReaders({ warn: vi.fn() }, { count });
  beforeBegin = async () => undefined;
  const { state } = aBusyCluster();
  const live = {
    get followed() {
      return { cluster: 'c', state, sequence };
    },
    onEvent: (listener: typeof tell) => {
      tell = listener;
      return () => true;
    },
    onReset: () => () => true,
  };
  liveView = new LiveView(live as unknown as LiveCluster);
  server = http.createServer(async (_request, response) => {
    await beforeBegin(response);
    response.writeHead(200);
    feed = EventFeed.begin(response, { liveView, slowReaders }, begin);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => {
  server.close().closeAllConnections();
});

function happen(count: number): void {
  for (let each = 0; each < count; each += 1) {
    sequence += 1;
    const event = {
      type: 'frameworkUpdated',
      framework: aFramework(),
      name: NAME,
      roles: [],
    } as const;
    tell({ sequence, index: 0, coreTimeMs: 0, wallTimeMs: 0, event, isNew: true });
  }
}

async function read() {
  const { port } = server.address() as AddressInfo;
  const request = http.get({ host: '127.0.0.1', port, agent: new http.Agent() });
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  response.on('error', () => undefined);
  return {
    response,
    request,
    ids: () => [...text.matchAll(/^id: (\d+)\.0$/gm)].map(([, id]) => Number(id)),
    text: () => text,
  };
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);

test('a reader that comes back is told all that it missed, however much that is', async () => {
  happen(3000);
  begin = { sequence: 10, index: Number.MAX_SAFE_INTEGER };
  const { ids } = await read();
  await vi.waitFor(() => expect(ids()).toStrictEqual(range(11, 3010)), { timeout: 20_000 });
});

test('a reader that pauses goes on where it was, and nothing waits for it meanwhile', async () => {
  const { response, ids } = await read();
  response.pause();
  happen(5000);
  await new Promise(setImmediate);
  response.resume();
  await vi.waitFor(() => expect(ids()).toStrictEqual(range(11, 5010)), { timeout: 20_000 });
});

test('a reader that is further behind than is kept is told to begin anew, and goes on from there', async () => {
  happen(30_000);
  begin = { sequence: 10, index: 0 };
  const { text, ids } = await read();
  await vi.waitFor(() => expect(text()).toContain('event: resync'));
  happen(1);
  await vi.waitFor(() => expect(ids()).toStrictEqual([sequence]));
});

test('a place that these books never came to is not waited for: the reader begins anew', async () => {
  begin = { sequence: 1_000_000, index: 0 };
  const { text } = await read();
  await vi.waitFor(() => expect(text()).toContain('event: resync'));
});

test('who has left before anything was told is not told for ever', async () => {
  const listen = vi.spyOn(liveView, 'listen');
  const arrived = Promise.withResolvers<ServerResponse>();
  const asked = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  beforeBegin = async (response) => {
    arrived.resolve(response);
    await asked.promise;
    setImmediate(done.resolve);
  };
  const { port } = server.address() as AddressInfo;
  const request = http.get({ host: '127.0.0.1', port, agent: new http.Agent() });
  request.on('error', () => undefined);
  const closed = once(await arrived.promise, 'close');
  request.destroy();
  await closed;
  asked.resolve();
  await done.promise;
  expect(listen).not.toHaveBeenCalled();
});

test('a reader that takes what it is sent is not ended, however much that is', async () => {
  const MAX_TOTAL_BYTES = 100_000;
  slowReaders = new SlowReaders({ warn: vi.fn() }, { count }, MAX_TOTAL_BYTES);
  const { ids, text } = await read();
  for (let round = 0; round < 20; round += 1) {
    happen(100);
    await vi.waitFor(() => expect(ids().at(-1)).toBe(sequence));
    await vi.waitFor(() => expect(slowReaders.totalBytes()).toBe(0));
    slowReaders.look();
  }
  expect(text().length).toBeGreaterThan(10 * MAX_TOTAL_BYTES);
  expect([slowReaders.count, count.mock.calls]).toEqual([1, []]);
});

test('what a reader leaves unread counts for the bound of all readers, and past it the reader is ended', async () => {
  const MAX_TOTAL_BYTES = 1000;
  slowReaders = new SlowReaders({ warn: vi.fn() }, { count }, MAX_TOTAL_BYTES);
  const { response } = await read();
  expect(slowReaders.count).toBe(1);
  response.pause();
  // Broken off, which is an error to whoever reads.
  const closed = new Promise((resolve) => response.once('close', resolve));
  happen(5000);
  expect(count).toHaveBeenCalledWith('parley_gateway_slow_readers_ended_total', { stream: 'feed' });
  response.resume();
  await closed;
  expect([slowReaders.count, slowReaders.totalBytes()]).toEqual([0, 0]);
});

test('a reader that is not to read on is told why after all that was sent, and nothing after it', async () => {
  const { response, ids, text } = await read();
  happen(1);
  const ended = once(response, 'end');
  feed?.endBecause('signed out');
  happen(1);
  feed?.endBecause('again');
  await ended;
  expect(ids()).toStrictEqual([sequence - 1]);
  expect(text().endsWith('event: end\ndata: {"why":"signed out"}\n\n')).toBe(true);
});

test('a reader that does not take the end is left ten seconds later', async () => {
  const { response } = await read();
  response.pause();
  happen(10_000);
  await new Promise(setImmediate);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    feed?.endBecause('signed out');
    vi.advanceTimersByTime(10_000);
  } finally {
    vi.useRealTimers();
  }
  await vi.waitFor(() => expect(slowReaders.count).toBe(0));
});
