// Drives a supervisor through a story in tests: a disk that works, is full or slow, time that is set by hand, and the
// effects by kind. It decides nothing.
import { fail } from '@parley/protocol/errors';
import { ExecutorDescription } from '@parley/protocol/executor-description';
import {
  AgentId,
  FrameworkRef,
  RoleName,
  type TaskKey,
  TaskRef,
  VolumeId,
} from '@parley/protocol/ids';
import { TaskDescription, type TaskDescriptionInput } from '@parley/protocol/tasks';
import { Supervisor } from './supervisor.ts';
import type { SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';
import type { SupervisorOptions } from './supervisor-options.ts';
import type { ObservedOutcome } from './task-outcome.ts';
import type { TaskRecord } from './task-record.ts';

const framework = FrameworkRef.parse({ principal: 'team', frameworkId: 'fw' });
const ROLE = RoleName.parse('a/b');
export const EPOCH = { bucketCreatedMs: 1, revision: 1 };
export const LATER = { bucketCreatedMs: 1, revision: 2 };
export const KEY: TaskKey = 'team/fw/t1';
export const REF = TaskRef.parse({ ...framework, taskId: 't1' });

function aDescription(changes: Partial<TaskDescriptionInput> = {}): TaskDescription {
  return TaskDescription.parse({
    taskId: 't1',
    resources: { scalars: { cpus: 100, mem: 32_000 } },
    command: { argv: ['true'] },
    ...changes,
  });
}

export const aRun = (reply = 1, changes: Partial<TaskDescriptionInput> = {}): SupervisorInput => ({
  kind: 'run',
  epoch: EPOCH,
  order: { framework, role: ROLE, description: aDescription(changes) },
  reply,
});

export const aKill = (reply = 2, graceMs?: number): SupervisorInput => ({
  kind: 'kill',
  epoch: EPOCH,
  order: { task: REF, reason: 'framework', ...(graceMs !== undefined && { graceMs }) },
  reply,
});

export const keyOf = (taskId: string): TaskKey => `team/fw/${taskId}`;
const refOf = (taskId: string): TaskRef => TaskRef.parse({ ...framework, taskId });

export const aKillOf = (taskId: string, reply = 2): SupervisorInput => ({
  kind: 'kill',
  epoch: EPOCH,
  order: { task: refOf(taskId), reason: 'framework' },
  reply,
});

/** An order to run a group of these tasks. */
export const aGroup = (
  taskIds: readonly string[],
  reply = 1,
  changes: Partial<TaskDescriptionInput> = {},
): SupervisorInput => ({
  kind: 'runGroup',
  epoch: EPOCH,
  order: {
    framework,
    role: ROLE,
    executor: ExecutorDescription.parse({ executorId: 'pod', kind: 'default' }),
    descriptions: taskIds.map((taskId) => aDescription({ ...changes, taskId })),
  },
  reply,
});

export const aDestroy = (volumeId: string, reply = 9): SupervisorInput => ({
  kind: 'destroyVolume',
  epoch: EPOCH,
  order: { role: ROLE, volumeId: VolumeId.parse(volumeId) },
  reply,
});

/** A supervisor whose disk works, with what it did since the last question. */
export class ScriptedSupervisor {
  readonly supervisor: Supervisor;
  readonly #disk: 'works' | 'isFull' | 'isSlow';
  readonly disk = new Map<TaskKey, TaskRecord>();
  nowMs = 1000;
  wallTimeMs = 1_700_000_000_000;
  effects: SupervisorEffect[] = [];
  /** What came while an input was taken: its turn is next. */
  readonly #inputs: SupervisorInput[] = [];

  constructor(
    disk: 'works' | 'isFull' | 'isSlow' = 'works',
    limits: SupervisorOptions['limits'] = { tasks: 4 },
  ) {
    this.#disk = disk;
    this.supervisor = new Supervisor({
      agentId: AgentId.parse('agent-1'),
      host: {
        hostname: 'host',
        total: { scalars: { cpus: 4000 }, ports: [], sets: {} },
        attributes: {},
      },
      registration: { session: 's', jitter: 0 },
      ...(limits && { limits }),
    });
  }

  send(input: SupervisorInput): this {
    this.#inputs.push(input);
    if (this.#inputs.length > 1) return this;
    for (let next = this.#inputs[0]; next !== undefined; next = this.#inputs[0]) {
      const now = { nowMs: this.nowMs, wallTimeMs: this.wallTimeMs };
      for (const effect of this.supervisor.handle(next, now)) {
        this.effects.push(effect);
        this.#write(effect);
      }
      this.#inputs.shift();
    }
    return this;
  }

  #write(effect: SupervisorEffect): void {
    if (effect.kind === 'forget') this.disk.delete(effect.task);
    if (effect.kind !== 'persist' || this.#disk === 'isSlow') return;
    const { task, revision, record } = effect;
    if (this.#disk === 'works') {
      this.disk.set(task, record);
      this.send({ kind: 'recorded', task, revision });
    } else {
      const { failure } = fail('diskFull', 'no space');
      this.send({ kind: 'recordFailed', task, revision, failure });
    }
  }

  /** The next process, as long after the death of this one; `outcomes`: of tasks that have started. */
  restarted(
    outcomes: Readonly<Record<TaskKey, ObservedOutcome>> = {},
    afterMs = 0,
  ): ScriptedSupervisor {
    const next = new ScriptedSupervisor('works', { tasks: 100 });
    next.nowMs = 50;
    next.wallTimeMs = this.wallTimeMs + afterMs;
    const tasks = [...this.disk].map(([key, record]) => {
      next.disk.set(key, record);
      return { record, outcome: outcomes[key] ?? ({ state: 'notStarted' } as const) };
    });
    return next.send({ kind: 'recovered', tasks });
  }

  registered(): this {
    this.send({ kind: 'connected' });
    const [request] = this.take('register');
    const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
    return this.send({
      kind: 'registerAnswered',
      counter: request?.counter ?? 0,
      epoch: EPOCH,
      answer: { ok: true, value },
    });
  }

  /** A group all of whose tasks run. */
  runningGroup(taskIds: readonly string[], changes: Partial<TaskDescriptionInput> = {}): this {
    this.send(aGroup(taskIds, 1, changes));
    for (const taskId of taskIds) this.send({ kind: 'inputsCopied', task: keyOf(taskId) });
    for (const taskId of taskIds) this.send({ kind: 'launched', task: keyOf(taskId) });
    return this;
  }

  running(changes: Partial<TaskDescriptionInput> = {}): this {
    this.send(aRun(1, changes));
    this.send({ kind: 'inputsCopied', task: KEY }).send({ kind: 'launched', task: KEY });
    return this;
  }

  after(durationMs: number): this {
    this.nowMs += durationMs;
    this.wallTimeMs += durationMs;
    return this.send({ kind: 'tick' });
  }

  /** The effects of one kind since the last time, and forgets them. */
  take<Kind extends SupervisorEffect['kind']>(
    kind: Kind,
  ): Extract<SupervisorEffect, { kind: Kind }>[] {
    const isWanted = (
      effect: SupervisorEffect,
    ): effect is Extract<SupervisorEffect, { kind: Kind }> => effect.kind === kind;
    const wanted = this.effects.filter(isWanted);
    this.effects = this.effects.filter((effect) => !isWanted(effect));
    return wanted;
  }

  /** Acknowledges updates until there is none left to send; gives their states. */
  publishAll(): string[] {
    const states: string[] = [];
    for (let updates = this.take('publishUpdate'); updates.length > 0; ) {
      for (const { task, update } of updates) {
        states.push(update.state);
        const streamSequence = states.length;
        this.send({ kind: 'updateAcked', task, sequence: update.sequence, streamSequence });
      }
      updates = this.take('publishUpdate');
    }
    return states;
  }

  /** State and reason of the last update of each of these tasks, from their records. */
  ends(...taskIds: string[]): unknown[] {
    return taskIds.map((taskId) => {
      const update = this.disk.get(keyOf(taskId))?.updates.at(-1);
      return [update?.state, update?.reason];
    });
  }

  answers(): (string | boolean)[] {
    return this.take('answer').map(({ answer }) => answer.ok || answer.failure.code);
  }

  watermark(sequence: number, createdMs = 7, damaged?: number[]): this {
    const about = { principal: framework.principal, createdMs, sequence };
    const streams = [{ ...about, ...(damaged && { damaged }) }];
    return this.send({ kind: 'watermarks', epoch: EPOCH, body: { streams } });
  }
}
