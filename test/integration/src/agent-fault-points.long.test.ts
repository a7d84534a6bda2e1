// That an agent may die at any moment: by kill -9 before each thing that it does for a task, one life after the other, from the
// order to the last word about its end.
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isTerminal } from '@parley/protocol/tasks';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { AgentUnderTest, aShellTask, PlayedLeader, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';

const FAULTS = fileURLToPath(new URL('./fault-points.ts', import.meta.url));
const MOST_POINTS = 100;
const LOOK_MS = 300;

vi.setConfig({ testTimeout: 20 * WAIT_MS, hookTimeout: WAIT_MS });

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto');
});
afterEach(async () => {
  if (agent.pid !== 0) await agent.end('SIGKILL');
});
afterAll(async () => {
  await agent?.close();
  await bus?.close();
});

const once = (taskId: string) => aShellTask(taskId, 'echo run; sleep 0.05; exit 7');

/** Before what the lives of the agent ended, from that place of its output on. */
const pointsSince = (start: number): string[] =>
  [...agent.output.slice(start).matchAll(/^fault point: (.*)$/gm)].map(([, what = '']) => what);

/** The next life of the agent ends before the first thing that it does for the task and that is none of `passed`. */
async function startFaulty(
  taskId: string,
  passed: readonly string[],
  launcher: string,
): Promise<void> {
  const options = `NODE_OPTIONS=--import=${FAULTS}`;
  const asked = [`PARLEY_FAULT_TASK=${taskId}`, `PARLEY_FAULT_PASSED=${passed.join('\n')}`];
  agent.through = ['env', options, ...asked];
  const before = leader.registrations.length;
  agent.start('--launcher', launcher);
  const hasRegistered = () => leader.registrations.length > before;
  await vi.waitUntil(hasRegistered, { timeout: 2 * WAIT_MS, interval: 20 }).catch((cause) => {
    throw new Error(`for ${taskId} nobody registered: ${agent.output.slice(-2000)}`, { cause });
  });
}

const LAUNCHERS = [
  ['auto', 'f', /^send (the shim its go|systemd a call) /],
  ['systemd-run', 's', /^chown into .*stdout /],
] as const;

test.each(LAUNCHERS)(
  'with --launcher %s an agent that dies by kill -9 before whatever it does for a task runs it once and tells its end once',
  async (launcher, prefix, ofThis) => {
    const start = agent.output.length;
    const taskIds: string[] = [];
    let points: string[] = [];
    for (let hasDied = true; hasDied; ) {
      const taskId = `${prefix}${taskIds.length + 1}`;
      await startFaulty(taskId, points, launcher);
      const [before] = taskIds.slice(-1);
      // As a leader does, which has had no answer, or lost the one that it had.
      if (before !== undefined) await leader.order(once(before));
      taskIds.push(taskId);
      const died = agent.dies();
      await Promise.race([leader.order(once(taskId)).catch(() => undefined), died]);
      hasDied = await diesBeforeTheEnd(taskId, died);
      if (hasDied) await vi.waitUntil(() => pointsSince(start).length === taskIds.length, WAIT_MS);
      points = pointsSince(start);
      expect(points.length, points.join('\n')).toBeLessThan(MOST_POINTS);
    }
    for (const what of [
      /^writeFile tasks\/alice.fw.TASK.task.partial/,
      /^rename .*\.task\.partial/,
      /^send the answer to the order/,
      /^writeFile into parley-.*\/(launch|environment)\./,
      ofThis,
      /^readFile .*\/exit /,
      /^send .*a status update/,
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
