// What the tests of an agent that dies at any moment share: lives of one agent, each of which ends by kill -9 before a thing that
// it does for the work of that life, as fault-points.ts finds it; and what is true of all that work afterwards.
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isTerminal } from '@parley/protocol/tasks';
import { expect, vi } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { anExecutorTask, ExecutorStage } from './executor-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

const FAULTS = fileURLToPath(new URL('./fault-points.ts', import.meta.url));
const LOOK_MS = 300;
const MOST_POINTS = 250;
/** However slow the machine is: none is to end because its agent was away. */
const PATIENCE = ['--executor-registration-timeout', '60', '--executor-return-timeout', '60'];

/** What a life of the agent is asked to do, by an id of its own that is the beginning of all its names. */
export type Work = {
  readonly tasksOf: (id: string) => readonly string[];
  /** As often as a leader says it that has had no answer. */
  readonly order: (stage: FaultStage, id: string) => Promise<unknown>;
  /** How each of its tasks ends. */
  readonly end: Readonly<Record<string, unknown>>;
  /** Everything that a task has written, by all programs that were ever started for it. */
  readonly said: (agent: AgentUnderTest, taskId: string) => string;
  /** When all of it has ended. */
  readonly clear?: (stage: FaultStage, id: string) => Promise<unknown>;
};

const pairOf = (id: string): string[] => [`${id}-a`, `${id}-b`];

export const SINGLE_TASK: Work = {
  tasksOf: (id) => [id],
  order: ({ leader }, id) => leader.order(aShellTask(id, 'echo run; sleep 0.05; exit 7')),
  end: { state: 'failed', exitCode: 7 },
  said: (agent, taskId) => agent.stdoutOf(taskId),
};

export const GROUP: Work = {
  tasksOf: pairOf,
  order: ({ leader }, id) =>
    leader.orderGroup(
      pairOf(id).map((taskId) => aShellTask(taskId, 'echo run; sleep 0.05')),
      id,
    ),
  end: { state: 'finished', exitCode: 0 },
  said: (agent, taskId) => agent.stdoutOf(taskId),
};

export const EXECUTOR: Work = {
  tasksOf: pairOf,
  order: async ({ leader }, id) => {
    for (const taskId of pairOf(id)) await leader.order(anExecutorTask(taskId, 'once', id));
  },
  end: { state: 'finished', reason: 'executorReported' },
  said: (agent, taskId) => agent.executorFiles(`run-${taskId}`),
  clear: ({ executors }, id) => executors.shutDown(id, 0),
};

export class FaultStage {
  readonly leader: PlayedLeader;
  readonly executors: ExecutorStage;
  readonly agent: AgentUnderTest;
  readonly #bus: BusFixture;

  private constructor(bus: BusFixture, leader: PlayedLeader, executors: ExecutorStage) {
    this.#bus = bus;
    this.leader = leader;
    this.executors = executors;
    this.agent = new AgentUnderTest(bus, 'auto');
  }

  static async open(): Promise<FaultStage> {
    const bus = await startBus('reference');
    const leader = await PlayedLeader.lead(bus);
    return new FaultStage(bus, leader, await ExecutorStage.open(bus, leader));
  }

  async close(): Promise<void> {
    await this.agent.close();
    await this.#bus.close();
  }

  /** The next life of the agent ends before a first thing that it does for `id`; `how` says which: see fault-points.ts. */
  async start(id: string, launcher: string, how: Readonly<Record<string, string>>): Promise<void> {
    const asked = Object.entries({ ...how, PARLEY_FAULT_TASK: id });
    const words = asked.map(([name, value]) => `${name}=${value}`);
    this.agent.through = ['env', `NODE_OPTIONS=--import=${FAULTS}`, ...words];
    const before = this.leader.registrations.length;
    this.agent.start('--launcher', launcher, ...PATIENCE);
    const hasRegistered = (): boolean => this.leader.registrations.length > before;
    await vi.waitUntil(hasRegistered, { timeout: 2 * WAIT_MS, interval: 20 }).catch((cause) => {
      throw new Error(`for ${id} nobody registered: ${this.agent.output.slice(-2000)}`, { cause });
    });
  }

  /** Before what the lives of the agent ended, from that place of its output on. */
  pointsSince(start: number): string[] {
    const told = this.agent.output.slice(start).matchAll(/^fault point: (.*)$/gm);
    return [...told].map(([, what = '']) => what);
  }

  /** Orders, and waits until the agent has died; false when all has ended without, and nothing more was to be done. */
  async diesAt(work: Work, id: string): Promise<boolean> {
    let hasDied = false;
    const died = this.agent.dies().then(() => {
      hasDied = true;
    });
    await Promise.race([work.order(this, id).catch(() => undefined), died]);
    for (;;) {
      const isOver = await this.#haveEnded(work.tasksOf(id));
      await Promise.race([died, wait(LOOK_MS)]);
      if (hasDied || isOver) return hasDied;
    }
  }

  /** As a leader does, which has had no answer, or lost the one that it had. */
  async orderAgain(work: Work, id: string): Promise<void> {
    await work.order(this, id);
    if (work.clear === undefined) return;
    for (const taskId of work.tasksOf(id)) await this.leader.ended(taskId);
    await work.clear(this, id);
  }

  /** Each task has run once, and its end was told once. */
  async expectOnce(work: Work, ids: readonly string[]): Promise<void> {
    const taskIds = ids.flatMap((id) => work.tasksOf(id));
    for (const taskId of taskIds) {
      const end = await this.leader.ended(taskId);
      expect(end, JSON.stringify(end)).toMatchObject(work.end);
    }
    const updates = await this.leader.updates();
    for (const taskId of taskIds) {
      expect(work.said(this.agent, taskId), taskId).toBe('run\n');
      const own = updates.filter(({ task }) => task.taskId === taskId);
      const ends = own.filter(({ state }) => isTerminal(state));
      expect(new Set(ends.map(({ sequence }) => sequence)).size, taskId).toBe(1);
    }
  }

  /** One life after the other, until one has nothing left to die before; all the points. */
  async liveThrough(work: Work, prefix: string, launcher: string): Promise<string[]> {
    const start = this.agent.output.length;
    const ids: string[] = [];
    let points: string[] = [];
    for (let hasDied = true; hasDied; ) {
      const id = `${prefix}${ids.length + 1}`;
      await this.start(id, launcher, { PARLEY_FAULT_PASSED: points.join('\n') });
      const [before] = ids.slice(-1);
      if (before !== undefined) await this.orderAgain(work, before);
      ids.push(id);
      hasDied = await this.diesAt(work, id);
      const isTold = (): boolean => this.pointsSince(start).length === ids.length;
      if (hasDied) await vi.waitUntil(isTold, WAIT_MS);
      points = this.pointsSince(start);
      expect(points.length, points.join('\n')).toBeLessThan(MOST_POINTS);
    }
    await this.expectOnce(work, ids);
    return points;
  }

  async #haveEnded(taskIds: readonly string[]): Promise<boolean> {
    for (const taskId of taskIds) {
      const history = await this.leader.history(taskId);
      if (!history.some(({ state }) => isTerminal(state))) return false;
    }
    return true;
  }
}
