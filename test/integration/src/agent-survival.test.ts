// What outlives the agent and what does not: the agent dies by kill -9 before each thing that it does for a task, is started
// again beside tasks that no record explains, beside two hundred running ones, and on a host that was started anew.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stopPrivateSystemd } from '@parley/isolation/private-systemd';
import { runRootOf } from '@parley/isolation/sandbox';
import { isTerminal } from '@parley/protocol/tasks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, PlayedLeader, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';

const FAULTS = fileURLToPath(new URL('./fault-points.ts', import.meta.url));
const MOST_POINTS = 100;
const LOOK_MS = 300;
const MANY = 200;
const EARLIER_BOOT = '00000000-0000-4000-8000-000000000000';

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
}, WAIT_MS);
afterAll(() => bus?.close(), WAIT_MS);
beforeEach(async () => {
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto');
});
afterEach(async () => {
  await agent.close();
  await leader.close();
}, WAIT_MS);

const once = (taskId: string) => aShellTask(taskId, 'echo run; sleep 0.05; exit 7');

/** The next life of the agent ends before the `at`-th thing that it does for the task. */
async function startFaulty(taskId: string, at: number): Promise<void> {
  const options = `NODE_OPTIONS=--import=${FAULTS}`;
  agent.through = ['env', options, `PARLEY_FAULT_TASK=${taskId}`, `PARLEY_FAULT_AT=${at}`];
  await msUntilRegistered();
}

test(
  'an agent that dies by kill -9 before whatever it does for a task runs it once and tells its end once',
  async () => {
    const taskIds: string[] = [];
    let hasDied = true;
    for (let at = 1; hasDied && at < MOST_POINTS; at += 1) {
      const taskId = `fault${at}`;
      await startFaulty(taskId, at);
      const [before] = taskIds.slice(-1);
      // As a leader does, which has had no answer, or lost the one that it had.
      if (before !== undefined) await leader.order(once(before));
      taskIds.push(taskId);
      const died = agent.dies();
      await Promise.race([leader.order(once(taskId)).catch(() => undefined), died]);
      hasDied = await diesBeforeTheEnd(taskId, died);
    }
    expect(hasDied).toBe(false);
    const points = [...agent.output.matchAll(/^fault point: (.*)$/gm)].map(([, what]) => what);
    for (const what of [
      /^writeFile alice.fw.fault\d+.task.partial$/,
      /^rename .*\.task\.partial$/,
      /^send the answer to the order$/,
      /^send (the shim its go|systemd a call)$/,
      /^readFile .*\/exit$/,
      /^send a status update$/,
    ]) {
      expect(points, points.join('\n')).toContainEqual(expect.stringMatching(what));
    }
    const updates = await leader.updates();
    for (const taskId of taskIds) {
      expect(await leader.ended(taskId), taskId).toMatchObject({ state: 'failed', exitCode: 7 });
      expect(agent.stdoutOf(taskId), taskId).toBe('run\n');
      const own = updates.filter(({ task }) => task.taskId === taskId);
      const ends = own.filter(({ state }) => isTerminal(state));
      expect(new Set(ends.map(({ sequence }) => sequence)).size, taskId).toBe(1);
    }
  },
  5 * WAIT_MS,
);

test(
  'what runs without a record is killed when the agent is back, which says so; what has one goes on',
  async () => {
    agent.start();
    await leader.registered();
    for (const taskId of ['explained', 'stray', 'damaged']) {
      await leader.order(aShellTask(taskId, 'echo run; setsid sleep 1000 & sleep 1000'));
      await leader.untilState(taskId, 'running');
    }
    await agent.end('SIGKILL');
    rmSync(path.join(agent.workDirectory, 'tasks/alice.fw.stray.task'));
    agent.write('tasks/alice.fw.damaged.task', 'torn');
    expect(processesOf(agent, 'stray')).toHaveLength(2);
    agent.start();
    const { tasks } = await leader.registered();
    expect(tasks.map(({ task }) => task.taskId)).toEqual(['explained']);
    for (const taskId of ['stray', 'damaged']) {
      await expect.poll(() => processesOf(agent, taskId), { timeout: WAIT_MS }).toEqual([]);
    }
    expect(agent.output.match(/a task without a record was killed/g)).toHaveLength(2);
    expect(processesOf(agent, 'explained')).toHaveLength(2);
    await leader.kill('explained', 0);
    expect(await leader.ended('explained')).toMatchObject({ state: 'killed' });
  },
  2 * WAIT_MS,
);

test(
  'tasks of an earlier boot of the host are told as ended by that, and are not started again',
  async () => {
    agent.start();
    await leader.registered();
    await leader.order(aShellTask('of-before', 'echo run; sleep 1000'));
    await leader.order(aShellTask('told-to-stop', 'echo run; trap "" TERM; sleep 1000'));
    for (const taskId of ['of-before', 'told-to-stop']) await leader.untilState(taskId, 'running');
    await leader.kill('told-to-stop', 600_000);
    await leader.untilState('told-to-stop', 'killing');
    await agent.end('SIGKILL');
    await goDown(agent);
    agent.start();
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
  },
  2 * WAIT_MS,
);

test(
  'an agent that is killed beside two hundred running tasks has all of them when it is back, hardly later than without any',
  async () => {
    const idleMs = await msUntilRegistered();
    const taskIds = Array.from({ length: MANY }, (_, number) => `many${number}`);
    const script = 'while [ ! -e go ]; do sleep 1; done; exit 5';
    for (const taskId of taskIds) await leader.order(aShellTask(taskId, script));
    const running = async () =>
      (await leader.updates()).filter(({ task: { taskId }, state }) => {
        return taskId.startsWith('many') && state === 'running';
      }).length;
    await expect.poll(running, { timeout: 2 * WAIT_MS, interval: 500 }).toBe(MANY);
    await agent.end('SIGKILL');
    const awayIds = taskIds.slice(0, MANY / 4);
    for (const taskId of awayIds) agent.touch(taskId, 'go');
    const busyMs = await msUntilRegistered();
    expect(leader.registrations.at(-1)?.tasks).toHaveLength(MANY);
    // A process of systemctl for each of them would take it many times as long.
    expect(busyMs / idleMs).toBeLessThan(4);
    for (const taskId of taskIds) agent.touch(taskId, 'go');
    const ended = async () =>
      (await leader.updates()).filter(
        ({ task: { taskId }, exitCode }) => taskId.startsWith('many') && exitCode === 5,
      ).length;
    await expect.poll(ended, { timeout: 2 * WAIT_MS, interval: 500 }).toBe(MANY);
  },
  5 * WAIT_MS,
);

/** False when the task's end is stored, and the agent had nothing more to do for it. */
async function diesBeforeTheEnd(taskId: string, died: Promise<void>): Promise<boolean> {
  let hasDied = false;
  void died.then(() => {
    hasDied = true;
  });
  for (;;) {
    const isToldOf = (await leader.history(taskId)).some(({ state }) => isTerminal(state));
    await Promise.race([died, wait(LOOK_MS)]);
    if (hasDied || isToldOf) return hasDied;
  }
}

/** Of a new life of the agent, from its start on. */
async function msUntilRegistered(): Promise<number> {
  const beganMs = performance.now();
  const before = leader.registrations.length;
  agent.start();
  const hasRegistered = () => leader.registrations.length > before;
  await expect.poll(hasRegistered, { timeout: WAIT_MS, interval: 10 }).toBe(true);
  return performance.now() - beganMs;
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

/** Pids of what has a task's sandbox as its home, but for shells. */
function processesOf({ workDirectory }: AgentUnderTest, taskId: string): string[] {
  const home = `HOME=${path.join(workDirectory, 'sandboxes/alice/fw', taskId)}\0`;
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const isSleep = readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n';
      return isSleep && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(home);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}
