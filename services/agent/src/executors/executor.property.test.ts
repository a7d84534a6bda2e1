// The agent's side and the SDK's together, in whatever order connections break, messages arrive and agents die: what
// an executor says is neither lost nor told twice, and no task starts twice.
import { ExecutorSession, type SessionEffect } from '@parley/executor-sdk/executor-session';
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import { TaskId } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EXECUTOR, ScriptedExecutors } from './scripted-executors.ts';

const TASKS = ['t0', 't1', 't2', 't3'] as const;
type Name = (typeof TASKS)[number];

class Pair {
  readonly agent = new ScriptedExecutors();
  readonly session = new ExecutorSession({ executor: EXECUTOR, recoveryTimeoutMs: 1e9 });
  /** How often the executor was told to start a task. */
  readonly starts = new Map<string, number>();
  /** States that the executor has reported, by task. */
  readonly reported = new Map<string, string[]>();
  #toAgent: FromExecutor[] = [];
  #toExecutor: ToExecutor[] = [];
  #isConnected = false;
  #nowMs = 0;

  constructor() {
    this.agent.run('t0').happens({ kind: 'started' }).setLimits();
  }

  order(name: Name): void {
    if (!this.agent.tasks.has(`team/fw/${name}`)) this.agent.run(name).setLimits();
    this.#collect();
  }

  kill(name: Name): void {
    if (this.agent.tasks.has(`team/fw/${name}`)) this.agent.kill(name);
    this.#collect();
  }

  report(name: Name, state: 'running' | 'finished'): void {
    if (!this.starts.has(name)) return;
    const { isTold, effects } = this.session.report({ taskId: TaskId.parse(name), state });
    if (isTold) this.reported.set(name, [...(this.reported.get(name) ?? []), state]);
    this.#carryOut(effects);
  }

  connect(): void {
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.agent.connection += 1;
    this.#carryOut(this.session.connected());
  }

  /** The agent has read so much of what was sent; the executor reads all, since it notices the end last. */
  disconnect(read: number): void {
    if (!this.#isConnected) return;
    for (let count = 0; count < read; count += 1) this.deliverToAgent();
    this.#toAgent = [];
    const { connection } = this.agent;
    this.#isConnected = false;
    this.agent.happens({ kind: 'connectionClosed', connection }).setLimits();
    this.agent.sent();
    while (this.#toExecutor.length > 0) this.deliverToExecutor();
    this.#nowMs += 10;
    this.session.disconnected(this.#nowMs);
  }

  /** The agent's process dies, with what it had not sent and the records that it had not written yet. */
  restart(lost: number): void {
    this.#toExecutor.splice(Math.max(0, this.#toExecutor.length - lost));
    this.agent.restart({ state: 'running' });
    if (this.#isConnected) {
      this.#isConnected = false;
      this.#toAgent = [];
      while (this.#toExecutor.length > 0) this.deliverToExecutor();
      this.session.disconnected(this.#nowMs);
    }
    this.agent.isTaskDiskSlow = false;
    this.agent.setLimits();
    this.#collect();
  }

  slowDisk(isSlow: boolean): void {
    this.agent.isTaskDiskSlow = isSlow;
    if (!isSlow) this.agent.writeTasks().setLimits();
    this.#collect();
  }

  deliverToAgent(): void {
    const message = this.#toAgent.shift();
    if (message !== undefined) this.agent.says(message).setLimits();
    this.#collect();
  }

  deliverToExecutor(): void {
    const message = this.#toExecutor.shift();
    if (message !== undefined) this.#carryOut(this.session.received(message, this.#nowMs));
  }

  settle(): void {
    this.slowDisk(false);
    this.connect();
    for (let round = 0; round < 200; round += 1) {
      this.deliverToAgent();
      this.deliverToExecutor();
    }
  }

  #collect(): void {
    const sent = this.agent.sent();
    if (this.#isConnected) this.#toExecutor.push(...sent);
  }

  #carryOut(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.#send(effect.message);
      if (effect.kind !== 'start') continue;
      for (const { taskId } of effect.tasks) {
        this.starts.set(taskId, (this.starts.get(taskId) ?? 0) + 1);
      }
    }
  }

  #send(message: FromExecutor): void {
    if (this.#isConnected) this.#toAgent.push(message);
    if (message.kind !== 'update' || message.update.state !== 'killing') return;
    const { taskId } = message.update;
    this.reported.set(taskId, [...(this.reported.get(taskId) ?? []), 'killing']);
  }
}

const aName = fc.constantFrom(...TASKS);
// Most steps carry on what is under way, so that what breaks breaks in the middle of something.
const aStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ does: fc.constant('deliver' as const), isToAgent: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('running' as const), name: aName }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('finished' as const), name: aName }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('order' as const), name: aName }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('kill' as const), name: aName }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('connect' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('disconnect' as const), count: fc.nat(4) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('restart' as const), count: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('slowDisk' as const), isSlow: fc.boolean() }),
  },
);
type Step = typeof aStep extends fc.Arbitrary<infer Value> ? Value : never;

function take(pair: Pair, step: Step): void {
  switch (step.does) {
    case 'order':
      pair.order(step.name);
      return;
    case 'kill':
      pair.kill(step.name);
      return;
    case 'running':
    case 'finished':
      pair.report(step.name, step.does);
      return;
    case 'connect':
      pair.connect();
      return;
    case 'disconnect':
      pair.disconnect(step.count);
      return;
    case 'restart':
      pair.restart(step.count);
      return;
    case 'slowDisk':
      pair.slowDisk(step.isSlow);
      return;
    case 'deliver':
      if (step.isToAgent) pair.deliverToAgent();
      else pair.deliverToExecutor();
  }
}

/** A task that is being killed stays so: what it says as running then is told with that state. */
const asTold = (said: readonly string[]): string[] =>
  said.map((state, place) =>
    state === 'running' && said.slice(0, place).includes('killing') ? 'killing' : state,
  );

test('what an executor says is neither lost nor told twice, and no task starts twice, whatever breaks', () => {
  fc.assert(
    fc.property(fc.array(aStep, { minLength: 20, maxLength: 150 }), (steps) => {
      const pair = new Pair();
      pair.settle();
      for (const step of steps) take(pair, step);
      pair.settle();
      expect([...pair.starts.values()].filter((count) => count > 1)).toEqual([]);
      for (const [name, said] of pair.reported) {
        const told = pair.agent.states(name).filter((state) => state !== 'starting');
        expect(told).toEqual(asTold(said));
        if (said.some((state) => isTerminal(state as 'running'))) {
          expect(pair.agent.task(name).phase).toBe('ended');
        }
      }
    }),
    { numRuns: 300 },
  );
});
