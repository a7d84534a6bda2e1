// Owns the proof that agents and frameworks find a new leader over the connections that they have, and that what they tell
// it is compared with the books: counted, shown to people and repaired where it differs; and that who runs quietly what the
// books say registers with no new leader.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterEvent } from '@parley/cluster/events';
import type { AgentTask } from '@parley/protocol/agents';
import type { FrameworkReport } from '@parley/protocol/frameworks';
import { AgentId, FrameworkRef, PrincipalName, RoleName, TaskId } from '@parley/protocol/ids';
import { MasterList } from '@parley/protocol/leadership';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { type SubjectEntry, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterEach, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { ask } from './cluster-caller.ts';
import {
  type Books,
  ClusterFixture,
  cluster,
  TEST_TIMEOUT_MS,
  until,
  WatchedProcess,
} from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { ClusterTerminal } from './cluster-terminal.ts';
import { CuttableWay, LEADS, STANDS_BY } from './ha-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const alice = FrameworkRef.parse({ principal: 'alice', frameworkId: 'steady' });
const a2 = AgentId.parse('a2');
const NO_DIFFERENCE = {
  ...{ unknownTasks: 0, unknownExecutors: 0, forgottenTasks: 0 },
  ...{ differingTasks: 0, differingAgents: 0, differingRoles: 0, lostCalls: 0 },
};

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A cluster whose agents and framework come over a way of their own, which counts their connections. */
async function start() {
  const fixture = new ClusterFixture();
  cleanups.push(() => fixture.close());
  await fixture.startServer();
  await fixture.provision();
  const way = await new CuttableWay(fixture.server.port).open();
  cleanups.push(() => way.cut());
  await fixture.service('master-1').start().says(LEADS);
  await fixture.service('master-2').start().says(STANDS_BY);
  fixture.service('allocator-1').start();
  const agents = [fixture.service('a1'), fixture.service('a2')];
  for (const agent of agents) agent.start('--nats', way.url);
  for (const agent of agents) await agent.says('"msg":"registered"');
  const credential = path.join(fixture.directory, 'over-the-way.json');
  const given: object = JSON.parse(readFileSync(fixture.credential('principal', 'alice'), 'utf8'));
  writeFileSync(credential, JSON.stringify({ ...given, servers: [way.url] }), { mode: 0o600 });
  const framework = new QueueFramework();
  await framework.connect({ credential: () => credential }, 'alice', 'steady');
  cleanups.push(() => framework.close());
  return { fixture, way, framework };
}

async function census(fixture: ClusterFixture) {
  const olga = { operator: PrincipalName.parse('olga') };
  const connection = await fixture.connect('operator', 'olga');
  const { subject, bytes } = encodeMessage(SUBJECTS.masterList, cluster, olga, {});
  const answer = succeeded(await ask(connection, SUBJECTS.masterList, subject, bytes));
  return MasterList.parse(answer).census;
}

/** A sign of life in the framework's name: with other roles than it has, and with a call that nobody knows. */
async function reportsOtherwise(fixture: ClusterFixture, { state }: Books): Promise<void> {
  const record = state.frameworks.get('alice/steady');
  const [key = ''] = state.requests.sessionsOf('framework:alice/steady');
  const report: FrameworkReport = {
    epoch: state.record.epoch,
    callerSession: key.slice(key.indexOf('|') + 1),
    lastCall: 1_000_000,
    subscribedBy: 1,
    roles: [{ role: RoleName.parse('other'), isSuppressed: false }],
    openCalls: [],
    acknowledgedCalls: [999_999],
  };
  const body = { session: record?.session ?? 0, confirmed: 0, report };
  const beat = encodeMessage(SUBJECTS.frameworkHeartbeat, cluster, alice, body);
  const connection = await fixture.connect('principal', 'alice');
  connection.publish(beat.subject, beat.bytes);
  await connection.flush();
}

/** Registrations in the name of a2: one of its tasks in another state and holding nothing, then one that nobody knows. */
async function registersOtherwise(fixture: ClusterFixture, { state }: Books): Promise<void> {
  const agent = state.agents.get(a2);
  if (agent === undefined) throw new Error('a2 is in the books');
  const tasks = [...state.tasks.rows()].flatMap(({ task, agentId, agentSequence }): AgentTask[] =>
    agentId === a2 ? [{ task, state: 'starting', lastSequence: agentSequence }] : [],
  );
  expect(tasks).not.toEqual([]);
  const never = { task: { ...alice, taskId: TaskId.parse('never') }, lastSequence: 1 };
  const { hostname, total, attributes } = agent;
  const connection = await fixture.connect('agent', 'a2');
  for (const [index, more] of [[], [{ ...never, state: 'running' } as const]].entries()) {
    const request = { session: 'by-hand', counter: index + 1, lowest: 1 };
    const body = {
      hostname,
      total,
      attributes,
      executors: [],
      free: total,
      tasks: [...tasks, ...more],
    };
    const parameters = { agentId: a2 };
    const { subject, bytes } = encodeMessage<SubjectEntry>(
      SUBJECTS.register,
      cluster,
      parameters,
      body,
      { request },
    );
    succeeded(await ask(connection, SUBJECTS.register, subject, bytes));
  }
}

test('agents and frameworks find a new leader without connecting anew; what they tell that differs is counted, shown and repaired', async () => {
  const { fixture, way, framework } = await start();
  const second = fixture.service('master-2');
  const events: ClusterEvent[] = [];
  const books = await fixture.follow((event) => events.push(event));
  // More than one agent holds.
  const tasks = Array.from({ length: 12 }, (_, index) => fixture.task(`t${index}`));
  framework.add(tasks);
  await framework.untilRunning(12);
  const connections = way.taken;
  await fixture.service('master-1').end('SIGKILL');
  await second.says(LEADS);
  await second.says('every agent was heard in this term');
  await second.says('every framework was heard in this term');
  const later = Array.from({ length: 4 }, (_, index) => fixture.task(`later${index}`));
  framework.add(later);
  await framework.untilRunning(16);
  expect(way.taken).toBe(connections);
  expect(await census(fixture)).toMatchObject({
    ...{ agents: 2, agentsHeard: 2, frameworks: 1, frameworksHeard: 1 },
    ...NO_DIFFERENCE,
  });

  // The books of the operator are those that the leader has, or a little older.
  await until(
    () => [...books.state.tasks.rows()].filter(({ state }) => state === 'running').length === 16,
    () => 'all tasks run in the books',
  );
  await registersOtherwise(fixture, books);
  const named = events.length;
  await reportsOtherwise(fixture, books);
  await second.says('ALARM: calls that a framework holds for done are not in the books');
  await until(
    () => events.slice(named).some(({ type }) => type === 'frameworkUpdated'),
    () => 'the framework names its roles again',
  );
  const found = await census(fixture);
  const onSecond = [...books.state.tasks.rows()].filter(({ agentId }) => agentId === a2).length;
  expect(found).toMatchObject({
    ...NO_DIFFERENCE,
    ...{ differingTasks: onSecond, differingAgents: 1, unknownTasks: 1 },
    ...{ differingRoles: 1, lostCalls: 1 },
  });
  const { stdout } = await new ClusterTerminal(fixture).type('master', 'list');
  expect(stdout).toContain('1 tasks and 0 executors unknown to the books');
  expect(stdout).toContain(`the states of ${onSecond} tasks, on what is held on 1 agents`);
  expect(stdout).toContain('roles of 1 frameworks were others in the books');
  expect(stdout).toContain('LOST: 1 acknowledged calls are not in the books');

  fixture.open();
  await framework.untilEnded([...tasks, ...later]);
  const names = [...tasks, ...later].map(({ taskId }) => taskId);
  expect(names.filter((taskId) => fixture.runs(taskId) !== 1)).toEqual([]);
  expect(framework.inState('finished').sort()).toEqual([...names].sort());
  expect(way.taken).toBe(connections);
});

const AGENT_MAIN = fileURLToPath(new URL('../../../services/agent/src/main.ts', import.meta.url));
const EMULATED = 30;

/** Two masters, two real agents and a few dozen emulated ones, which are too small for what the real ones run. */
async function startWithIdle() {
  const fixture = new ClusterFixture();
  cleanups.push(() => fixture.close());
  await fixture.startServer();
  await fixture.provision();
  await fixture.server.addMembers([{ kind: 'emulator', id: 'many' }], []);
  await fixture.service('master-1').start().says(LEADS);
  await fixture.service('master-2').start().says(STANDS_BY);
  fixture.service('allocator-1').start();
  const emulate = ['--emulate', `${EMULATED}`, '--creds', fixture.credential('emulator', 'many')];
  const each = ['--cpus', '0.2', '--mem', '1GiB', '--disk', '1GiB', '--ports', '31000-31010'];
  const emulator = new WatchedProcess('many', [AGENT_MAIN, ...emulate, ...each]).start();
  cleanups.push(() => emulator.close());
  for (const id of ['a1', 'a2'] as const) fixture.service(id).start();
  for (const id of ['a1', 'a2'] as const) await fixture.service(id).says('"msg":"registered"');
  await emulator.says('every emulated agent is registered');
  const framework = await new QueueFramework().connect(fixture, 'alice', 'steady');
  cleanups.push(() => framework.close());
  return { fixture, framework };
}

/** Who registers from now on, once for each message. */
async function watchRegistrations(fixture: ClusterFixture): Promise<string[]> {
  const registered: string[] = [];
  const connection = await fixture.connect('master', 'master-1');
  connection.subscribe(wildcardOf(SUBJECTS.register, cluster), {
    callback: (_, { subject, data }) => {
      const message = decodeMessage(SUBJECTS.register, cluster, subject, data);
      if (!message.ok) throw new Error(message.failure.message);
      registered.push(message.value.parameters.agentId);
    },
  });
  await connection.flush();
  return registered;
}

/** In the name of a2, which does not know of it: the books have it larger than it is. */
async function registersWithMore(fixture: ClusterFixture, { state }: Books): Promise<void> {
  const agent = state.agents.get(a2);
  if (agent === undefined) throw new Error('a2 is in the books');
  const tasks = [...state.tasks.rows()].flatMap(({ task, agentId, agentSequence }): AgentTask[] =>
    agentId === a2 ? [{ task, state: 'running', lastSequence: agentSequence }] : [],
  );
  const { hostname, total, attributes } = agent;
  const scalars = { ...total.scalars, cpus: (total.scalars['cpus'] ?? 0) + 1000 };
  const body = { hostname, total: { ...total, scalars }, attributes, executors: [], tasks };
  const request = { session: 'by-hand', counter: 1, lowest: 1 };
  const { subject, bytes } = encodeMessage<SubjectEntry>(
    SUBJECTS.register,
    cluster,
    { agentId: a2 },
    body,
    { request },
  );
  const connection = await fixture.connect('agent', 'a2');
  succeeded(await ask(connection, SUBJECTS.register, subject, bytes));
}

test('with a new leader only the agent registers of which the books say otherwise; not those that are idle, run quietly, or whose tasks have ended while nobody led', async () => {
  const { fixture, framework } = await startWithIdle();
  const books = await fixture.follow();
  // Emulated it sleeps for an hour, really it waits for as long as the fixture is there.
  const sleeping = (taskId: string) => {
    const script = `: sleep 3600; while [ -d ${fixture.directory} ]; do sleep 1; done`;
    const task = fixture.scriptTask(taskId, script);
    return { ...task, resources: { ...task.resources, scalars: { cpus: 200, mem: 32_000 } } };
  };
  // More than one of the real agents holds.
  const own = Array.from({ length: 12 }, (_, index) => fixture.task(`own-${index}`));
  const quiet = Array.from({ length: 15 }, (_, index) => sleeping(`quiet-${index}`));
  framework.add([...own, ...quiet]);
  await framework.untilRunning(27);
  const running = () => [...books.state.tasks.rows()].filter(({ state }) => state === 'running');
  await until(
    () => running().length === 27,
    () => 'all tasks run in the books',
  );
  await registersWithMore(fixture, books);
  const registered = await watchRegistrations(fixture);
  await fixture.service('master-1').end('SIGKILL');
  fixture.open();
  await framework.untilEnded(own);
  const second = fixture.service('master-2');
  await second.says(LEADS);
  await second.says('every agent was heard in this term');
  expect(await census(fixture)).toMatchObject({
    ...{ agents: EMULATED + 2, agentsHeard: EMULATED + 2 },
    ...NO_DIFFERENCE,
  });
  expect(registered).toEqual(['a2']);
});
