import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { succeed } from '@parley/protocol/errors';
import { FrameworkId, PrincipalName } from '@parley/protocol/ids';
import type { SchedulerClient } from '@parley/scheduler-sdk/client';
import { EventQueue } from '@parley/scheduler-sdk/event-queue';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { GatewayContext } from '../gateway-context.ts';
import { aBusyCluster, modelOf } from '../read-model/scripted-model.ts';
import { EventStream } from './event-stream.ts';
import { HostAddresses } from './host-addresses.ts';
import type { Event } from './mesos-types.ts';
import { type SubscribeParts, subscribe } from './subscribe.ts';
import { Subscriptions } from './subscriptions.ts';

const alice = PrincipalName.parse('alice');
const framework = { principal: alice, frameworkId: FrameworkId.parse('f-1') };
const silent = { info: () => {}, warn: () => {}, error: () => {}, child: () => silent };
const context = {
  config: { defaultPrincipal: alice, host: '127.0.0.1', port: 0 },
  live: { followed: { state: aBusyCluster().state } },
  principals: { credentialOf: () => succeed({}) },
  logger: silent,
  nowMs: () => 0,
} as unknown as GatewayContext;

class Session {
  isClosed = false;
  readonly framework = framework;
  readonly #events = new EventQueue<never>();

  events(): EventQueue<never> {
    return this.#events;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.#events.end();
  }
}

let subscriptions: Subscriptions;
/** Of each session that is asked for on the bus: called when it is there. */
let connecting: ((session: Session) => void)[];
/** The ids of the frameworks for which they were asked. */
let connectedIds: (string | undefined)[];
let parts: SubscribeParts;
let server: http.Server;

beforeEach(async () => {
  subscriptions = new Subscriptions();
  connecting = [];
  connectedIds = [];
  parts = {
    ...{ context, subscriptions, hosts: new HostAddresses(() => 0) },
    source: { now: () => modelOf(aBusyCluster().state) },
    connect: ({ frameworkId }) =>
      new Promise((resolve) => {
        connectedIds.push(frameworkId);
        connecting.push((session) => resolve(session as unknown as SchedulerClient));
      }),
  };
  server = http.createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  await subscriptions.close();
  server.close().closeAllConnections();
});

/** A SUBSCRIBE that is under way. */
async function arrives(id = 'alice.f-1') {
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (part) => {
    text += String(part);
  });
  socket.write('POST / HTTP/1.1\r\nHost: test\r\n\r\n');
  const [, answer] = (await once(server, 'request')) as [unknown, ServerResponse];
  const stream = new EventStream<Event>(answer, {
    encode: (event) => Buffer.from(JSON.stringify(event)),
    heartbeat: { type: 'HEARTBEAT' },
    onBegin: () => ({}),
  });
  const info = { user: 'u', name: 'n', role: 'web', id: { value: id } };
  const done = subscribe(parts, {
    ...{ subscribe: { framework_info: info }, visitor: undefined, stream },
    contentType: 'application/json',
  });
  return { socket, answer, done, read: () => text };
}

const nextSession = async (count: number): Promise<Session> => {
  const session = new Session();
  const connected = await vi.waitUntil(() => connecting[count - 1]);
  connected(session);
  return session;
};

test('of a framework that leaves while it is being subscribed no session stays', async () => {
  const { socket, answer, done } = await arrives();
  await vi.waitUntil(() => connecting.length === 1);
  const closed = once(answer, 'close');
  socket.destroy();
  await closed;
  const session = await nextSession(1);
  await done;
  expect(session.isClosed).toBe(true);
  expect(subscriptions.of(framework)).toBeUndefined();
});

test('who subscribes again while the first time is not done has the session, also where the first would come later', async () => {
  const first = await arrives();
  await vi.waitUntil(() => connecting.length === 1);
  const second = await arrives();
  await delay(20);
  expect(connecting).toHaveLength(1);
  const old = await nextSession(1);
  const current = await nextSession(2);
  await Promise.all([first.done, second.done]);
  await vi.waitUntil(() => first.read().includes('Framework failed over'));
  await vi.waitUntil(() => second.read().includes('SUBSCRIBED'));
  expect([old.isClosed, current.isClosed]).toEqual([true, false]);
  expect(second.read()).not.toContain('failed over');
});

test('of many that subscribe with one id only the first and the last ask for a session', async () => {
  const all = [await arrives(), await arrives(), await arrives(), await arrives()];
  const between = all.slice(1, -1);
  await nextSession(1);
  await nextSession(2);
  await Promise.all(all.map(({ done }) => done));
  await vi.waitUntil(() => between.every(({ read }) => read().includes('Framework failed over')));
  expect(connecting).toHaveLength(2);
});

test('a framework whose id is empty is a new one', async () => {
  const { done } = await arrives('');
  await nextSession(1);
  await done;
  expect(connectedIds).toStrictEqual([expect.stringMatching(/^n-[0-9a-f-]{36}$/)]);
});
