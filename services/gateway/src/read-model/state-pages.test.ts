// Tests the pages that Mesos's tools poll, on scripted clusters and on random ones.
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterEvent } from '@parley/cluster/events';
import { RandomInputs, type Step, steps } from '@parley/cluster/random-inputs';
import { aCluster, aFramework, anAgentId, aTask } from '@parley/cluster/scripted-cluster';
import { MILLI } from '@parley/protocol/resources';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { agentNumber, agentPage } from './agent-model.ts';
import { AGENTS_AT_ONCE, AgentTexts } from './agent-texts.ts';
import type { Model } from './model.ts';
import { BYTES_AT_ONCE, bytesOf, objectText, type PageText } from './page-text.ts';
import { aBusyCluster, modelOf } from './scripted-model.ts';
import {
  frameworksText,
  prepareTasks,
  showSummary,
  slavesText,
  stateText,
  summaryText,
  TASKS_AT_ONCE,
} from './state-pages.ts';

const ROOMY = { scalars: { cpus: 100_000, mem: 100_000_000 } };
const SMALL = { scalars: { cpus: 100, mem: 100_000 } };

const together = (text: PageText): string => [...text].join('');
const read = (text: PageText) => JSON.parse(together(text));
const stateOf = (model: Model, texts = new AgentTexts(agentPage)) =>
  read(stateText(model, texts, {}));

test('/state has the keys that tools look for', () => {
  const page = stateOf(modelOf(aBusyCluster().state));
  expect(page).toMatchObject({
    version: '1.11.0',
    start_time: 1_700_000_000,
    elected_time: 1_700_000_000,
    id: 'master-1-1-1',
    pid: 'master@127.0.0.1:5050',
    hostname: '127.0.0.1',
    activated_slaves: 1,
    deactivated_slaves: 1,
    unreachable_slaves: 1,
    leader: 'master@127.0.0.1:5050',
    leader_info: { hostname: '127.0.0.1', port: 5050, pid: 'master@127.0.0.1:5050' },
    cluster: 'test',
    flags: {},
    recovered_slaves: [],
    completed_frameworks: [],
    orphan_tasks: [],
    unregistered_frameworks: [],
  });
  expect(page.slaves.map(({ id }: { id: string }) => id)).toStrictEqual(['a1', 'a2']);
});

test('an agent is told with what is used, offered and reserved of it, in sums and in full', () => {
  const [agent, other] = stateOf(modelOf(aBusyCluster().state)).slaves;
  expect(agent).toMatchObject({
    id: 'a1',
    hostname: 'a1.example',
    pid: `slave(${agentNumber('a1')})@127.0.0.1:5050`,
    active: true,
    deactivated: false,
    resources: { cpus: 8, mem: 1024, disk: 1000, gpus: 0, ports: '[31000-31009]' },
    used_resources: { cpus: 2, mem: 64, disk: 0, ports: '[31000-31001]' },
    offered_resources: { cpus: 1, mem: 32 },
    reserved_resources: { eng: { cpus: 1, disk: 100, mem: 0 } },
    unreserved_resources: { cpus: 7, mem: 1024, disk: 900 },
  });
  const reservation = {
    principal: 'admin',
    labels: {
      labels: [
        { key: 'why', value: 'test' },
        { key: 'parley.reservation', value: 'x' },
      ],
    },
  };
  expect(agent.reserved_resources_full.eng).toContainEqual({
    name: 'disk',
    type: 'SCALAR',
    scalar: { value: 40 },
    role: 'eng',
    reservation,
    reservations: [{ type: 'DYNAMIC', role: 'eng', ...reservation }],
    disk: {
      persistence: { id: 'v', principal: 'admin' },
      volume: { container_path: 'v', mode: 'RW' },
    },
  });
  expect(agent.used_resources_full).toContainEqual({
    name: 'ports',
    type: 'RANGES',
    ranges: { range: [{ begin: 31_000, end: 31_001 }] },
    role: '*',
    allocation_info: { role: 'eng' },
  });
  expect(other).toMatchObject({ id: 'a2', active: false, deactivated: true });
});

test('a framework is told with its tasks, those that have ended, and its offers', () => {
  const [framework] = stateOf(modelOf(aBusyCluster().state)).frameworks;
  expect(framework).toMatchObject({
    id: 'alice.f1',
    name: 'f1',
    active: true,
    connected: true,
    recovered: false,
    principal: 'alice',
    roles: ['eng'],
    used_resources: { cpus: 2, mem: 64 },
    offered_resources: { cpus: 1, mem: 32 },
    resources: { cpus: 3, mem: 96 },
    unreachable_tasks: [],
    executors: [],
  });
  expect(framework.tasks).toStrictEqual([
    {
      id: 't1',
      name: '',
      framework_id: 'alice.f1',
      executor_id: '',
      slave_id: 'a1',
      state: 'TASK_RUNNING',
      resources: { cpus: 2, disk: 0, gpus: 0, mem: 64, ports: '[31000-31001]' },
      role: 'eng',
      statuses: [
        {
          ...{ state: 'TASK_RUNNING', timestamp: 1_700_000_005.5, healthy: true },
          container_status: { container_id: { value: 'alice.f1.t1' } },
        },
      ],
    },
  ]);
  expect(framework.completed_tasks).toMatchObject([
    {
      id: 't0',
      state: 'TASK_FAILED',
      statuses: [{ reason: 'REASON_COMMAND_EXECUTOR_FAILED', message: 'exit 3' }],
    },
  ]);
  expect(framework.offers).toMatchObject([
    { framework_id: 'alice.f1', slave_id: 'a1', allocation_info: { role: 'eng' } },
  ]);
});

test('a task of an agent that is away is told apart', () => {
  const cluster = aBusyCluster();
  cluster.readBack(cluster.agentSilent());
  const [framework] = read(frameworksText(modelOf(cluster.state))).frameworks;
  expect(framework.tasks).toStrictEqual([]);
  expect(framework.unreachable_tasks).toMatchObject([{ id: 't1', state: 'TASK_UNREACHABLE' }]);
});

test('a framework that was torn down is among the completed ones', () => {
  const cluster = aBusyCluster();
  const framework = { principal: 'alice', frameworkId: 'f1' };
  cluster.call(
    { kind: 'operator', operator: cluster.state.record.masterId as never },
    { verb: 'operatorTeardown', body: { framework } },
  );
  const page = read(frameworksText(modelOf(cluster.state)));
  expect(page.frameworks).toStrictEqual([]);
  expect(page.completed_frameworks).toMatchObject([{ id: 'alice.f1', active: false }]);
});

test('/state-summary counts the tasks of each agent and framework by state', () => {
  const model = modelOf(aBusyCluster().state);
  const page = read(summaryText(model, new AgentTexts(showSummary)));
  expect(page).toMatchObject({ hostname: '127.0.0.1', cluster: 'test' });
  const counts = { TASK_RUNNING: 1, TASK_FAILED: 1, TASK_STAGING: 0, TASK_LOST: 0 };
  expect(page.slaves[0]).toMatchObject({ id: 'a1', ...counts, framework_ids: ['alice.f1'] });
  expect(page.slaves[1]).toMatchObject({ id: 'a2', TASK_RUNNING: 0, framework_ids: [] });
  expect(page.frameworks).toMatchObject([{ id: 'alice.f1', ...counts, slave_ids: ['a1'] }]);
});

test('one agent or one framework can be asked for', () => {
  const model = modelOf(aBusyCluster().state);
  const texts = new AgentTexts(agentPage);
  expect(read(slavesText(model, texts, 'a2')).slaves).toHaveLength(1);
  expect(read(slavesText(model, texts, 'a9')).slaves).toStrictEqual([]);
  expect(read(frameworksText(model, 'alice.f1')).frameworks).toHaveLength(1);
  expect(read(frameworksText(model, 'bob.f1')).frameworks).toStrictEqual([]);
});

/** Each step as an entry, with the events of each told to `tell`, as a gateway is told of them. */
function play(
  all: readonly Step[],
  tell: (event: ClusterEvent) => void,
  look: (model: Model) => void,
) {
  const state = clusterCore.create();
  const random = new RandomInputs();
  const { rulesVersion } = clusterCore;
  let coreTimeMs = 0;
  for (const [at, { passMs, choices }] of all.entries()) {
    coreTimeMs += passMs;
    const epoch = { bucketCreatedMs: 1, revision: 1 };
    const times = { coreTimeMs, wallTimeMs: coreTimeMs };
    const context = { sequence: at + 1, epoch, ...times, rulesVersion };
    const effects = [...clusterCore.begin(state, context)];
    for (const choice of choices) {
      effects.push(...clusterCore.step(state, context, random.make(state, choice)));
    }
    effects.push(...clusterCore.finish(state, context));
    for (const effect of effects) if (effect.kind === 'event') tell(effect.event);
    look(modelOf(state));
  }
}

type Sums = Record<string, number | string>;
type Shown = { used_resources: Sums; offered_resources: Sums; resources: Sums };

const total = (all: Shown[], key: keyof Shown, name: string): number =>
  all.reduce((sum, one) => sum + Math.round(Number(one[key][name] ?? 0) * MILLI), 0);

test('whatever happens, the sums of /state are those of the books', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(steps, (all) => {
      play(
        all,
        () => undefined,
        (model) => {
          const { slaves, frameworks } = stateOf(model);
          const { books } = model.state;
          for (const name of ['cpus', 'mem', 'disk', 'gpus']) {
            expect(total(slaves, 'resources', name)).toBe(books.total.get(name));
            expect(total(slaves, 'used_resources', name)).toBe(books.allocated.get(name));
          }
          expect(frameworks).toHaveLength(
            [...model.state.frameworks.rows()].filter(({ state }) => state !== 'removed').length,
          );
        },
      );
    }),
    { numRuns: 15 },
  );
});

test('whatever happens, what is made out of what was made before is what is made anew', {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(steps, (all) => {
      const full = new AgentTexts(agentPage);
      play(
        all,
        (event) => full.happened(event),
        (model) => {
          const anew = together(stateText(model, new AgentTexts(agentPage), {}));
          expect(together(stateText(model, full, {}))).toBe(anew);
        },
      );
    }),
    { numRuns: 15 },
  );
});

test('a page of many agents and tasks is made in slices, each of at most so many', async () => {
  const [agents, tasksEach] = [AGENTS_AT_ONCE + 1, Math.ceil(TASKS_AT_ONCE / AGENTS_AT_ONCE)];
  const cluster = aCluster(ROOMY);
  const framework = aFramework();
  for (let agent = 0; agent < agents; agent += 1) {
    const agentId = anAgentId(`b${agent}`);
    cluster.register(agentId, ROOMY);
    const offerId = cluster.offer(framework, ROOMY, agentId);
    const tasks = Array.from({ length: tasksEach }, (_, at) => aTask(`t${agent}-${at}`, SMALL));
    cluster.accept(framework, [offerId], tasks);
  }
  const model = modelOf(cluster.state);
  let made = 0;
  const texts = new AgentTexts((now, agent) => {
    made += 1;
    return agentPage(now, agent);
  });
  const slices: number[] = [];
  const pause = async (): Promise<void> => {
    slices.push(made);
    made = 0;
  };
  await texts.prepare(() => model, [...model.state.agents.keys()], pause);
  expect(slices).toStrictEqual([AGENTS_AT_ONCE]);
  let pauses = 0;
  await prepareTasks(
    () => model.state,
    async () => {
      pauses += 1;
    },
  );
  expect(pauses).toBe(Math.floor((agents * tasksEach) / TASKS_AT_ONCE));
});

test('a page is made bytes in slices, each of at most so many, a piece more or less', async () => {
  const member = JSON.stringify({ name: 'x'.repeat(1000) });
  const text = objectText({}, { all: Array.from({ length: 3000 }, () => member) });
  let pauses = 0;
  const bytes = await bytesOf(text, async () => {
    pauses += 1;
  });
  // Once while it is put together, once while it is written.
  expect(pauses).toBeGreaterThanOrEqual(2 * Math.floor(bytes.length / (1.2 * BYTES_AT_ONCE)));
  expect(JSON.parse(bytes.toString()).all).toHaveLength(3000);
});

test('what is told of frameworks is of the moment in which the page was begun', () => {
  const cluster = aBusyCluster();
  const text = frameworksText(modelOf(cluster.state));
  cluster.readBack(cluster.agentSilent());
  const [framework] = read(text).frameworks;
  expect(framework.tasks).toMatchObject([{ id: 't1', state: 'TASK_RUNNING' }]);
});

test('bytes are those of the text, however many there are', async () => {
  const member = JSON.stringify({ name: 'ü'.repeat(1000) });
  const text = ['[', ...Array.from({ length: 3000 }, () => `${member},`), '{}]'];
  expect((await bytesOf(text)).toString()).toBe(text.join(''));
});
