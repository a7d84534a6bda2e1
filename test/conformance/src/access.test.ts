// Tests what stands before every call of a framework and of a tool: who is signed in (rows 1 and 13 of Mesos's order), whether
// anybody leads (rows 2 and 3), and that pages of other sites reach neither calls nor the live feed. On real processes.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import path from 'node:path';
import { hashPassword, hashToken, SALT_BYTES } from '@parley/operator-sdk/secret-hash';
import { ClusterFixture, TEST_TIMEOUT_MS, until } from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MesosClient, post } from './mesos-client.ts';
import { modern } from './mesos-words.ts';

const cluster = new ClusterFixture();
let gateway: GatewayFixture;

const JSON_TYPE = { 'Content-Type': 'application/json' };
const bearer = (name: string) => ({ Authorization: `Bearer token-of-${name}` });
const basic = (name: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});
const subscribe = (info: object = modern('signed in')): string =>
  JSON.stringify({ type: 'SUBSCRIBE', subscribe: { framework_info: info } });

/** The bus alone: nobody leads yet. */
beforeAll(async () => {
  await cluster.startServer();
  await cluster.provision();
  const users = path.join(cluster.directory, 'users.json');
  const user = (name: string, permissions: readonly string[], principal?: string) => ({
    ...{ name, permissions, ...(principal !== undefined && { principal }) },
    tokens: [{ name: 'one', sha256: hashToken(`token-of-${name}`) }],
  });
  const all = [
    {
      ...user('ann', ['framework'], 'alice'),
      password: await hashPassword('correct horse', randomBytes(SALT_BYTES)),
    },
    user('ben', ['framework'], 'bob'),
    user('viewer', ['view']),
    user('operator', ['view', 'operate']),
  ];
  writeFileSync(users, JSON.stringify({ users: all }), { mode: 0o600 });
  gateway = await new GatewayFixture(cluster, '--users', users, '--for-agent', 'a1').start();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await gateway?.close();
  await cluster.close();
}, TEST_TIMEOUT_MS);

test('nobody calls without signing in, and is told to whom (before anything else is looked at)', async () => {
  const nobody = await post(gateway.url, undefined, {}, 'GET');
  expect(nobody.status).toBe(401);
  expect(nobody.headers.get('www-authenticate')).toContain('realm="mesos-master-scheduler"');
  const wrong = { ...JSON_TYPE, ...basic('ann', 'wrong horse') };
  expect((await post(gateway.url, subscribe(), wrong)).status).toBe(401);
});

test('who is signed in and is nobody who runs frameworks is refused with 403', async () => {
  for (const name of ['viewer', 'operator']) {
    const headers = { ...JSON_TYPE, ...bearer(name) };
    expect((await post(gateway.url, subscribe(), headers)).status).toBe(403);
  }
});

test(
  'while nobody leads every call is refused with 503, whatever it is; then it is looked at',
  async () => {
    const unled = await post(gateway.url, subscribe(), { ...JSON_TYPE, ...bearer('ann') });
    expect([unled.status, unled.body]).toStrictEqual([503, 'No leader elected']);
    expect((await post(gateway.url, undefined, bearer('ann'), 'GET')).status).toBe(503);
    expect((await post(gateway.url, '{', bearer('ann'))).status).toBe(503);
    cluster.service('master-1').start();
    await cluster.service('master-1').says('"msg":"term begins"');
    await until(
      async () => (await post(gateway.url, undefined, bearer('ann'), 'GET')).status === 405,
      () => 'the gateway has heard of the leader',
    );
  },
  TEST_TIMEOUT_MS,
);

test(
  'a framework signs in by name and password or by a token, and is of the principal of who signed in',
  async () => {
    const { url } = gateway;
    const headers = basic('ann', 'correct horse');
    const client = await (
      await MesosClient.subscribe(url, modern('ann’s'), { headers })
    ).subscribed();
    expect(client.frameworkId).toMatch(/^alice\./);
    expect((await client.call({ type: 'REVIVE' })).status).toBe(401);
    expect((await client.call({ type: 'REVIVE' }, bearer('ann'))).status).toBe(202);

    const named = await post(url, subscribe(modern('x', { principal: 'bob' })), {
      ...{ ...JSON_TYPE, ...bearer('ann') },
    });
    expect([named.status, named.body]).toStrictEqual([
      400,
      expect.stringContaining("does not match principal 'bob'"),
    ]);
    const foreign = await client.call({ type: 'TEARDOWN' }, bearer('ben'));
    expect([foreign.status, foreign.body]).toStrictEqual([
      400,
      "Authenticated principal 'bob' does not own the framework",
    ]);
    expect(client.isEnded).toBe(false);

    expect((await client.call({ type: 'TEARDOWN' }, bearer('ann'))).status).toBe(202);
    await client.ended();
  },
  TEST_TIMEOUT_MS,
);

test('who may look may not run a command beside a task, nor bring it input', async () => {
  const at = `${gateway.url}/slave(1)/api/v1`;
  const ask = async (name: string, call: object) => {
    const headers = { ...JSON_TYPE, ...bearer(name) };
    return (
      await fetch(`${gateway.url}/api/v1`, { method: 'POST', headers, body: JSON.stringify(call) })
    ).status;
  };
  const container_id = { value: 'x', parent: { value: 'alice.f.t' } };
  const launch = {
    type: 'LAUNCH_NESTED_CONTAINER_SESSION',
    launch_nested_container_session: { container_id, command: { value: 'true' } },
  };
  expect(await ask('viewer', { type: 'GET_HEALTH' })).toBe(200);
  expect(await ask('viewer', launch)).toBe(403);
  expect(await ask('operator', launch)).toBe(404);
  expect(await ask('ann', { type: 'GET_HEALTH' })).toBe(403);
  const records = {
    'Content-Type': 'application/recordio',
    'Message-Content-Type': 'application/json',
  };
  const input = await fetch(`${gateway.url}/api/v1`, {
    ...{ method: 'POST', headers: { ...records, ...bearer('viewer') }, body: Buffer.from('2\n{}') },
  });
  expect(input.status).toBe(403);
  const nobody = await fetch(at, {
    method: 'POST',
    headers: JSON_TYPE,
    body: '{"type":"GET_HEALTH"}',
  });
  expect(nobody.status).toBe(401);
});

/** The answer to a request to upgrade; its status is 101 where it was. */
function upgrade(headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
  const request = http.request(`${gateway.url}/v1/stream`, {
    headers: {
      ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
      ...{ 'Sec-WebSocket-Key': Buffer.from('sixteen bytes ok').toString('base64') },
      ...headers,
    },
  });
  return new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => resolve(response.resume()));
    request.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response);
    });
    request.end();
  });
}

test('a WebSocket of a page of another site is refused, and so is one of nobody', async () => {
  const statusOf = async (asked: Readonly<Record<string, string>>) => {
    const { statusCode, headers } = await upgrade(asked);
    // Nobody would read the connection any more.
    if (statusCode !== 101) expect(headers.connection).toBe('close');
    return statusCode;
  };
  const own = { Origin: gateway.url };
  expect(await statusOf({ ...own, ...bearer('viewer') })).toBe(101);
  expect(await statusOf(bearer('viewer'))).toBe(101);
  for (const Origin of ['https://evil.example', 'null', `${gateway.url}0`]) {
    expect(await statusOf({ Origin, ...bearer('viewer') })).toBe(403);
  }
  expect(await statusOf({ 'Sec-Fetch-Site': 'cross-site', ...bearer('viewer') })).toBe(403);
  expect(await statusOf({ Host: 'rebound.example', ...bearer('viewer') })).toBe(421);
  expect(await statusOf(own)).toBe(401);
  expect(await statusOf({ ...own, ...bearer('ann') })).toBe(403);
});

test('a page of another site calls nothing, though whoever reads it is signed in', async () => {
  const headers = { ...JSON_TYPE, ...bearer('ann'), Origin: 'https://evil.example' };
  expect((await post(gateway.url, subscribe(), headers)).status).toBe(403);
});
