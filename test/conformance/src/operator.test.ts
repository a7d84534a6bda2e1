// Tests the pages that Mesos's tools poll and the operator interface against a real cluster behind a real gateway: each
// once, in both encodings, and what a subscriber sees of a task that comes and goes.
import { ClusterFixture, TEST_TIMEOUT_MS, until } from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MesosClient } from './mesos-client.ts';
import { OperatorClient, type OperatorStream } from './operator-client.ts';

let cluster: ClusterFixture;
let gateway: GatewayFixture;
let framework: MesosClient;
const streams: OperatorStream[] = [];
const ids = { framework: '', task: 'one.task:1', agent: '' };

const scalar = (name: string, value: number) =>
  ({ name, type: 'SCALAR', scalar: { value } }) as const;

/** A framework whose task runs until its gate is open, seen from its beginning on by two subscribers. */
beforeAll(async () => {
  cluster = new ClusterFixture();
  await cluster.start();
  gateway = await new GatewayFixture(cluster, '--default-principal', 'alice').start();
  for (const encoding of ['json', 'protobuf'] as const) {
    streams.push(await new OperatorClient(gateway.url, encoding).subscribe());
  }
  framework = await MesosClient.subscribe(gateway.url, {
    ...{ user: 'nobody', name: 'seen', roles: ['web'], failover_timeout: 3600 },
    capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }],
  });
  await framework.subscribed();
  ids.framework = framework.frameworkId;
  const offer = await framework.offer();
  ids.agent = offer.agent_id.value;
  const task = {
    ...{ name: 'seen', task_id: { value: ids.task }, agent_id: offer.agent_id },
    resources: [scalar('cpus', 0.5), scalar('mem', 32)],
    command: { value: `echo hello from the task; ${cluster.waitAt('gate')}` },
  };
  await framework.call({
    type: 'ACCEPT',
    accept: {
      offer_ids: [offer.id],
      operations: [{ type: 'LAUNCH', launch: { task_infos: [task] } }],
      filters: { refuse_seconds: 0 },
    },
  });
  await framework.follow(ids.task, 'TASK_RUNNING');
  await until(
    async () => (await read('/tasks?limit=1')).tasks[0]?.state === 'TASK_RUNNING',
    () => 'the gateway has read that the task runs',
  );
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  for (const stream of streams) stream.close();
  await gateway?.close();
  await cluster.close();
});

async function read(path: string) {
  const answer = await fetch(`${gateway.url}${path}`);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return JSON.parse(await answer.text());
}

const post = (path: string, body: string, method = 'POST') =>
  fetch(`${gateway.url}${path}`, {
    method,
    body,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });

describe('a page', () => {
  test.each([
    ['/version', { version: '1.11.0' }],
    ['/master/state', { activated_slaves: 2, cluster: 'whole', frameworks: [{ name: 'seen' }] }],
    ['/state-summary', { frameworks: [{ TASK_RUNNING: 1 }] }],
    ['/master/frameworks/', { frameworks: [{ tasks: [{ id: 'one.task:1' }] }] }],
    ['/slaves', { slaves: [{ active: true }, { active: true }], recovered_slaves: [] }],
    ['/tasks?task_id=one.task:1', { tasks: [{ state: 'TASK_RUNNING' }] }],
    ['/roles', { roles: expect.arrayContaining([expect.objectContaining({ name: 'web' })]) }],
    ['/metrics/snapshot', { 'master/tasks_running': 1, 'master/cpus_used': 0.5 }],
    ['/flags', { flags: { cluster: 'whole' } }],
    ['/weights', []],
    ['/quota', { infos: [] }],
    ['/maintenance/schedule', { windows: [] }],
    ['/maintenance/status', { draining_machines: [], down_machines: [] }],
  ])('%s is as tools expect it', async (path, page) => {
    expect(await read(path)).toMatchObject(page);
  });

  test('says of which entry of the journal it is, and how old', async () => {
    const { headers } = await fetch(`${gateway.url}/state`);
    expect(Number(headers.get('parley-journal-sequence'))).toBeGreaterThan(0);
    expect(headers.get('parley-stale-ms')).toBe('0');
    expect(headers.get('warning')).toBeNull();
  });

  test('is a script for a page that asks with jsonp', async () => {
    const answer = await fetch(`${gateway.url}/master/state?jsonp=cb`);
    expect(answer.headers.get('content-type')).toContain('application/javascript');
    expect(await answer.text()).toMatch(/^cb\(\{.*\}\);$/s);
  });

  test('/health says by its status alone that somebody is there, under the aliases too', async () => {
    for (const path of ['/health', '/master/health', '/health/']) {
      const answer = await fetch(`${gateway.url}${path}`);
      expect([path, answer.status, await answer.text()]).toStrictEqual([path, 200, '']);
    }
  });

  test('/redirect leads to this gateway, which stands for the leader', async () => {
    const answer = await fetch(`${gateway.url}/redirect`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toStrictEqual([
      307,
      `//${new URL(gateway.url).host}`,
    ]);
  });
});

test('the sandbox of a task is listed, read and downloaded', async () => {
  const task = encodeURIComponent(ids.task);
  const sandbox = `/slaves/${ids.agent}/frameworks/${ids.framework}/executors/${task}/runs/latest`;
  const place = encodeURIComponent(decodeURIComponent(sandbox));
  const listed = await read(`/slave(1)/files/browse?path=${place}`);
  const output = listed.find(({ path }: { path: string }) => path.endsWith('/stdout'));
  expect(output).toMatchObject({ mode: expect.stringMatching(/^-rw/), size: 20 });
  const file = encodeURIComponent(output.path);
  expect(await read(`/files/read?path=${file}&offset=6&length=4`)).toStrictEqual({
    data: 'from',
    offset: 6,
  });
  const whole = await fetch(`${gateway.url}/files/download?path=${file}`);
  expect(await whole.text()).toBe('hello from the task\n');
  expect((await fetch(`${gateway.url}/files/read?path=/etc/passwd`)).status).toBe(404);
  const outside = encodeURIComponent(`${decodeURIComponent(sandbox)}/../../x`);
  expect((await fetch(`${gateway.url}/files/read?path=${outside}`)).status).toBe(404);
});

describe.each(['json', 'protobuf'] as const)('an operator who speaks %s', (encoding) => {
  const ask: OperatorClient['ask'] = (...call) =>
    new OperatorClient(gateway.url, encoding).ask(...call);
  const agent = () => ({ agent_id: { value: ids.agent } });

  test('is answered to each question', async () => {
    for (const type of QUESTIONS) {
      const { status, value } = await ask({ type });
      expect([type, status, value?.type]).toStrictEqual([type, 200, type]);
    }
    const state = await ask({ type: 'GET_STATE' }, '/master/api/v1/operator');
    expect(state.value?.get_state?.get_tasks?.tasks).toMatchObject([
      { task_id: { value: ids.task }, state: 'TASK_RUNNING' },
    ]);
  });

  test('changes weights, quota, reservations and volumes, and takes them back', async () => {
    const role = `ops-${encoding}`;
    const weights = { weight_infos: [{ role, weight: 2.5 }] };
    expect(await ask({ type: 'UPDATE_WEIGHTS', update_weights: weights })).toMatchObject({
      status: 200,
      value: undefined,
    });
    const quota_configs = [{ role, limits: { cpus: { value: 3 } } }];
    const quota = await ask({ type: 'UPDATE_QUOTA', update_quota: { quota_configs } });
    expect(quota.status).toBe(200);
    const reservations = [{ type: 'DYNAMIC', role }] as const;
    const resources = [{ ...scalar('disk', 50), reservations: [...reservations] }];
    const disk = {
      persistence: { id: 'v1' },
      volume: { container_path: 'v1', mode: 'RW' as const },
    };
    const volumes = [{ ...scalar('disk', 10), reservations: [...reservations], disk }];
    const on = { ...agent(), resources };
    const steps = [
      await ask({ type: 'RESERVE_RESOURCES', reserve_resources: on }),
      await ask({ type: 'CREATE_VOLUMES', create_volumes: { ...agent(), volumes } }),
      await ask({ type: 'DESTROY_VOLUMES', destroy_volumes: { ...agent(), volumes } }),
      await ask({ type: 'UNRESERVE_RESOURCES', unreserve_resources: on }),
    ];
    expect(steps.map(({ status, text }) => [status, text])).toStrictEqual(
      steps.map(() => [202, '']),
    );
    const removed = await ask({ type: 'REMOVE_QUOTA', remove_quota: { role } });
    expect(removed.status).toBe(200);
  });

  test('takes an agent out of the offers and back, and plans maintenance', async () => {
    const deactivate = { type: 'DEACTIVATE_AGENT', deactivate_agent: agent() } as const;
    expect((await ask(deactivate)).status).toBe(200);
    const reactivate = { type: 'REACTIVATE_AGENT', reactivate_agent: agent() } as const;
    expect((await ask(reactivate)).status).toBe(200);
    const { value } = await ask({ type: 'GET_AGENTS' });
    const found = value?.get_agents?.agents?.find(
      ({ agent_info }) => agent_info.id?.value === ids.agent,
    );
    const hour = 3_600_000_000_000n;
    const start = { nanoseconds: BigInt(Date.now()) * 1_000_000n + 24n * hour };
    const windows = [
      {
        machine_ids: [{ hostname: String(found?.agent_info.hostname) }],
        unavailability: { start, duration: { nanoseconds: hour } },
      },
    ];
    const plan = (schedule: object) =>
      ask({ type: 'UPDATE_MAINTENANCE_SCHEDULE', update_maintenance_schedule: { schedule } });
    expect(await plan({ windows })).toMatchObject({ status: 200, text: '' });
    await until(
      async () => (await read('/maintenance/schedule')).windows.length === 1,
      () => 'the window is in the schedule',
    );
    expect(await plan({ windows: [] })).toMatchObject({ status: 200, text: '' });
    await until(
      async () => (await read('/maintenance/schedule')).windows.length === 0,
      () => 'the schedule is empty again',
    );
  });

  test('is refused in a sentence, with Mesos’s codes', async () => {
    const nobody = { agent_id: { value: 'nobody' } };
    expect(await ask({ type: 'MARK_AGENT_GONE', mark_agent_gone: nobody })).toMatchObject({
      status: 404,
    });
    const framework_id = { value: 'no framework' };
    const torn = await ask({ type: 'TEARDOWN', teardown: { framework_id } });
    expect(torn).toMatchObject({ status: 400, text: expect.stringContaining('framework_id') });
    expect((await ask({})).status).toBe(400);
  });
});

const QUESTIONS = [
  'GET_HEALTH',
  'GET_FLAGS',
  'GET_VERSION',
  'GET_METRICS',
  'GET_LOGGING_LEVEL',
  'GET_STATE',
  'GET_AGENTS',
  'GET_FRAMEWORKS',
  'GET_EXECUTORS',
  'GET_OPERATIONS',
  'GET_TASKS',
  'GET_ROLES',
  'GET_WEIGHTS',
  'GET_MASTER',
  'GET_QUOTA',
  'GET_MAINTENANCE_STATUS',
  'GET_MAINTENANCE_SCHEDULE',
] as const;

test('what is no call is refused before anything is done', async () => {
  const at = `${gateway.url}/api/v1`;
  const json = { 'Content-Type': 'application/json' };
  const get = await fetch(at);
  expect([get.status, get.headers.get('allow')]).toStrictEqual([405, 'POST']);
  const statusOf = async (body: string, headers: Record<string, string>) =>
    (await fetch(at, { method: 'POST', body, headers })).status;
  expect(await statusOf('{}', { 'Content-Type': 'text/plain' })).toBe(415);
  expect(await statusOf('{', json)).toBe(400);
  expect(await statusOf('{"type":"GET_HEALTH"}', { ...json, Accept: 'text/html' })).toBe(406);
  expect(await statusOf('{"type":"UNKNOWN"}', json)).toBe(501);
});

test('the forms of old do the same', async () => {
  const hosts = JSON.stringify([{ hostname: 'nobody.example' }]);
  expect((await post('/machine/down', hosts)).status).toBe(400);
  const resources = [{ ...scalar('cpus', 1), role: 'forms', reservation: {} }];
  const form = new URLSearchParams({
    slaveId: ids.agent,
    resources: JSON.stringify(resources),
  }).toString();
  expect((await post('/reserve', form)).status).toBe(202);
  expect((await post('/unreserve', form)).status).toBe(202);
  const quota = { role: 'forms', guarantee: [scalar('cpus', 0.5)] };
  expect((await post('/quota', JSON.stringify(quota))).status).toBe(200);
  expect((await post('/quota/forms', '', 'DELETE')).status).toBe(200);
  const weights = JSON.stringify([{ role: 'forms', weight: 3 }]);
  expect((await post('/weights', weights, 'PUT')).status).toBe(200);
  expect((await post('/reserve', 'slaveId=a1&resources=x')).status).toBe(400);
});

test(
  'a subscriber sees the state first, then a task come and go, then its framework',
  async () => {
    cluster.open();
    await framework.follow(ids.task, 'TASK_FINISHED');
    const teardown = `frameworkId=${ids.framework}`;
    expect((await post('/teardown', teardown)).status).toBe(200);
    for (const stream of streams) {
      const types = () => stream.events.map(({ type }) => type);
      await until(
        () => types().includes('FRAMEWORK_REMOVED'),
        () => `the subscriber is told of all; it was told ${types().join(', ')}`,
      );
      const [first] = stream.events;
      expect(first).toMatchObject({
        type: 'SUBSCRIBED',
        subscribed: { heartbeat_interval_seconds: 15, get_state: { get_agents: {} } },
      });
      const told = types().filter((type) => type !== 'HEARTBEAT');
      expect(told).toContain('FRAMEWORK_ADDED');
      expect(told.indexOf('TASK_ADDED')).toBeGreaterThan(told.indexOf('FRAMEWORK_ADDED'));
      const states = stream.events.flatMap(({ task_updated }) => task_updated?.status.state ?? []);
      expect(states).toContain('TASK_RUNNING');
      expect(states.at(-1)).toBe('TASK_FINISHED');
      expect(Math.max(...stream.recordsOfChunks)).toBe(1);
    }
  },
  TEST_TIMEOUT_MS,
);
