// What outlives the agent and what does not: it is started again beside tasks that no record explains, beside two hundred
// running ones, and on a host that was started anew. That it may die at any moment: agent-fault-points.long.test.ts.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stopPrivateSystemd } from '@parley/isolation/private-systemd';
import { runRootOf } from '@parley/isolation/sandbox';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { eachLauncher } from './each-launcher.ts';
import { Gates } from './gates.ts';
import { PlayedLeader } from './played-leader.ts';

const MANY = 200;
const COUNT_PROGRAMS = path.join(import.meta.dirname, 'count-programs.mjs');
const EARLIER_BOOT = '00000000-0000-4000-8000-000000000000';

vi.setConfig({ testTimeout: 5 * WAIT_MS, hookTimeout: WAIT_MS });

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;
let place: string;
let gates: Gates;

eachLauncher(['direct', 'systemd-run'])('an agent with the launcher %s', (launcher) => {
  beforeAll(async () => {
    bus = await startBus('reference');
  });
  afterAll(() => bus?.close());
  beforeEach(async () => {
    leader = await PlayedLeader.lead(bus);
    agent = new AgentUnderTest(bus, 'auto');
    place = mkdtempSync(path.join(tmpdir(), 'parley-survival-'));
    gates = new Gates(path.join(place, 'gates'));
  });
  afterEach(async () => {
    await agent.close();
    gates.close();
    await leader.close();
    rmSync(place, { recursive: true, force: true });
  });

  test('what runs without a record is killed when the agent is back, which says so; what has one goes on', async () => {
    start();
    await leader.registered();
    for (const taskId of ['explained', 'stray', 'damaged']) {
      await leader.order(aShellTask(taskId, 'echo run; setsid sleep 1000 & sleep 1000'));
      await leader.untilState(taskId, 'running');
    }
    await agent.end('SIGKILL');
    leader.awaitsNobody();
    rmSync(path.join(agent.workDirectory, 'tasks/alice.fw.stray.task'));
    agent.write('tasks/alice.fw.damaged.task', 'torn');
    expect(agent.processesOf('stray', 'sleep')).toHaveLength(2);
    start();
    const { tasks } = await leader.registered();
    expect(tasks.map(({ task }) => task.taskId)).toEqual(['explained']);
    for (const taskId of ['stray', 'damaged']) {
      await expect.poll(() => agent.processesOf(taskId, 'sleep'), { timeout: WAIT_MS }).toEqual([]);
    }
    expect(agent.output.match(/a task without a record was killed/g)).toHaveLength(2);
    expect(agent.processesOf('explained', 'sleep')).toHaveLength(2);
    await leader.kill('explained', 0);
    expect(await leader.ended('explained')).toMatchObject({ state: 'killed' });
  });

  test('tasks of an earlier boot of the host are told as ended by that, and are not started again', async () => {
    start();
    await leader.registered();
    await leader.order(aShellTask('of-before', 'echo run; sleep 1000'));
    await leader.order(aShellTask('told-to-stop', 'echo run; trap "" TERM; sleep 1000'));
    for (const taskId of ['of-before', 'told-to-stop']) await leader.untilState(taskId, 'running');
    await leader.kill('told-to-stop', 600_000);
    await leader.untilState('told-to-stop', 'killing');
    await agent.end('SIGKILL');
    leader.awaitsNobody();
    await goDown(agent);
    start();
    await leader.registered();
    expect(await leader.ended('of-before')).toMatchObject({
      ...{ state: 'failed', reason: 'exitStatusUnknown', cause: { kind: 'hostRebooted' } },
      message: expect.stringContaining('started anew'),
    });
    expect(await leader.ended('told-to-stop')).toMatchObject({
      ...{ state: 'killed', reason: 'killedByFramework' },
    });
    expect(agent.output).toContain('the host was started anew');
    expect(agent.stdoutOf('of-before')).toBe('run\n');
    await leader.order(aShellTask('after', 'echo run'));
    expect(await leader.ended('after')).toMatchObject({ state: 'finished' });
  });

  test('an agent that is killed beside two hundred running tasks has all of them when it is back, by hardly more programs than without any', async () => {
    const whenIdle = await programsUntilRegistered();
    const taskIds = Array.from({ length: MANY }, (_, number) => `many${number}`);
    const script = (gate: string) => `${gates.waitAt(gate)}; exit 5`;
    const awayIds = new Set(taskIds.slice(0, MANY / 4));
    for (const taskId of taskIds) {
      await leader.order(aShellTask(taskId, script(awayIds.has(taskId) ? 'away' : 'back')));
    }
    const running = () => countOfMany(({ state }) => state === 'running');
    await expect.poll(running, { timeout: 2 * WAIT_MS, interval: 500 }).toBe(MANY);
    expect(await countOfMany(({ state }) => isTerminal(state))).toBe(0);
    await agent.end('SIGKILL');
    gates.open('away');
    const whenBusy = await programsUntilRegistered();
    expect(leader.registrations.at(-1)?.tasks).toHaveLength(MANY);
    // There is none for each of them.
    expect(whenBusy.length - whenIdle.length, whenBusy.join(' ')).toBeLessThan(MANY / 20);
    gates.open('back');
    const ended = () => countOfMany(({ exitCode }) => exitCode === 5);
    await expect.poll(ended, { timeout: 2 * WAIT_MS, interval: 500 }).toBe(MANY);
  });

  /** Its tasks see the gates. */
  function start(): void {
    agent.start('--launcher', launcher, '--confine-show', gates.directory);
  }

  /** Of the many tasks: an update that is not acknowledged is told again. */
  async function countOfMany(isOf: (update: StatusUpdate) => boolean): Promise<number> {
    const found = (await leader.updates()).filter(isOf).map(({ task }) => task.taskId);
    return new Set(found.filter((taskId) => taskId.startsWith('many'))).size;
  }

  /** That a new life of the agent starts before the leader hears of it. */
  async function programsUntilRegistered(): Promise<string[]> {
    const file = path.join(agent.workDirectory, 'programs');
    writeFileSync(file, '');
    agent.through = ['env', `NODE_OPTIONS=--import=${COUNT_PROGRAMS}`, `PROGRAMS_FILE=${file}`];
    const before = leader.registrations.length;
    start();
    const hasRegistered = () => leader.registrations.length > before;
    await expect.poll(hasRegistered, { timeout: WAIT_MS, interval: 10 }).toBe(true);
    return readFileSync(file, 'utf8').trim().split('\n');
  }

  /** What a host that is started anew leaves of tasks: their files, of a boot that is no more. */
  async function goDown({ workDirectory }: AgentUnderTest): Promise<void> {
    await stopPrivateSystemd(path.join(workDirectory, 'systemd'));
    const runRoot = runRootOf(workDirectory);
    for (const unit of readdirSync(runRoot).filter((name) => !name.startsWith('.'))) {
      const file = path.join(runRoot, unit, 'exit');
      const text = readFileSync(file, 'utf8');
      expect(text).toMatch(/^boot=[0-9a-f-]{36}$/m);
      writeFileSync(file, text.replace(/^boot=.*$/m, `boot=${EARLIER_BOOT}`));
    }
  }
});
