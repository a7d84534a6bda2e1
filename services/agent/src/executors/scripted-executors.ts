// Drives a roster of custom executors through a story in tests: a disk that works or is slow, executors that say what
// the test says, time that is set by hand, and the effects by kind. It decides nothing.
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import {
  AgentId,
  type ExecutorKey,
  ExecutorRef,
  type TaskId,
  type TaskKey,
  TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type { StopAnswer } from '@parley/protocol/revocations';
import { TaskDescription, type TaskDescriptionInput } from '@parley/protocol/tasks';
import type { SupervisorEffect } from '../supervisor-messages.ts';
import type { ObservedOutcome } from '../task-outcome.ts';
import type { TaskRecord } from '../task-record.ts';
import type { ExecutorEffect, PlacedExecutorInput } from './executor-messages.ts';
import type { ExecutorRecord } from './executor-record.ts';
import { ExecutorRoster } from './executor-roster.ts';
import { customExecutorOf, ExecutorTask } from './executor-task.ts';

const agentId = AgentId.parse('agent-1');
export const EXECUTOR = ExecutorRef.parse({
  principal: 'team',
  frameworkId: 'fw',
  executorId: 'e1',
});
export const KEY: ExecutorKey = 'team/fw/e1';
const SESSION = 's';
const WALL_MS = 5_000_000;

type Effect<Kind extends ExecutorEffect['kind']> = Extract<ExecutorEffect, { kind: Kind }>;
/** Distributes over the kinds, which the place is a part of. */
type Story<Input> = Input extends PlacedExecutorInput
  ? Omit<Input, 'executor' | 'incarnation'>
  : never;

const refOf = (taskId: string): TaskRef =>
  TaskRef.parse({ principal: 'team', frameworkId: 'fw', taskId });

function aDescription(
  taskId: string,
  changes: Partial<TaskDescriptionInput> = {},
): TaskDescription {
  return TaskDescription.parse({
    taskId,
    resources: { scalars: { cpus: 100, mem: 32_000 } },
    executor: {
      executorId: 'e1',
      command: { argv: ['program'] },
      resources: { scalars: { cpus: 200, mem: 64_000 } },
    },
    ...changes,
  });
}

/** What outlives the agent's process. */
export type Disk = {
  readonly tasks: Map<TaskKey, TaskRecord>;
  readonly executors: Map<ExecutorKey, ExecutorRecord>;
};

export class ScriptedExecutors {
  roster: ExecutorRoster;
  readonly disk: Disk = { tasks: new Map(), executors: new Map() };
  readonly tasks = new Map<TaskKey, ExecutorTask>();
  readonly forgotten = new Set<TaskKey>();
  /** Records of tasks are written only when the test says so. */
  isTaskDiskSlow = false;
  nowMs = 1000;
  incarnation = WALL_MS;
  connection = 0;
  effects: SupervisorEffect[] = [];
  /** What executors said to the question to stop a task. */
  readonly stopAnswers: [string, StopAnswer][] = [];
  #slowWrites: Extract<SupervisorEffect, { kind: 'persist' }>[] = [];

  constructor() {
    this.roster = this.#boot();
  }

  #boot(): ExecutorRoster {
    return new ExecutorRoster({
      agentId,
      hostname: 'host',
      session: SESSION,
      saidToStop: (task, answer) => this.stopAnswers.push([task.taskId, answer]),
      tasks: {
        find: (key) => this.tasks.get(key),
        wasForgotten: (key) => this.forgotten.has(key),
        all: () => this.tasks.values(),
        changed: (task, now, out) => this.roster.settle(task, now, out),
      },
    });
  }

  get #now(): { nowMs: number; wallTimeMs: number } {
    return { nowMs: this.nowMs, wallTimeMs: WALL_MS + this.nowMs - 1000 };
  }

  /** The disk answers at once, the limits are set at once, and what a task needs is copied at once. */
  #carryOut(effects: SupervisorEffect[]): this {
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        if (this.isTaskDiskSlow) this.#slowWrites.push(effect);
        else this.#writeTask(effect);
      }
      if (effect.kind === 'copyInputs') {
        this.#withTask(effect.ref.taskId, (task) => task.inputsCopied());
      }
      if (effect.kind !== 'executor') continue;
      const { effect: inner } = effect;
      if (inner.kind === 'launch') this.incarnation = inner.incarnation;
      if (inner.kind === 'forget') this.disk.executors.delete(KEY);
      if (inner.kind !== 'persist') continue;
      this.disk.executors.set(KEY, inner.record);
      const { executor, incarnation, revision } = inner;
      this.take({ kind: 'recorded', executor, incarnation, revision });
    }
    return this;
  }

  #writeTask({
    task: key,
    revision,
    record,
  }: Extract<SupervisorEffect, { kind: 'persist' }>): void {
    this.disk.tasks.set(key, record);
    this.#withTask(record.task.taskId, (task, now, out) => {
      task.take({ kind: 'recorded', task: key, revision }, now, out);
    });
  }

  /** The slow disk does what it was asked for. */
  writeTasks(): this {
    for (const effect of this.#slowWrites.splice(0)) this.#writeTask(effect);
    return this;
  }

  /** Of what it was asked for, it does the first. */
  writeOneTask(): this {
    for (const effect of this.#slowWrites.splice(0, 1)) this.#writeTask(effect);
    return this;
  }

  #withTask(
    taskId: string,
    act: (
      task: ExecutorTask,
      now: { nowMs: number; wallTimeMs: number },
      out: SupervisorEffect[],
    ) => void,
  ): this {
    const task = this.task(taskId);
    const out: SupervisorEffect[] = [];
    act(task, this.#now, out);
    this.roster.settle(task, this.#now, out);
    return this.#carryOut(out);
  }

  task(taskId: string): ExecutorTask {
    const task = this.tasks.get(taskKey(refOf(taskId)));
    if (task === undefined) throw new Error(`there is no task ${taskId}`);
    return task;
  }

  run(
    taskId: string,
    changes: Partial<TaskDescriptionInput> = {},
    group?: readonly string[],
  ): this {
    const description = aDescription(taskId, changes);
    const executor = customExecutorOf({ description });
    if (executor === undefined) throw new Error('a task without a custom executor');
    const { executorId } = executor;
    const taskIds = group?.map((id) => refOf(id).taskId);
    const order = { description, ...(taskIds && { group: { executorId, taskIds } }) };
    const task = new ExecutorTask(agentId, refOf(taskId), order, executor);
    this.tasks.set(task.key, task);
    this.roster.attach(task, this.#now);
    return this.#withTask(taskId, (each, _, out) => each.accept(out));
  }

  kill(
    taskId: string,
    graceMs?: number,
    reason: 'framework' | 'frameworkRemoved' = 'framework',
  ): this {
    return this.#withTask(taskId, (task, now, out) => task.stop({ reason, graceMs }, now, out));
  }

  asksToStop(taskId: string, graceMs: number): this {
    return this.#withTask(taskId, (task, now) => task.askToStop(graceMs, now));
  }

  callsOff(taskId: string): this {
    return this.#withTask(taskId, (task) => task.stopCalledOff());
  }

  /** An executor's word on the question. */
  saysToStop(taskId: string, answer: StopAnswer): this {
    return this.says({ kind: 'stopAnswered', taskId: refOf(taskId).taskId, answer });
  }

  failInputs(taskId: string): this {
    const failure = { code: 'failed', message: 'no such object' } as const;
    return this.#withTask(taskId, (task, now, out) => task.inputsFailed(failure, now, out));
  }

  outputsCopied(taskId: string): this {
    return this.#withTask(taskId, (task, now, out) => task.outputsCopied(now, out));
  }

  take(input: Parameters<ExecutorRoster['handle']>[0]): this {
    const out: SupervisorEffect[] = [];
    this.roster.handle(input, this.#now, out);
    return this.#carryOut(out);
  }

  /** Something happens to the executor that lives now. */
  happens(input: Story<PlacedExecutorInput>): this {
    const { incarnation } = this;
    return this.take({ executor: EXECUTOR, incarnation, ...input } as PlacedExecutorInput);
  }

  ends(outcome: ObservedOutcome): this {
    return this.happens({ kind: 'ended', outcome });
  }

  says(message: FromExecutor, connection = this.connection): this {
    return this.happens({ kind: 'said', connection, message });
  }

  /** On a new connection. */
  subscribes(
    tasks: readonly string[] = [],
    updates: Extract<FromExecutor, { kind: 'update' }>['update'][] = [],
  ): this {
    this.connection += 1;
    return this.says({
      kind: 'subscribe',
      executor: EXECUTOR,
      unacknowledgedTasks: tasks.map((taskId): TaskId => refOf(taskId).taskId),
      unacknowledgedUpdates: updates,
    });
  }

  /** From its first task to its subscription. */
  goesLive(taskId = 't1', changes: Partial<TaskDescriptionInput> = {}): this {
    return this.run(taskId, changes).happens({ kind: 'started' }).subscribes();
  }

  updates(
    taskId: string,
    sequence: number,
    state: Extract<FromExecutor, { kind: 'update' }>['update']['state'],
    more: { readonly message?: string; readonly healthy?: boolean } = {},
  ): this {
    const update = { taskId: refOf(taskId).taskId, sequence, state, ...more };
    return this.says({ kind: 'update', update });
  }

  setLimits(): this {
    for (const { revision } of this.takeEffects('setLimits')) {
      this.happens({ kind: 'limitsSet', revision });
    }
    return this;
  }

  after(durationMs: number): this {
    this.nowMs += durationMs;
    return this.tick();
  }

  tick(): this {
    const out: SupervisorEffect[] = [];
    this.roster.tick(this.#now, out);
    return this.#carryOut(out);
  }

  shutsDown(graceMs?: number): this {
    const out: SupervisorEffect[] = [];
    const order = { executor: EXECUTOR, ...(graceMs !== undefined && { graceMs }) };
    this.roster.shutDown(order, this.#now, out);
    return this.#carryOut(out);
  }

  connected(): this {
    this.roster.connected(this.nowMs);
    return this.tick();
  }

  /** The leader confirms every exit that it is told. */
  confirmExits(): Effect<'tellExited'>[] {
    this.connected();
    const told = this.takeEffects('tellExited');
    for (const { counter } of told) {
      this.take({ kind: 'exitAnswered', counter, answer: { ok: true, value: {} } });
    }
    return told;
  }

  /** The agent's process dies, and the next one finds its records and this of the executor's processes. */
  restart(outcome: ObservedOutcome): this {
    this.effects = [];
    this.#slowWrites = [];
    this.tasks.clear();
    this.roster = this.#boot();
    const executors = [...this.disk.executors.values()].map((record) => ({ record, outcome }));
    const out: SupervisorEffect[] = [];
    this.roster.adopt(executors);
    for (const [key, record] of this.disk.tasks) {
      const { description, group } = record;
      const executor = description && customExecutorOf({ description });
      if (description === undefined || executor === undefined) continue;
      const order = { description, ...(group && { group }) };
      const task = new ExecutorTask(agentId, record.task, order, executor);
      this.tasks.set(key, task);
      task.recover(record, this.#now);
    }
    this.roster.recover(executors, this.#now, out);
    return this.#carryOut(out);
  }

  /** The effects of one kind since the last time, and forgets them. */
  takeEffects<Kind extends ExecutorEffect['kind']>(kind: Kind): Effect<Kind>[] {
    const taken: Effect<Kind>[] = [];
    this.effects = this.effects.filter((effect) => {
      if (effect.kind !== 'executor' || effect.effect.kind !== kind) return true;
      taken.push(effect.effect as Effect<Kind>);
      return false;
    });
    return taken;
  }

  /** What was sent to the executor since the last time. */
  sent(): ToExecutor[] {
    return this.takeEffects('send').map(({ message }) => message);
  }

  sentKinds(): string[] {
    return this.sent().map((message) =>
      message.kind === 'launch' ? `launch ${message.task.taskId}` : message.kind,
    );
  }

  acknowledged(): number[] {
    return this.sent().flatMap((message) =>
      message.kind === 'acknowledged' ? [message.sequence] : [],
    );
  }

  reports(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'report' ? [effect.what] : []));
  }

  /** States of a task in the order of its updates. */
  states(taskId: string): string[] {
    return this.task(taskId).outbox.updates.map(({ state }) => state);
  }

  end(taskId: string): { state: string; reason?: string } {
    const { state, reason } = this.task(taskId).outbox.updates.at(-1) ?? { state: 'none' };
    return { state, ...(reason && { reason }) };
  }
}
