// Tests the registry of a service and the small server that tells it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { familyOf, METRIC_NAMES } from './metric-families.ts';
import { Metrics } from './metrics.ts';
import { type MetricsServer, readMetricsOptions, serveMetrics } from './metrics-server.ts';

let server: MetricsServer | undefined;
afterEach(async () => await server?.close());

test('names say what Prometheus wants of them', () => {
  for (const name of METRIC_NAMES) {
    const { type, services, help } = familyOf(name);
    expect(name).toMatch(/^parley_(master|allocator|agent|gateway|cluster|framework)_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/);
    expect(services.length).toBeGreaterThan(0);
    expect(help).not.toMatch(/\.$/);
  }
});

test('a service has its own families and no others, and what is counted elsewhere is nothing here', async () => {
  const metrics = new Metrics('agent');
  metrics.count('parley_agent_launches_total');
  metrics.count('parley_allocator_facts_total');
  metrics.observe('parley_agent_launch_seconds', 0.2);
  const text = await metrics.text();
  expect(text).toContain('\nparley_agent_launches_total 1\n');
  expect(text).toContain('\nparley_agent_launch_seconds_bucket{le="0.25"} 1\n');
  expect(text).not.toContain('parley_allocator');
});

test('gauges are read when somebody asks, and what is not known is left out', async () => {
  const metrics = new Metrics('agent');
  let isConnected: number | undefined = 1;
  let states: [{ state: string }, number][] | undefined = [[{ state: 'running' }, 2]];
  metrics.gauge('parley_agent_connected', () => isConnected);
  metrics.gauge('parley_agent_tasks', () => states);
  expect(await metrics.text()).toContain('parley_agent_connected 1\n');
  expect(await metrics.text()).toContain('parley_agent_tasks{state="running"} 2\n');
  isConnected = undefined;
  states = undefined;
  const text = await metrics.text();
  expect(text).not.toMatch(/^parley_agent_(connected|tasks)/m);
});

describe('where it is told', () => {
  test.each(['9050', '127.0.0.1', '127.0.0.1:99999', '0.0.0.0:9050', 'localhost:9050'])(
    '%s is refused without a token',
    (metrics) => {
      expect(readMetricsOptions({ metrics })).toMatchObject({ failure: { code: 'malformed' } });
    },
  );

  test('a token of a file lets it be told to other hosts, if it is long enough', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'token-'));
    const file = path.join(directory, 'token');
    writeFileSync(file, 'short\n');
    const options = { metrics: '0.0.0.0:9050', 'metrics-token': file };
    expect(readMetricsOptions(options).ok).toBe(false);
    writeFileSync(file, 'sixteen-or-more-letters\n');
    expect(readMetricsOptions(options)).toMatchObject({
      value: { host: '0.0.0.0', port: 9050, token: 'sixteen-or-more-letters' },
    });
    rmSync(directory, { recursive: true });
  });

  test('nowhere, unless somebody asks for it', () => {
    expect(readMetricsOptions({})).toStrictEqual({ ok: true, value: undefined });
  });
});

async function open(ready = true): Promise<(place: string, host?: string) => Promise<number>> {
  const place = { host: '127.0.0.1', port: 0, token: undefined };
  const parts = { metrics: new Metrics('agent'), readiness: () => ({ ready }) };
  const opened = await serveMetrics(place, parts);
  if (!opened.ok) throw new Error(opened.failure.message);
  server = opened.value;
  const { url } = opened.value;
  return async (target, host = '127.0.0.1') => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const asked = request(`${url}${target}`, { headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on('error', reject).end();
    return await promise;
  };
}

test('it answers three paths, and to addresses only', async () => {
  const ask = await open();
  expect(await ask('/metrics')).toBe(200);
  expect(await ask('/healthz')).toBe(200);
  expect(await ask('/readyz')).toBe(200);
  expect(await ask('/')).toBe(404);
  expect(await ask('/metrics', 'evil.example')).toBe(421);
});

test('one that is not ready says so, and lives', async () => {
  const ask = await open(false);
  expect([await ask('/readyz'), await ask('/healthz')]).toEqual([503, 200]);
});
