// Drives a supervisor through a story in tests: a disk that works, is full or slow, time that is set by hand, and the
// effects by kind. It decides nothing.
import { fail } from '@parley/protocol/errors';
import { AgentId, FrameworkRef, RoleName, type TaskKey, TaskRef } from '@parley/protocol/ids';
import { TaskDescription, type TaskDescriptionInput } from '@parley/protocol/tasks';
import { Supervisor } from './supervisor.ts';
import type { SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';
import type { SupervisorOptions } from './supervisor-options.ts';

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

/** A supervisor whose disk works, with what it did since the last question. */
export class ScriptedSupervisor {
  readonly supervisor: Supervisor;
  readonly #disk: 'works' | 'isFull' | 'isSlow';
  nowMs = 1000;
  effects: SupervisorEffect[] = [];

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
      registration: { session: 's', jitterMs: 0 },
      ...(limits && { limits }),
    });
  }

  send(input: SupervisorInput): this {
    const effects = this.supervisor.handle(input, { nowMs: this.nowMs, wallTimeMs: 5 });
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.kind !== 'persist' || this.#disk === 'isSlow') continue;
      const { task, revision } = effect;
      if (this.#disk === 'works') this.send({ kind: 'recorded', task, revision });
      else {
        const { failure } = fail('diskFull', 'no space');
        this.send({ kind: 'recordFailed', task, revision, failure });
      }
    }
    return this;
  }

  registered(): this {
    this.send({ kind: 'connected' });
    const [request] = this.take('register');
    const value = { heartbeatIntervalMs: 5000, unknownTasks: [] };
    return this.send({
      kind: 'registerAnswered',
      counter: request?.counter ?? 0,
      epoch: EPOCH,
      answer: { ok: true, value },
    });
  }

  running(changes: Partial<TaskDescriptionInput> = {}): this {
    this.send(aRun(1, changes));
    this.send({ kind: 'inputsCopied', task: KEY }).send({ kind: 'launched', task: KEY });
    return this;
  }

  after(durationMs: number): this {
    this.nowMs += durationMs;
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

  answers(): (string | boolean)[] {
    return this.take('answer').map(({ answer }) => answer.ok || answer.failure.code);
  }

  watermark(sequence: number, createdMs = 7): this {
    const streams = [{ principal: framework.principal, createdMs, sequence }];
    return this.send({ kind: 'watermarks', epoch: EPOCH, body: { streams } });
  }
}
