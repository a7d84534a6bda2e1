// Tests what is left behind by executors that are cut off, over a real server on loopback; their agent is scripted.
import { once } from 'node:events';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { clusterCore } from '@parley/cluster/cluster-core';
import { succeed } from '@parley/protocol/errors';
import { ExecutorDescription } from '@parley/protocol/executor-description';
import type { ExecutorRelayAsk, ExecutorRelayResult } from '@parley/protocol/executor-relay';
import { AgentId } from '@parley/protocol/ids';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { GatewayContext } from '../gateway-context.ts';
import { SlowReaders } from '../slow-readers.ts';
import { executorRoutes } from './executor-routes.ts';

const agentId = AgentId.parse('a1');
const CUT_OFFS = 50;
const description = ExecutorDescription.parse({
  ...{ executorId: 'e', mesos: { checkpoint: true }, command: { argv: ['run'] } },
  resources: { scalars: { cpus: 500 } },
});

/** An agent that has something for nobody: it answers who waits for a message when the connection is ended. */
class ScriptedAgent {
  readonly waiting = new Map<string, (answer: ExecutorRelayResult) => void>();
  readonly ended: string[] = [];
  /** Those who open a connection wait until it is let go. */
  gate: Promise<void> = Promise.resolve();
  opened = 0;

  async answer(connection: string, ask: ExecutorRelayAsk): Promise<ExecutorRelayResult> {
    switch (ask.kind) {
      case 'open':
        this.opened += 1;
        await this.gate;
        return { kind: 'accepted', description, lastSequence: 0 };
      case 'prove':
        return { kind: 'accepted', description, lastSequence: 0 };
      case 'say':
        return { kind: 'taken', upTo: ask.number };
      case 'hear':
        return new Promise((resolve) => this.waiting.set(connection, resolve));
      case 'end':
        this.ended.push(connection);
        this.waiting.get(connection)?.({ kind: 'ended' });
        this.waiting.delete(connection);
        return { kind: 'ended' };
    }
  }
}

let agent: ScriptedAgent;
let server: FastifyInstance;
const slowReaders = new SlowReaders({ warn: vi.fn() }, { count: vi.fn() });

beforeEach(async () => {
  agent = new ScriptedAgent();
  const context = {
    link: {
      call: async (_: unknown, __: unknown, asked: { connection: string; ask: ExecutorRelayAsk }) =>
        succeed(await agent.answer(asked.connection, asked.ask)),
    },
    live: { followed: { state: clusterCore.create() } },
    logger: { info: () => undefined },
    config: { port: 5051 },
    slowReaders,
  };
  server = fastify();
  server.register(executorRoutes(agentId)(context as unknown as GatewayContext));
  await server.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => await server.close());

function post(call: object): ClientRequest {
  const { port } = server.server.address() as AddressInfo;
  const request = http.request({
    ...{ host: '127.0.0.1', port, path: '/api/v1/executor', method: 'POST', agent: false },
    headers: {
      ...{ 'Content-Type': 'application/json', Accept: 'application/json' },
      Authorization: 'Bearer token',
    },
  });
  request.on('error', () => undefined);
  request.end(
    JSON.stringify({
      ...call,
      ...{ framework_id: { value: 'alice.fw' }, executor_id: { value: 'e' } },
    }),
  );
  return request;
}

const subscribe = () => post({ type: 'SUBSCRIBE', subscribe: {} });

async function statusOf(request: ClientRequest): Promise<number | undefined> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

const timers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
const connections = (): Promise<number> =>
  new Promise((resolve) => server.server.getConnections((_, count) => resolve(count)));

/** The executor is not subscribed, the agent knows of no connection, and nothing runs on. */
async function expectNothingLeft(timersBefore: number): Promise<void> {
  await vi.waitUntil(() => agent.ended.length === CUT_OFFS);
  expect(new Set(agent.ended).size).toBe(CUT_OFFS);
  expect(agent.waiting.size).toBe(0);
  const message = { type: 'MESSAGE', message: { data: 'aGk=' } };
  expect(await statusOf(post(message))).toBe(403);
  await vi.waitUntil(async () => (await connections()) === 0);
  await vi.waitUntil(() => timers() <= timersBefore);
}

test('an executor whose stream is cut off leaves no connection to its agent, no timer and no entry', async () => {
  const before = timers();
  for (let cut = 1; cut <= CUT_OFFS; cut += 1) {
    const request = subscribe();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => undefined);
    await vi.waitUntil(() => agent.waiting.size === 1, { interval: 1 });
    expect(response.statusCode).toBe(200);
    request.destroy();
    await vi.waitUntil(() => agent.ended.length === cut, { interval: 1 });
  }
  await expectNothingLeft(before);
});

test('nor does one that is cut off before its agent has answered', async () => {
  const before = timers();
  const { promise, resolve } = Promise.withResolvers<void>();
  agent.gate = promise;
  const requests = Array.from({ length: CUT_OFFS }, subscribe);
  await vi.waitUntil(() => agent.opened === CUT_OFFS);
  for (const request of requests) request.destroy();
  await vi.waitUntil(async () => (await connections()) === 0);
  resolve();
  await expectNothingLeft(before);
});
