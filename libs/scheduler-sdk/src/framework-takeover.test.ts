// Owns what a framework makes of a group when its process was killed while the group ended: over a bus in memory, with a
// leader that may be behind. What an answer of the leader means for the group is framework-members.test.ts's.
import type { TaskId } from '@parley/protocol/ids';
import type { TaskState } from '@parley/protocol/tasks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cmd, type DesiredTask } from './desired-task.ts';
import { Framework } from './framework.ts';
import type { FrameworkOptions } from './framework-options.ts';
import type { FrameworkUpdate } from './framework-update.ts';
import { MemoryWorld } from './memory-ports.ts';

const MEMBER = { need: { cpus: 0.1 }, run: cmd('true') };

/** A user of one group who keeps what he was told, and his scheduler's lives. */
class PodUser {
  readonly world = new MemoryWorld();
  readonly told: FrameworkUpdate[] = [];
  readonly errors: Error[] = [];
  framework: Framework | undefined;
  /** What is desired is read slowly. */
  readMs = 0;
  readonly #pod: DesiredTask;
  readonly #heardOf = new Set<string>();
  #updates = 1;
  #isOver = false;

  constructor(size: number) {
    const members = Array.from({ length: size }, () => MEMBER);
    const executor = { executorId: 'pod' as never, kind: 'default' as const };
    this.#pod = { key: 'g', members, executor, retry: { backoff: { firstMs: 100 } } };
    // What is launched runs until a test says otherwise.
    this.world.leader.isMute = true;
  }

  /** A scheduler that has launched the group, whose members run. */
  static async withPod(size: number): Promise<PodUser> {
    const user = new PodUser(size);
    await user.begin();
    await user.offer();
    expect(user.told.map(({ state }) => state)).toEqual(Array(size).fill('running'));
    return user;
  }

  async begin(): Promise<void> {
    const { ports } = this.world;
    const { startTimer } = ports.clock;
    const framework = new Framework({
      frameworkId: 'fw',
      name: 'test',
      role: 'batch',
      ports,
      onError: (error) => void this.errors.push(error),
      onUpdate: (update) => {
        this.told.push(update);
        this.#isOver ||= update.terminal && !update.willRetry;
      },
    } as FrameworkOptions<unknown>).desired(async () => {
      if (this.readMs > 0) await new Promise<void>((read) => startTimer(this.readMs, read));
      return this.#isOver ? [] : [this.#pod];
    });
    this.framework = framework;
    const starting = framework.start();
    await this.world.pass(10);
    await starting;
  }

  async restart(): Promise<void> {
    this.world.crash();
    await this.begin();
    await this.world.pass(10);
  }

  /** Its process is killed after it has heard that the first member ended so. */
  async crashAfterFirst(end: TaskState): Promise<void> {
    this.update(0, end);
    await this.world.pass(10);
    this.world.crash();
  }

  async offer(): Promise<void> {
    const { leader } = this.world;
    leader.offer(1);
    await this.world.pass(10);
    for (const taskId of leader.launches.keys()) {
      if (this.#heardOf.has(taskId)) continue;
      this.#heardOf.add(taskId);
      leader.update(taskId as TaskId, 'agent', 1, 'running');
    }
    await this.world.pass(10);
  }

  update(index: number, state: TaskState): void {
    this.#updates += 1;
    this.world.leader.update(this.member(index), 'agent', this.#updates, state);
  }

  member(index: number): TaskId {
    const [first = ''] = this.world.leader.launches.keys();
    return first.replace(/x\d+$/, `x${index}`) as TaskId;
  }

  /** Launched so far. */
  get attempts(): number {
    const tasks = [...this.world.leader.launches.keys()];
    return new Set(tasks.map((taskId) => taskId.replace(/x\d+$/, ''))).size;
  }

  /** Everything is read by everybody, and there is room for another attempt. */
  async settle(): Promise<void> {
    this.world.leader.lag = 0;
    for (let round = 0; round < 4; round += 1) {
      await this.world.pass(30_000);
      await this.offer();
    }
  }

  /** What he was told about the group as a whole. */
  get verdicts(): FrameworkUpdate[] {
    return this.told.filter(({ terminal }) => terminal);
  }

  get last(): FrameworkUpdate | undefined {
    return this.told.at(-1);
  }
}

const questions = (user: PodUser): TaskId[][] =>
  user.world.leader.calls.flatMap(({ name, body }) =>
    name === 'reconcile' && body.tasks.length > 0 ? [body.tasks.map(({ taskId }) => taskId)] : [],
  );

describe('a framework that is killed between the ends of two members of a group', () => {
  it.each(['finished', 'failed'] as const)(
    'knows afterwards that the first one %s',
    async (end) => {
      const user = await PodUser.withPod(2);
      await user.crashAfterFirst(end);
      expect(user.last).toMatchObject({ state: end, terminal: false });
      user.update(1, 'finished');
      await user.begin();
      await user.settle();
      expect(questions(user)).toEqual([[user.member(0)]]);
      expect(user.verdicts).toMatchObject([{ state: 'finished', willRetry: end === 'failed' }]);
      expect(user.attempts).toBe(end === 'failed' ? 2 : 1);
    },
  );

  it('asks for the first one at once when the second one still runs, as it is not remembered for long', async () => {
    const user = await PodUser.withPod(3);
    user.update(0, 'failed');
    user.update(2, 'finished');
    await user.world.pass(10);
    await user.restart();
    expect(questions(user)).toEqual([[user.member(0), user.member(2)]]);
    user.world.leader.beliefs.set(user.member(0), 'unknown');
    user.update(1, 'finished');
    await user.settle();
    expect(user.verdicts).toMatchObject([{ state: 'finished', willRetry: true }]);
    expect(user.attempts).toBe(2);
  });

  it('runs the group again when the leader has forgotten the first one', async () => {
    const user = await PodUser.withPod(2);
    await user.crashAfterFirst('finished');
    user.world.leader.beliefs.set(user.member(0), 'unknown');
    user.update(1, 'finished');
    await user.begin();
    await user.settle();
    expect(user.verdicts).toMatchObject([{ state: 'finished', willRetry: true }]);
    expect(user.attempts).toBe(2);
  });

  it('is told the second end again when it is killed once more before it has the answer', async () => {
    const user = await PodUser.withPod(2);
    await user.crashAfterFirst('failed');
    user.update(1, 'finished');
    user.world.leader.lag = 2;
    await user.begin();
    await user.world.pass(3000);
    expect(questions(user).length).toBeGreaterThan(1);
    expect(user.last).toMatchObject({ state: 'failed' });
    user.world.leader.lag = 0;
    await user.restart();
    await user.settle();
    expect(user.verdicts).toMatchObject([{ state: 'finished', willRetry: true }]);
  });

  it('is not through with the second end when it is torn down before it has the answer', async () => {
    const user = await PodUser.withPod(2);
    await user.crashAfterFirst('finished');
    user.update(1, 'finished');
    user.world.leader.lag = 2;
    await user.begin();
    const ending = user.framework?.teardown();
    await user.world.pass(1000);
    await ending;
    expect(user.verdicts).toEqual([]);
    expect([...user.world.acknowledged]).not.toContain(user.world.leader.stream.length);
  });

  it('tells both ends when the leader knows of the second one before it has read that itself', async () => {
    const user = await PodUser.withPod(2);
    user.world.crash();
    user.update(1, 'finished');
    user.update(0, 'finished');
    user.world.reach = user.world.leader.stream.length - 1;
    await user.begin();
    await user.world.pass(1000);
    expect(questions(user)).toEqual([[user.member(0)]]);
    expect(user.told.slice(2)).toEqual([]);
    user.world.reach += 1;
    await user.settle();
    expect(user.told.slice(2)).toMatchObject([
      { state: 'finished', terminal: false },
      { state: 'finished', terminal: true, willRetry: false },
    ]);
  });

  it('asks nobody when both ends are still to be heard, and tells both', async () => {
    const user = await PodUser.withPod(2);
    user.world.crash();
    user.update(1, 'finished');
    user.update(0, 'finished');
    await user.begin();
    await user.settle();
    expect(questions(user)).toEqual([]);
    expect(user.told.slice(2)).toMatchObject([
      { state: 'finished', terminal: false },
      { state: 'finished', terminal: true, willRetry: false },
    ]);
  });
});

describe('a framework that takes over from a leader that is behind', () => {
  it('does not believe that a member runs whose end it has heard itself', async () => {
    const user = await PodUser.withPod(2);
    user.world.crash();
    user.update(1, 'finished');
    user.world.leader.lag = 1;
    user.readMs = 100;
    await user.begin();
    await user.world.pass(1000);
    user.world.leader.lag = 0;
    user.update(0, 'finished');
    await user.world.pass(10);
    expect(user.last).toMatchObject({ terminal: true, willRetry: false });
    await user.restart();
    await user.settle();
    expect(user.attempts).toBe(1);
  });

  it('does not believe that a member runs whose end its predecessor has heard', async () => {
    const user = await PodUser.withPod(2);
    user.update(1, 'finished');
    await user.world.pass(10);
    user.world.leader.lag = 1;
    await user.restart();
    await user.world.pass(5000);
    user.world.leader.lag = 0;
    await user.world.pass(5000);
    user.update(0, 'finished');
    await user.world.pass(10);
    expect(user.last).toMatchObject({ terminal: true, willRetry: false });
    await user.restart();
    await user.settle();
    expect(user.attempts).toBe(1);
  });
});

type Step = 'end' | 'restart' | 'crash' | 'pass' | 'behind' | 'abreast';

/** What becomes of a group whose members end so, in this order, while this is done to its framework and its leader. */
async function disturbed(
  ends: readonly TaskState[],
  steps: readonly Step[],
  lag: number,
): Promise<PodUser> {
  const user = await PodUser.withPod(ends.length);
  const { leader } = user.world;
  let ended = 0;
  const endOne = (): void => {
    const state = ends[ended];
    if (state !== undefined) user.update(ended, state);
    ended += 1;
  };
  const does: Record<Step, () => void | Promise<void>> = {
    end: endOne,
    restart: () => user.restart(),
    crash: () => user.world.crash(),
    pass: () => user.world.pass(3000),
    behind: () => {
      leader.lag = Math.min(lag, leader.stream.length);
    },
    abreast: () => {
      leader.lag = 0;
    },
  };
  for (const step of steps) await does[step]();
  while (ended < ends.length) endOne();
  await user.restart();
  await user.settle();
  return user;
}

it('a group runs once when all of it finished, twice when a member failed, whenever its framework is killed (property)', async () => {
  const end = fc.constantFrom<TaskState>('finished', 'finished', 'finished', 'failed');
  const step = fc.constantFrom<Step>(
    ...(['end', 'end', 'restart', 'restart', 'crash', 'pass', 'behind', 'abreast'] as const),
  );
  const run = fc.record({
    ends: fc.array(end, { minLength: 2, maxLength: 4 }),
    steps: fc.array(step, { maxLength: 20 }),
    lag: fc.integer({ min: 1, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ ends, steps, lag }) => {
      const user = await disturbed(ends, steps, lag);
      const isAllFinished = ends.every((state) => state === 'finished');
      expect(user.attempts).toBe(isAllFinished ? 1 : 2);
      expect(user.told.some((one) => one.terminal && !one.willRetry)).toBe(isAllFinished);
      for (const [index, state] of ends.entries()) {
        const own = user.told.filter(({ update }) => update?.task.taskId === user.member(index));
        expect(
          own.map((one) => one.state),
          'each end is told',
        ).toContain(state);
      }
    }),
    { numRuns: 100 },
  );
});
