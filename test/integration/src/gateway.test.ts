// Tests the gateway's process: what it says of itself, and what it does when the cluster goes and comes back.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterFixture, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { GatewayFixture } from './gateway-fixture.ts';

let cluster: ClusterFixture;
let gateway: GatewayFixture;

beforeAll(async () => {
  cluster = new ClusterFixture();
  await cluster.startServer();
  await cluster.provision();
  cluster.service('master-1').start();
  await cluster.service('master-1').says('"msg":"term begins"');
  gateway = new GatewayFixture(cluster);
  await gateway.start();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await gateway.close();
  await cluster.close();
});

async function get(place: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${gateway.url}${place}`);
  return { status: answer.status, body: await answer.json() };
}

test('a gateway is ready once it follows the books of a cluster that is led', async () => {
  await until(
    async () => (await get('/readyz')).status === 200,
    () => `the gateway is ready: ${gateway.process.output.slice(-2000)}`,
  );
  const { body } = await get('/readyz');
  expect(body).toMatchObject({ ready: true, leader: 'master-1', staleMs: 0 });
  expect(await get('/healthz/')).toStrictEqual({ status: 200, body: { alive: true } });
});

test(
  'it says how old its knowledge is while the bus is away, and is ready again after it',
  async () => {
    await cluster.killServer();
    await until(
      async () => (await get('/readyz')).status === 503,
      () => 'the gateway says that it does not know any more',
    );
    expect((await get('/healthz')).status).toBe(200);
    await cluster.startServer();
    await until(
      async () => (await get('/readyz')).status === 200,
      () => `the gateway is ready again: ${gateway.process.output.slice(-2000)}`,
    );
  },
  TEST_TIMEOUT_MS,
);

test('asked to stop it leaves with 0, and another takes its place on the same port', async () => {
  const { url } = gateway;
  expect(await gateway.process.end('SIGTERM')).toBe(0);
  await gateway.start();
  expect(gateway.url).toBe(url);
  expect((await get('/healthz')).status).toBe(200);
});

test('one that cannot listen where it was told to leaves with 1, and whoever started it can see that', async () => {
  const other = new GatewayFixture(cluster);
  other.process.start('--listen', new URL(gateway.url).host);
  await other.process.says('"msg":"cannot go on"');
  await until(
    () => !other.process.isRunning,
    () => 'it has ended',
  );
  expect(await other.process.end('SIGTERM')).toBe(1);
});
