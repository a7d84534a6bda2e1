// A custom executor, written with the SDK, under a real agent process in a real scope, led by the test: with each launcher.
import { readdirSync, readFileSync } from 'node:fs';
import type { RegisterRequest } from '@parley/protocol/agents';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { eachLauncher } from './each-launcher.ts';
import { anExecutorTask, EXECUTOR_MIB, ExecutorStage, executorRef } from './executor-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

let bus: BusFixture;
let leader: PlayedLeader;
let stage: ExecutorStage;
let agent: AgentUnderTest;
/** How every agent of these tests asks for scopes. */
let way: readonly string[];
const OK = { ok: true, value: {} };
/** Settings of every start: no test waits for an executor for long. */
const TIMEOUTS = ['--executor-registration-timeout', '20', '--executor-return-timeout', '5'];

/** The process of this host, in whatever namespace, that was started with this environment. */
function findProcess(variable: string): number {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(variable)) {
        return Number(name);
      }
    } catch {
      // It went meanwhile.
    }
  }
  throw new Error(`no process has ${variable}`);
}

/** Ends the agent and starts it again; what it then registers. */
async function restart(
  signal: NodeJS.Signals,
  options: readonly string[] = TIMEOUTS,
  meanwhile: () => void = () => undefined,
): Promise<RegisterRequest | undefined> {
  await agent.end(signal);
  meanwhile();
  const before = leader.registrations.length;
  agent.start(...way, ...options);
  await expect
    .poll(() => leader.registrations.length, { timeout: WAIT_MS })
    .toBeGreaterThan(before);
  return leader.registrations.at(-1);
}

const messageOf = async (taskId: string): Promise<string> =>
  (await leader.history(taskId)).findLast(({ message }) => message !== undefined)?.message ?? '';

async function exitOf(executorId: string): Promise<(typeof stage.exits)[number] | undefined> {
  const isIt = ({ executor }: { executor: { executorId: string } }): boolean =>
    executor.executorId === executorId;
  await expect.poll(() => stage.exits.some(isIt), { timeout: WAIT_MS }).toBe(true);
  return stage.exits.find(isIt);
}

eachLauncher(['direct', 'systemd-run'])('with the launcher %s', (launcher) => {
  beforeAll(async () => {
    way = ['--launcher', launcher];
    bus = await startBus('reference');
    leader = await PlayedLeader.lead(bus);
    stage = await ExecutorStage.open(bus, leader);
    agent = new AgentUnderTest(bus, 'auto').start(...way, ...TIMEOUTS);
    await leader.registered();
    expect(agent.output).toContain(`"launcher":"${launcher}"`);
  }, WAIT_MS);
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
  }, WAIT_MS);

  test(
    'two tasks run in the one scope of their executor, and their states are its words',
    async () => {
      expect(await leader.order(anExecutorTask('where-1', 'scope'))).toEqual(OK);
      expect(await leader.order(anExecutorTask('where-2', 'scope'))).toEqual(OK);
      const [one, other] = [await leader.ended('where-1'), await leader.ended('where-2')];
      expect(one).toMatchObject({
        state: 'finished',
        reason: 'executorReported',
        executorId: 'e1',
      });
      expect(one.message).toContain('parley-executor.alice-fw-e1-');
      expect(other.message).toBe(one.message);
      const states = (await leader.history('where-2')).map(({ state }) => state);
      expect(states.filter((state) => state !== 'starting')).toEqual(['running', 'finished']);
    },
    WAIT_MS,
  );

  test(
    'the memory limit of the scope is that of the executor and of the tasks that are in it now',
    async () => {
      await leader.order(anExecutorTask('alone', 'limit'));
      expect((await leader.ended('alone')).message).toBe(String(EXECUTOR_MIB + 32));
      await leader.order(anExecutorTask('stays', 'wait'));
      await leader.untilState('stays', 'running');
      await leader.order(anExecutorTask('together', 'limit'));
      expect((await leader.ended('together')).message).toBe(String(EXECUTOR_MIB + 64));
      await leader.order(anExecutorTask('failing', 'fail'));
      expect(await leader.ended('failing')).toMatchObject({ state: 'failed', exitCode: 4 });
    },
    WAIT_MS,
  );

  test(
    'a message reaches the executor, and its answer the framework',
    async () => {
      stage.tell('e1', 'drawer');
      await expect.poll(() => stage.messages.length, { timeout: WAIT_MS }).toBe(1);
      expect(stage.messages[0]).toMatchObject({ agentId: 'a1', executorId: 'e1' });
      expect(stage.messages[0]?.data.toString()).toBe('reward');
    },
    WAIT_MS,
  );

  test(
    'an executor goes on over kill -9 of its agent: its task, its words and new tasks for it',
    async () => {
      const before = await messageOf('stays');
      expect(before).toMatch(/^waits in process \d+$/);
      const registration = await restart('SIGKILL');
      expect(registration?.executors).toEqual([executorRef('e1')]);
      expect(registration?.tasks.map(({ task, state }) => [task.taskId, state])).toContainEqual([
        'stays',
        'running',
      ]);
      await leader.order(anExecutorTask('later', 'wait'));
      await expect.poll(() => messageOf('later'), { timeout: WAIT_MS }).toBe(before);
      expect(await leader.kill('later', 2000)).toEqual(OK);
      const end = await leader.ended('later');
      expect(end).toMatchObject({ state: 'killed', reason: 'killedByFramework' });
      expect((await leader.history('stays')).at(-1)?.state).toBe('running');
    },
    WAIT_MS,
  );

  test(
    'a crash of the executor fails its tasks and is told to the leader until that answers',
    async () => {
      stage.unanswered = 1;
      await leader.order(anExecutorTask('crashing', 'crash'));
      expect(await leader.ended('crashing')).toMatchObject({
        state: 'failed',
        reason: 'executorExited',
      });
      expect(await leader.ended('stays')).toMatchObject({ reason: 'executorExited' });
      await expect.poll(() => stage.exits.length, { timeout: WAIT_MS }).toBe(2);
      expect(stage.exits[0]).toMatchObject({ executor: executorRef('e1'), end: 'exited' });
      expect(stage.exits[0]).toMatchObject({ exitCode: 7 });
      expect(stage.exits[0]?.tasks).toEqual(expect.arrayContaining(['crashing', 'stays']));
      expect(stage.exits[1]).toEqual(stage.exits[0]);
    },
    WAIT_MS,
  );

  test(
    'after its exit was confirmed an executor is started anew, and shut down with its tasks when that is ordered',
    async () => {
      stage.exits.length = 0;
      stage.unanswered = 0;
      await expect
        .poll(() => leader.order(anExecutorTask('again', 'wait')), { timeout: WAIT_MS })
        .toEqual(OK);
      await leader.untilState('again', 'running');
      expect(await stage.shutDown('e1', 5000)).toEqual(OK);
      expect(await leader.ended('again')).toMatchObject({ state: 'killed' });
      expect(await exitOf('e1')).toMatchObject({ end: 'shutDown', exitCode: 0 });
    },
    WAIT_MS,
  );

  test(
    'an executor that is killed while its agent is away fails its tasks when that is back',
    async () => {
      await leader.order(anExecutorTask('lost', 'wait', 'e2'));
      await expect.poll(() => messageOf('lost'), { timeout: WAIT_MS }).toContain('process');
      const program = findProcess('PARLEY_EXECUTOR_ID=e2');
      await restart('SIGKILL', TIMEOUTS, () => process.kill(program, 'SIGKILL'));
      expect(await leader.ended('lost')).toMatchObject({
        state: 'failed',
        reason: 'executorExited',
      });
      expect(await exitOf('e2')).toMatchObject({ end: 'signaled', signal: 'SIGKILL' });
    },
    WAIT_MS,
  );

  test(
    'a program that never subscribes is destroyed and its task fails as executorNotRegistered',
    async () => {
      const task = anExecutorTask('silent', 'wait', 'e3');
      await restart('SIGTERM', ['--executor-registration-timeout', '1']);
      const executor = { executorId: 'e3', command: { argv: ['sleep', '1000'] } };
      await leader.order({ ...task, executor });
      expect(await leader.ended('silent')).toMatchObject({ reason: 'executorNotRegistered' });
      expect(await exitOf('e3')).toMatchObject({ end: 'notRegistered' });
    },
    WAIT_MS,
  );
});
