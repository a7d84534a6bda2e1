// Tests Parley's own HTTP API over a scripted cluster, without a bus: what is asked of the past, of agents, of the leader.
import { gunzipSync } from 'node:zlib';
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { PrincipalName } from '@parley/protocol/ids';
import { ScriptedHistory } from '@parley/replay/scripted-history';
import Fastify, { type FastifyInstance } from 'fastify';
import { beforeEach, expect, test } from 'vitest';
import type { Permission } from '../access/visitor.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { apiRoutes } from './api-routes.ts';
import { AgentShape, FrameworkShape, pageOf, TaskShape } from './shapes.ts';

const framework = aFramework();
let history: ScriptedHistory;
let asked: { kind: string; parameters: unknown; body: unknown }[];
let answered: Outcome<unknown>;

beforeEach(() => {
  history = new ScriptedHistory();
  history.startTerm();
  history.register(anAgentId(), some(8));
  history.subscribe(framework);
  asked = [];
  answered = succeed({});
});

async function serve(...permissions: Permission[]): Promise<FastifyInstance> {
  const call = async (entry: { kind: string }, parameters: unknown, body: unknown) => {
    asked.push({ kind: entry.kind, parameters, body });
    return answered;
  };
  const visitor = { name: 'olga', principal: undefined, permissions: new Set(permissions) };
  const context = {
    access: { visitorOf: async () => succeed(visitor) },
    live: {
      followed: { cluster: 'c', state: history.state, sequence: history.sequence },
      staleMs: () => 0,
      onEvent: () => () => true,
      onReset: () => () => true,
    },
    link: {
      ...{ cluster: 'c', operator: PrincipalName.parse('olga'), call, callLeader: call },
      source: () => history.source,
      streams: async () =>
        succeed([
          { name: 'J', messages: 3, bytes: 300, createdMs: 1, firstSequence: 1, lastSequence: 3 },
        ]),
    },
    members: { masters: () => [], gateways: () => [] },
    logger: { error: () => undefined },
  };
  const server = Fastify();
  // What these routes use of a gateway's context.
  server.register(apiRoutes(context as unknown as GatewayContext));
  await server.ready();
  return server;
}

test('a list at a moment of the past is that of the state then', async () => {
  history.launch(framework, 't1', some(2));
  const { sequence } = history;
  history.launch(framework, 't2', some(1));
  const server = await serve('view');
  const past = (await server.inject(`/v1/tasks?at=${sequence}`)).json();
  expect(past).toMatchObject({ total: 1, moment: { sequence }, items: [{ taskId: 't1' }] });
  expect((await server.inject('/v1/tasks')).json()).toMatchObject({ total: 2 });
  expect((await server.inject('/v1/overview?at=2')).json()).toMatchObject({
    allocated: {},
    frameworks: { subscribed: 0 },
  });
  expect((await server.inject('/v1/agents?at=tomorrow')).statusCode).toBe(400);
  expect((await server.inject('/v1/agents?at=999')).statusCode).toBe(404);
});

test('an exported window has a line for its begin and one for each event', async () => {
  history.launch(framework, 't1', some(2));
  const server = await serve('view');
  const lines = (await server.inject('/v1/export?from=1')).body.trimEnd().split('\n');
  const [head, ...events] = lines.map((line) => JSON.parse(line));
  expect(head).toMatchObject({ format: 'parley-window', view: { moment: { sequence: 1 } } });
  expect(events[0]).toMatchObject({ sequence: 2, event: { type: 'agentRegistered' } });
  const timeline = (await server.inject('/v1/timeline?buckets=3')).json();
  expect(timeline.counts).toHaveLength(3);
});

test('what a task wrote comes as bytes to be kept, whatever it is', async () => {
  history.launch(framework, 't1', some(2));
  answered = succeed({ data: Buffer.from('<script>'), offset: 0, size: 8, ended: true });
  const server = await serve('view');
  const log = await server.inject('/v1/tasks/alice/f1/t1/logs?stream=stderr&offset=-100');
  expect([log.body, log.headers['content-type'], log.headers['x-parley-ended']]).toStrictEqual([
    '<script>',
    'application/octet-stream',
    'true',
  ]);
  expect(log.headers['content-disposition']).toBe('attachment');
  expect(asked).toMatchObject([{ kind: 'agent.logs', body: { stream: 'stderr', offset: -100 } }]);
  expect((await server.inject('/v1/tasks/alice/f1/none/logs')).statusCode).toBe(404);
  expect((await server.inject('/v1/tasks/alice/f1/a.b/logs')).statusCode).toBe(400);
  expect(asked).toHaveLength(1);
});

test('a change takes the permission to operate, and answers with the equal command line', async () => {
  const place = { method: 'POST', url: '/v1/agents/a1/drain' } as const;
  const refused = await (await serve('view')).inject(place);
  expect([refused.statusCode, asked]).toStrictEqual([403, []]);
  const server = await serve('view', 'operate');
  expect((await server.inject(place)).json()).toStrictEqual({ command: 'parley agent drain a1' });
  expect(asked).toMatchObject([{ kind: 'operator.agent', body: { change: 'drain' } }]);
  const body = { role: 'eng', weight: 2000, limit: { cpus: 1500 } };
  const set = await server.inject({ method: 'PUT', url: '/v1/roles', body });
  expect(set.json()).toStrictEqual({
    command: 'parley quota set eng --limit cpus=1.5 && parley weight set eng 2',
  });
});

test('a role is told with what is set for it, what it has and its dominant share', async () => {
  history.launch(framework, 't1', some(2));
  const server = await serve('view');
  const { items } = (await server.inject('/v1/roles')).json();
  const [{ role }] = items;
  expect(items).toMatchObject([
    { weight: 1000, limit: {}, allocated: { cpus: 2000 }, dominantShare: { share: 0.25 } },
  ]);
  const one = await server.inject({ url: '/v1/role', query: { name: role } });
  expect(one.json()).toStrictEqual(items[0]);
  expect((await server.inject('/v1/role?name=none')).statusCode).toBe(404);
  expect((await server.inject('/v1/role?name=a//b')).statusCode).toBe(400);
});

test('the machinery is told as it stands: who leads, the books, how far this gateway is', async () => {
  const server = await serve('view');
  const system = (await server.inject('/v1/system')).json();
  expect(system).toMatchObject({
    ...{ cluster: 'c', snapshot: null, streams: [{ name: 'J', messages: 3 }] },
    gateway: { sequence: history.sequence, behind: 0, staleMs: 0 },
  });
  expect(system.leader).toBe(history.state.record.masterId);
  await history.snapshot();
  history.subscribe(framework);
  expect((await server.inject('/v1/system')).json()).toMatchObject({
    snapshot: { sequence: history.sequence - 1 },
    gateway: { behind: 1 },
  });
});

test('what a list gives is of its shape, field by field', async () => {
  history.launch(framework, 't1', some(2));
  const server = await serve('view');
  for (const [list, shape] of [
    ['agents', AgentShape],
    ['frameworks', FrameworkShape],
    ['tasks', TaskShape],
  ] as const) {
    const body = (await server.inject(`/v1/${list}`)).json();
    expect(body.items).toHaveLength(1);
    expect(pageOf(shape).parse(body)).toStrictEqual(body);
  }
});

test('what the leader refuses is answered with its reason', async () => {
  answered = fail('needsForce', 'more than there is');
  const server = await serve('view', 'operate');
  const body = { role: 'eng', guarantee: { cpus: 9_000_000 } };
  const set = await server.inject({ method: 'PUT', url: '/v1/roles', body });
  expect([set.statusCode, set.json()]).toStrictEqual([409, { error: 'more than there is' }]);
});

test('the document names every path, and the page at /docs shows it without scripts', async () => {
  const server = await serve('view');
  const { paths } = (await server.inject('/openapi.json')).json();
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(['/v1/timeline', '/v1/export.gz', '/v1/roles', '/v1/system']),
  );
  const page = await server.inject('/docs');
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.body).toContain('<h2>PUT /v1/roles</h2>');
  expect((await server.inject('/docs/style.css')).headers['content-type']).toContain('text/css');
  expect((await (await serve()).inject('/docs')).statusCode).toBe(403);
});

test('a window comes compressed for whoever takes it so, and as a compressed file', async () => {
  const server = await serve('view');
  const ask = (url: string, accepted: string) =>
    server.inject({ url, headers: { 'accept-encoding': accepted } });
  const plain = await ask('/v1/export?from=1', 'gzip;q=0, br');
  expect(plain.headers['content-encoding']).toBeUndefined();
  const compressed = await ask('/v1/export?from=1', 'br, gzip;q=0.5');
  expect(compressed.headers['content-encoding']).toBe('gzip');
  const file = await ask('/v1/export.gz?from=1', '');
  expect(file.headers['content-disposition']).toContain('.ndjson.gz"');
  for (const { rawPayload } of [compressed, file])
    expect(gunzipSync(rawPayload).toString()).toBe(plain.body);
});

test('who asks for the head of the live feed is no reader of it', async () => {
  const server = await serve('view');
  expect((await server.inject({ method: 'HEAD', url: '/v1/feed' })).statusCode).toBe(404);
  expect((await server.inject({ method: 'HEAD', url: '/v1/overview' })).statusCode).toBe(200);
});
