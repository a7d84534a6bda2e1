// Tests what each service tells Prometheus, on real processes: all families of the table, with what really happened.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { familyOf, METRIC_NAMES, type MetricService } from '@parley/telemetry/metric-families';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ClusterFixture, type ServiceId, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { GatewayFixture } from './gateway-fixture.ts';
import { complaintsOf, type Family, parseMetrics } from './metric-text.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const TOKEN = 'a-token-of-sixteen-or-more';
const cluster = new ClusterFixture();
let gateway: GatewayFixture;
let framework: QueueFramework;
const urls = new Map<string, string>();
const told = new Map<MetricService, Map<string, Family>>();

beforeAll(async () => {
  await cluster.startServer();
  await cluster.provision();
  const tokenFile = path.join(cluster.directory, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const options = ['--metrics', '127.0.0.1:0'];
  const start = async (id: ServiceId, ...more: string[]): Promise<void> => {
    const service = cluster.service(id).start(...options, ...more);
    await service.says('"msg":"metrics are told"');
    urls.set(id, String(service.line('"msg":"metrics are told"')['url']));
  };
  await start('master-1', '--metrics-token', tokenFile);
  await start('allocator-1');
  await start('a1');
  await cluster.service('a1').says('"msg":"registered"');
  gateway = await new GatewayFixture(cluster).start();
  urls.set('gateway', gateway.url);
  framework = await new QueueFramework().connect(cluster, 'alice', 'metrics');
  framework.add([cluster.scriptTask('t1', 'true'), cluster.task('t2')]);
  await until(
    () => framework.inState('finished').length === 1 && framework.inState('running').length === 1,
    () => `one task ends and one runs: ${JSON.stringify(framework.updates)}`,
  );
  await look('master', 'master-1', TOKEN);
  await look('allocator', 'allocator-1');
  await look('agent', 'a1');
  await look('gateway', 'gateway');
});
afterAll(async () => {
  await framework?.scheduler.close();
  await gateway?.close();
  await cluster.close();
});

async function look(service: MetricService, id: string, token?: string): Promise<void> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(`${urls.get(id)}/metrics`, { headers });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  told.set(service, parseMetrics(await answer.text()));
}

function amountOf(service: MetricService, name: string, labels: object = {}): number | undefined {
  const samples = told.get(service)?.get(name)?.samples ?? [];
  const wanted = Object.entries(labels);
  return samples.find((one) => wanted.every(([label, value]) => one.labels[label] === value))
    ?.value;
}
const countOf = (service: MetricService, name: string): number | undefined =>
  told
    .get(service)
    ?.get(name)
    ?.samples.find((one) => one.name === `${name}_count`)?.value;

describe.each(['master', 'allocator', 'agent', 'gateway'] as const)('%s', (service) => {
  test('tells all of its families of the table, as the format wants them', () => {
    const families = told.get(service) ?? new Map<string, Family>();
    // Node's own come from the library, which calls some gauges by names of counters.
    const ours = new Map([...families].filter(([name]) => name.startsWith('parley_')));
    expect(complaintsOf(ours)).toEqual([]);
    const own = METRIC_NAMES.filter((name) => familyOf(name).services.includes(service));
    for (const name of own) expect(ours.get(name)?.type).toBe(familyOf(name).type);
    expect([...ours.keys()].sort()).toEqual(own.sort());
    expect(families.has('process_cpu_seconds_total')).toBe(true);
  });
});

test('the master tells of its term, the journal, offers and tasks', () => {
  expect(amountOf('master', 'parley_master_leader')).toBe(1);
  expect(amountOf('master', 'parley_master_journal_sequence')).toBeGreaterThan(3);
  expect(amountOf('master', 'parley_master_inputs_total', { kind: 'call' })).toBeGreaterThan(2);
  const committed = { outcome: 'committed' };
  const appends = amountOf('master', 'parley_master_journal_appends_total', committed);
  expect(appends).toBeGreaterThan(3);
  expect(countOf('master', 'parley_master_journal_append_seconds')).toBe(appends);
  const changes = 'parley_master_task_changes_total';
  expect(amountOf('master', 'parley_master_offers_total', { outcome: 'accepted' })).toBeGreaterThan(
    0,
  );
  expect(amountOf('master', changes, { state: 'finished' })).toBe(1);
  expect(amountOf('master', 'parley_cluster_tasks', { state: 'running' })).toBe(1);
  expect(amountOf('master', 'parley_cluster_agents', { state: 'registered' })).toBe(1);
  expect(amountOf('master', 'parley_cluster_capacity', { resource: 'cpus' })).toBe(4);
  expect(amountOf('master', 'parley_cluster_allocated', { resource: 'cpus' })).toBe(0.4);
});

test('the allocator tells of its runs and proposals', () => {
  expect(amountOf('allocator', 'parley_allocator_leader')).toBe(1);
  expect(amountOf('allocator', 'parley_allocator_in_step')).toBe(1);
  expect(countOf('allocator', 'parley_allocator_run_seconds')).toBeGreaterThan(0);
  expect(amountOf('allocator', 'parley_allocator_proposals_total')).toBeGreaterThan(0);
});

test('the agent tells of launches and of its tasks', () => {
  expect(amountOf('agent', 'parley_agent_connected')).toBe(1);
  expect(amountOf('agent', 'parley_agent_launches_total')).toBe(2);
  expect(countOf('agent', 'parley_agent_launch_seconds')).toBe(2);
  expect(amountOf('agent', 'parley_agent_tasks_ended_total', { state: 'finished' })).toBe(1);
  expect(amountOf('agent', 'parley_agent_tasks', { state: 'running' })).toBe(1);
});

test('the gateway tells of shares, of its knowledge, and of requests by route', async () => {
  const labels = { principal: 'alice', framework: 'metrics', resource: 'cpus' };
  await until(
    async () => {
      await look('gateway', 'gateway');
      return amountOf('gateway', 'parley_framework_dominant_share', labels) === 0.1;
    },
    () => `the share of the one task: ${JSON.stringify([...(told.get('gateway') ?? [])])}`,
  );
  expect(amountOf('gateway', 'parley_gateway_staleness_seconds')).toBe(0);
  const route = { route: '/metrics', status: '200' };
  expect(amountOf('gateway', 'parley_gateway_requests_total', route)).toBeGreaterThan(0);
});

test('a service with a token tells nobody else, and everybody whether it is ready', async () => {
  const url = urls.get('master-1');
  for (const headers of [{}, { authorization: 'Bearer another-token-of-that-length' }]) {
    expect((await fetch(`${url}/metrics`, { headers })).status).toBe(401);
  }
  expect(await (await fetch(`${url}/healthz`)).json()).toStrictEqual({ alive: true });
  for (const id of ['master-1', 'allocator-1', 'a1']) {
    const answer = await fetch(`${urls.get(id)}/readyz`);
    expect([answer.status, await answer.json()]).toMatchObject([200, { ready: true }]);
  }
});

test('a master that stands by tells nothing of the cluster, which the leader tells', async () => {
  const service = cluster.service('master-2').start('--metrics', '127.0.0.1:0');
  await service.says('"msg":"stands by"');
  const url = String(service.line('"msg":"metrics are told"')['url']);
  const families = parseMetrics(await (await fetch(`${url}/metrics`)).text());
  expect(families.get('parley_master_leader')?.samples).toMatchObject([{ value: 0 }]);
  expect(families.get('parley_cluster_agents')?.samples).toEqual([]);
  expect(families.get('parley_cluster_outstanding_offers')?.samples).toEqual([]);
});
