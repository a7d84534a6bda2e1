// Tests the small pages for Mesos's tools, and what keeps the large ones.
import { aFramework, anAgentId } from '@parley/cluster/scripted-cluster';
import { expect, test } from 'vitest';
import { agentAnswer, agentNumber } from './agent-model.ts';
import { agentOfNumber, agentStatePage } from './agent-state-page.ts';
import { CachedPage } from './cached-page.ts';
import { durationText, flagsOf } from './flags-page.ts';
import { frameworkAnswer } from './framework-model.ts';
import { frameworkOfMesosId, mesosFrameworkId } from './mesos-ids.ts';
import { metricsOf } from './metrics-page.ts';
import {
  maintenanceSchedule,
  maintenanceStatus,
  quotaStatus,
  rolesAnswer,
  rolesPage,
  weights,
} from './role-model.ts';
import { aBusyCluster, modelOf, olga } from './scripted-model.ts';
import { taskAnswer } from './task-model.ts';
import { readTasksQuery, tasksPage } from './tasks-page.ts';

const model = modelOf(aBusyCluster().state);

test('the id of a framework holds its principal, and is read back', () => {
  const framework = aFramework('f1', 'alice');
  expect(frameworkOfMesosId(mesosFrameworkId(framework))).toStrictEqual(framework);
  for (const other of ['alice', 'alice.f1.x', '.f1', 'alice.', 'a b.c', '']) {
    expect(frameworkOfMesosId(other)).toBeUndefined();
  }
});

test('/metrics/snapshot tells under Mesos’s names', () => {
  const metrics = metricsOf(model, model.startedMs + 5000);
  expect(metrics).toMatchObject({
    'master/elected': 1,
    'master/uptime_secs': 5,
    'master/cpus_total': 12,
    'master/cpus_used': 2,
    'master/cpus_percent': 2 / 12,
    'master/mem_total': 1536,
    'master/slaves_active': 1,
    'master/slaves_inactive': 1,
    'master/slaves_connected': 2,
    'master/slaves_unreachable': 1,
    'master/frameworks_active': 1,
    'master/frameworks_inactive': 0,
    'master/outstanding_offers': 1,
    'master/tasks_running': 1,
    'master/tasks_staging': 0,
    'master/tasks_failed': 1,
    'master/tasks_lost': 0,
    'master/frameworks/f1.alice.f1/offers/sent': 3,
    'master/frameworks/f1.alice.f1/offers/accepted': 2,
    'master/frameworks/f1.alice.f1/tasks/terminal/task_failed': 1,
    'allocator/mesos/quota/roles/eng/resources/cpus/guarantee': 1,
    'allocator/mesos/quota/roles/eng/resources/cpus/limit': 6,
    'allocator/mesos/quota/roles/eng/resources/cpus/offered_or_allocated': 3,
  });
  expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
});

test('/roles tells weight, quota and who is in it', () => {
  const eng = rolesPage(model).roles.find(({ name }) => name === 'eng');
  expect(eng).toMatchObject({
    weight: 2,
    frameworks: ['alice.f1'],
    allocated: { cpus: 2, mem: 64 },
    offered: { cpus: 1 },
    reserved: { cpus: 1, disk: 100 },
    quota: { role: 'eng', guarantee: { cpus: 1 }, limit: { cpus: 6 }, consumed: { cpus: 3 } },
  });
  expect(rolesAnswer(model).roles).toContainEqual(
    expect.objectContaining({ name: 'eng', weight: 2, frameworks: [{ value: 'alice.f1' }] }),
  );
  expect(weights(model)).toStrictEqual([{ role: 'eng', weight: 2 }]);
  expect(quotaStatus(model)).toMatchObject({
    infos: [{ role: 'eng', guarantee: [{ name: 'cpus', scalar: { value: 1 } }] }],
    configs: [{ role: 'eng', guarantees: { cpus: { value: 1 } }, limits: { cpus: { value: 6 } } }],
  });
});

test('windows of maintenance are told by the hosts of their agents', () => {
  const cluster = aBusyCluster();
  const window = { windowId: 'w', agents: ['a1'], durationMs: 3_600_000, noticeMs: 0 };
  const startMs = 1_700_000_000_000 + cluster.nowMs + 10_000;
  cluster.call(olga, {
    verb: 'operatorMaintenance',
    body: { change: 'schedule', window: { ...window, startWallTimeMs: startMs } },
  });
  expect(maintenanceSchedule(modelOf(cluster.state))).toStrictEqual({
    windows: [
      {
        machine_ids: [{ hostname: 'a1.example' }],
        unavailability: {
          start: { nanoseconds: BigInt(startMs) * 1_000_000n },
          duration: { nanoseconds: 3_600_000_000_000n },
        },
      },
    ],
  });
  expect(maintenanceStatus(modelOf(cluster.state))).toMatchObject({
    draining_machines: [{ id: { hostname: 'a1.example' } }],
    down_machines: [],
  });
  cluster.call(olga, { verb: 'operatorMaintenance', body: { change: 'start', windowId: 'w' } });
  expect(maintenanceStatus(modelOf(cluster.state))).toStrictEqual({
    draining_machines: [],
    down_machines: [{ hostname: 'a1.example' }],
  });
});

test('/tasks is in the order of the last change, in pages, and can be narrowed', () => {
  const page = (query: Record<string, string>) => {
    const asked = readTasksQuery(query);
    if (!asked.ok) throw new Error(asked.failure.message);
    return tasksPage(model, asked.value).tasks.map(({ id }) => id);
  };
  expect(page({})).toStrictEqual(['t1', 't0']);
  expect(page({ order: 'asc' })).toStrictEqual(['t0', 't1']);
  expect(page({ limit: '1' })).toStrictEqual(['t1']);
  expect(page({ limit: '1', offset: '1' })).toStrictEqual(['t0']);
  expect(page({ task_id: 't0' })).toStrictEqual(['t0']);
  expect(page({ framework_id: 'alice.f1' })).toHaveLength(2);
  expect(page({ framework_id: 'bob.f1' })).toStrictEqual([]);
});

test.each([{ limit: 'x' }, { limit: '-1' }, { offset: '1.5' }, { limit: ['1', '2'] }])(
  'a page of tasks that makes no sense is refused: %j',
  (query) => {
    expect(readTasksQuery(query).ok).toBe(false);
  },
);

test('an agent, a framework and a task read in the v1 interface as Mesos has them', () => {
  const { state } = model;
  const agent = state.agents.get('a1');
  const framework = state.frameworks.get('alice/f1');
  const task = state.tasks.get('alice/f1/t1');
  if (agent === undefined || framework === undefined || task === undefined) throw new Error('no');
  expect(agentAnswer(model, agent)).toMatchObject({
    agent_info: { hostname: 'a1.example', id: { value: 'a1' }, port: 5051 },
    active: true,
    deactivated: false,
    version: '1.11.0',
    capabilities: [
      { type: 'MULTI_ROLE' },
      { type: 'TASK_RESOURCE_LIMITS' },
      { type: 'AGENT_DRAINING' },
    ],
  });
  expect(agentAnswer(model, agent).allocated_resources).toContainEqual({
    name: 'cpus',
    type: 'SCALAR',
    scalar: { value: 2 },
    role: '*',
    allocation_info: { role: 'eng' },
  });
  expect(frameworkAnswer(model, framework)).toMatchObject({
    framework_info: { id: { value: 'alice.f1' }, principal: 'alice', roles: ['eng'] },
    active: true,
    connected: true,
    recovered: false,
    offers: [{ agent_id: { value: 'a1' }, hostname: 'a1.example' }],
  });
  expect(taskAnswer(state, task)).toMatchObject({
    task_id: { value: 't1' },
    framework_id: { value: 'alice.f1' },
    agent_id: { value: 'a1' },
    state: 'TASK_RUNNING',
    statuses: [{ state: 'TASK_RUNNING', timestamp: 1_700_000_005.5, healthy: true }],
  });
});

test('a drain is told with how far it is', () => {
  const cluster = aBusyCluster();
  const emptying = { graceMs: 5000, marksGone: true };
  cluster.call(olga, {
    verb: 'operatorAgent',
    body: { agentId: 'a1', change: 'drain', emptying },
  });
  const agent = cluster.state.agents.get(anAgentId());
  if (agent === undefined) throw new Error('no');
  expect(agentAnswer(modelOf(cluster.state), agent)).toMatchObject({
    active: false,
    deactivated: true,
    drain_info: {
      state: 'DRAINING',
      config: { max_grace_period: { nanoseconds: 5_000_000_000 }, mark_gone: true },
    },
  });
});

test('flags are settings of the cluster, durations in Mesos’s words', () => {
  expect(flagsOf(model, { usersFile: undefined })).toMatchObject({
    cluster: 'test',
    offer_timeout: '10secs',
    authenticate_http_readonly: 'false',
    min_allocatable_resources: 'cpus:0.01;mem:32',
  });
  expect(['0secs', '250ms', '15mins', '2hrs', '1days', '1weeks']).toStrictEqual(
    [0, 250, 900_000, 7_200_000, 86_400_000, 604_800_000].map(durationText),
  );
});

test('a large page is made once for all who ask, and again when the books have changed and a moment has passed', async () => {
  let sequence = 1;
  let nowMs = 0;
  let made = 0;
  const page = new CachedPage({
    nowMs: () => nowMs,
    sequence: () => sequence,
    make: async () => {
      made += 1;
      return { bytes: Buffer.from(String(made)), sequence };
    },
  });
  const asked = await Promise.all([page.get(), page.get()]);
  expect(asked.map(String)).toStrictEqual(['1', '1']);
  nowMs = 10_000;
  expect(String(await page.get())).toBe('1');
  sequence = 2;
  expect(String(await page.get())).toBe('2');
  sequence = 3;
  nowMs += 100;
  expect(String(await page.get())).toBe('2');
  nowMs += 200;
  expect(String(await page.get())).toBe('3');
});

test('the page of an agent is found by its number, and names the sandboxes of its tasks', () => {
  const agent = agentOfNumber(model.state, String(agentNumber('a1')), undefined);
  if (agent === undefined) throw new Error('there is no agent');
  const task = 'alice.f1/executors/t1/runs/latest';
  expect(agentStatePage(model, agent)).toMatchObject({
    id: 'a1',
    frameworks: [
      {
        id: 'alice.f1',
        name: 'f1',
        executors: [
          { id: 't1', directory: `/slaves/a1/frameworks/${task}`, tasks: [{ id: 't1' }] },
        ],
      },
    ],
  });
  expect(agentOfNumber(model.state, '1', undefined)).toBeUndefined();
  expect(agentOfNumber(model.state, '1', 'a2')?.agentId).toBe('a2');
});
