// Tests the paths of the live feeds over a real server on loopback: that they end with the session that opened them, and that
// a socket that nobody reads counts. What happens in the cluster is scripted.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fastifyWebsocket from '@fastify/websocket';
import { aFramework } from '@parley/cluster/scripted-cluster';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { createLogger } from '@parley/telemetry/logger';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Gate, openGate } from '../access/gate.ts';
import { permitted } from '../access/permit.ts';
import { IDLE_MS } from '../access/session-store.ts';
import { newSecret } from '../effects.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { makeServer } from '../http-server.ts';
import { aBusyCluster } from '../read-model/scripted-model.ts';
import { SlowReaders } from '../slow-readers.ts';
import { addFeedRoutes } from './feed-routes.ts';
import { LiveView } from './live-view.ts';

const MAX_TOTAL_BYTES = 1000;
const count = vi.fn();
let directory: string;
let server: FastifyInstance;
let gate: Gate;
let slowReaders: SlowReaders;
let tell: (event: NumberedEvent) => void;
let nowMs: number;
let sequence: number;
let url: string;

beforeEach(async () => {
  [nowMs, sequence] = [0, 10];
  count.mockClear();
  directory = mkdtempSync(path.join(tmpdir(), 'feeds-'));
  slowReaders = new SlowReaders({ warn: vi.fn() }, { count }, MAX_TOTAL_BYTES);
  const logger = createLogger({
    ...{ service: 'gateway', actorId: 'x', destination: { write: () => undefined } },
  });
  const opened = openGate(
    {
      ...{ usersFile: undefined, tls: undefined, hostNames: new Set<string>() },
      signInFile: path.join(directory, 'sign-in.json'),
    },
    { logger, nowMs: () => nowMs, newSecret },
  );
  if (!opened.ok) throw new Error(opened.failure.message);
  gate = opened.value;
  server = makeServer();
  gate.guard(server);
  const { state } = aBusyCluster();
  const live = {
    get followed() {
      return { cluster: 'c', state, sequence };
    },
    staleMs: () => 0,
    onEvent: (listener: typeof tell) => {
      tell = listener;
      return () => true;
    },
    onReset: () => () => true,
  };
  // What these paths use of a gateway's context.
  const context = {
    ...{ access: gate.access, live, slowReaders, link: { cluster: 'c' } },
  } as unknown as GatewayContext;
  const liveView = new LiveView(context.live);
  server.register(async (group) => {
    await group.register(fastifyWebsocket);
    group.addHook('onRequest', permitted(gate.access, { permission: 'view' }));
    addFeedRoutes(group, context, liveView);
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  gate.announce(url);
});
afterEach(async () => {
  server.server.closeAllConnections();
  await server.close();
  gate.close();
  rmSync(directory, { recursive: true });
});

/** As a browser that followed the link; gives its cookie. */
async function signIn(): Promise<string> {
  const { link } = JSON.parse(readFileSync(path.join(directory, 'sign-in.json'), 'utf8'));
  const answer = await fetch(link);
  return String(answer.headers.get('set-cookie')).split(';')[0] ?? '';
}

async function signOut(cookie: string): Promise<void> {
  const session = await fetch(`${url}/v1/session`, { headers: { cookie } });
  const { csrfToken } = (await session.json()) as { csrfToken: string };
  const headers = { cookie, 'x-parley-csrf': csrfToken, origin: url };
  await fetch(`${url}/sign-out`, { method: 'POST', headers, redirect: 'manual' });
}

async function openFeed(headers: Record<string, string>) {
  const request = http.get(`${url}/v1/feed`, { agent: false, headers });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  response.on('data', (data) => {
    text += String(data);
  });
  return { response, text: () => text, ended: once(response, 'end') };
}

async function openSocket(cookie: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, { headers: { cookie } });
  const closed = new Promise<number>((resolve) => {
    socket.addEventListener('close', ({ code }) => resolve(code));
  });
  await once(socket, 'open');
  return { socket, closed };
}

test.each([
  ['signs out', signOut],
  [
    'was not used for long',
    async () => {
      nowMs = IDLE_MS + 1;
    },
  ],
])('the feeds of a session end with a reason when it %s, those of others go on', async (_, end) => {
  const cookie = await signIn();
  const { token } = JSON.parse(readFileSync(path.join(directory, 'sign-in.json'), 'utf8'));
  const others = await openFeed({ authorization: `Bearer ${token}` });
  const feed = await openFeed({ cookie });
  const { closed } = await openSocket(cookie);
  await end(cookie);
  expect(await closed).toBe(4401);
  await feed.ended;
  expect(feed.text()).toMatch(/event: end\ndata: {"why":"signed out, .*sign in and ask again"}/);
  expect(others.response.readableEnded).toBe(false);
  others.response.destroy();
});

test('what a socket leaves unread counts for the bound of all readers, and past it the socket is ended', async () => {
  const socket = await rawSocket(await signIn());
  expect(slowReaders.count).toBe(1);
  socket.pause();
  send(socket, { type: 'sub', id: 'x', topic: 'events' });
  await vi.waitFor(
    () => {
      happen(1000);
      expect(count).toHaveBeenCalledWith('parley_gateway_slow_readers_ended_total', {
        stream: 'socket',
      });
    },
    { timeout: 20_000, interval: 100 },
  );
  socket.resume();
  await vi.waitFor(() => expect(slowReaders.count).toBe(0));
});

test('a socket that takes what it is sent is not ended, however much that is', async () => {
  const { socket } = await openSocket(await signIn());
  let [told, bytes] = [0, 0];
  socket.addEventListener('message', ({ data }) => {
    bytes += String(data).length;
    told += JSON.parse(String(data)).events?.length ?? 0;
  });
  socket.send(JSON.stringify({ type: 'sub', id: 'x', topic: 'events' }));
  // Events are told from when that has arrived.
  await vi.waitFor(
    () => {
      if (told === 0) happen(1);
      expect(told).toBeGreaterThan(0);
    },
    { timeout: 20_000, interval: 200 },
  );
  for (let round = 0; round < 5; round += 1) {
    const before = told;
    happen(20);
    await vi.waitFor(() => expect(told).toBeGreaterThanOrEqual(before + 20), 20_000);
    await vi.waitFor(() => expect(slowReaders.totalBytes()).toBe(0));
    slowReaders.look();
  }
  expect(bytes).toBeGreaterThan(100 * MAX_TOTAL_BYTES);
  expect([slowReaders.count, count.mock.calls]).toEqual([1, []]);
  socket.close();
});

function happen(times: number): void {
  for (let each = 0; each < times; each += 1) {
    sequence += 1;
    const event = {
      type: 'frameworkUpdated',
      framework: aFramework(),
      name: 'x'.repeat(2000),
      roles: [],
    } as const;
    tell({ sequence, index: 0, coreTimeMs: 0, wallTimeMs: 0, event, isNew: true });
  }
}

/** One that reads only when the test says so. */
async function rawSocket(cookie: string): Promise<Socket> {
  const { host, hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(
    [
      'GET /v1/stream HTTP/1.1',
      `Host: ${host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
      `Cookie: ${cookie}`,
      '',
      '',
    ].join('\r\n'),
  );
  await once(socket, 'data');
  return socket;
}

/** RFC 6455: a text of less than 126 bytes, masked with zeros. */
function send(socket: Socket, message: object): void {
  const text = Buffer.from(JSON.stringify(message));
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
}
