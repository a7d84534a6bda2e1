// A world around a supervisor for property tests: a disk, processes, an update stream and a leader, in which every
// effect is carried out later or never, and the agent's process can die between any two of them.
import type { Epoch } from '@parley/protocol/epoch';
import { fail } from '@parley/protocol/errors';
import {
  AgentId,
  FrameworkRef,
  PrincipalName,
  RoleName,
  type TaskKey,
  TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate, TaskDescription } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import { Supervisor } from './supervisor.ts';
import type { SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';
import type { ObservedOutcome } from './task-outcome.ts';
import type { TaskRecord } from './task-record.ts';

const principal = PrincipalName.parse('team');
const ROLE = RoleName.parse('a');
const framework = FrameworkRef.parse({ principal, frameworkId: 'fw' });

export const TASKS = 4;
const refOf = (index: number): TaskRef => TaskRef.parse({ ...framework, taskId: `t${index}` });
export const keyOf = (index: number): TaskKey => taskKey(refOf(index));

type Job = { readonly effect: SupervisorEffect };
type Process = { outcome: ObservedOutcome };

export class SupervisorWorld {
  readonly #diskMayFail: boolean;
  supervisor: Supervisor;
  #sessions = 0;
  nowMs = 0;
  /** Effects that nobody has carried out yet, in order. */
  jobs: Job[] = [];
  readonly disk = new Map<TaskKey, TaskRecord>();
  readonly processes = new Map<TaskKey, Process>();
  readonly stream: StatusUpdate[] = [];
  /** Tasks whose run order was answered with success. */
  readonly accepted = new Set<TaskKey>();
  /** Launch effects by the supervisor that lives now. */
  #launchEffects = new Set<TaskKey>();
  #revisions = new Map<TaskKey, number>();
  readonly #replies = new Map<number, TaskKey>();
  #replyCount = 0;
  #epoch: Epoch = { bucketCreatedMs: 1, revision: 1 };
  #journalled = 0;

  constructor(diskMayFail: boolean) {
    this.#diskMayFail = diskMayFail;
    this.supervisor = this.#boot();
  }

  #boot(): Supervisor {
    this.#sessions += 1;
    return new Supervisor({
      agentId: AgentId.parse('agent-1'),
      host: { hostname: 'h', total: { scalars: {}, ports: [], sets: {} }, attributes: {} },
      registration: { session: `s${this.#sessions}`, jitterMs: 100 },
      limits: { launchesInFlight: 2 },
    });
  }

  send(input: SupervisorInput): void {
    const effects = this.supervisor.handle(input, { nowMs: this.nowMs, wallTimeMs: this.nowMs });
    for (const effect of effects) {
      if (effect.kind === 'launch') this.#checkLaunch(effect.task);
      this.jobs.push({ effect });
    }
  }

  // The rule: one launch in a supervisor's life, and none at all for what it was told had started before.
  #checkLaunch(task: TaskKey): void {
    assert(!this.#launchEffects.has(task), `${task} is launched once by a supervisor`);
    this.#launchEffects.add(task);
    const started = this.processes.has(task);
    assert(!started, `${task} is not launched after it has started`);
  }

  /** A leader gives no more orders for a task whose end it has journalled. */
  order(kind: 'run' | 'kill', index: number): void {
    const journalled = this.stream.slice(0, this.#journalled);
    if (journalled.some(({ task, state }) => taskKey(task) === keyOf(index) && isTerminal(state))) {
      return;
    }
    this.#replyCount += 1;
    const reply = this.#replyCount;
    const task = refOf(index);
    if (kind === 'run') this.#replies.set(reply, taskKey(task));
    const description = TaskDescription.parse({
      taskId: task.taskId,
      resources: {},
      command: { argv: ['true'] },
      outputs: index % 2 === 0 ? [{ object: 'o', path: 'o' }] : [],
    });
    const epoch = this.#epoch;
    if (kind === 'run')
      this.send({ kind, epoch, reply, order: { framework, role: ROLE, description } });
    else this.send({ kind, epoch, reply, order: { task, reason: 'framework', graceMs: 500 } });
  }

  newTerm(): void {
    this.#epoch = { ...this.#epoch, revision: this.#epoch.revision + 1 };
    this.send({ kind: 'presence', epoch: this.#epoch });
  }

  watermark(): void {
    this.#journalled = this.stream.length;
    const streams = [{ principal, createdMs: 1, sequence: this.#journalled }];
    this.send({ kind: 'watermarks', epoch: this.#epoch, body: { streams } });
  }

  pass(durationMs: number): void {
    this.nowMs += durationMs;
    this.send({ kind: 'tick' });
  }

  /** A task's processes come to an end by themselves. */
  end(index: number, outcome: ObservedOutcome): void {
    const task = keyOf(index);
    const found = this.processes.get(task);
    if (found?.outcome.state !== 'running') return;
    found.outcome = outcome;
    this.send({ kind: 'ended', task, outcome });
  }

  /** The agent's process dies and comes back: what was not carried out never will be. */
  crash(): void {
    this.jobs = [];
    this.#launchEffects = new Set();
    this.#revisions = new Map();
    this.supervisor = this.#boot();
    const tasks = [...this.disk].map(([key, record]) => ({
      record,
      outcome: this.processes.get(key)?.outcome ?? ({ state: 'notStarted' } as const),
    }));
    this.send({ kind: 'recovered', tasks });
    this.send({ kind: 'connected' });
  }

  /** Carries out the effect at this place. Writes of one task keep their order; nothing else does. */
  work(place: number, succeeds: boolean): void {
    const index = place % Math.max(1, this.jobs.length);
    const [job] = this.jobs.splice(index, 1);
    if (job === undefined) return;
    const { effect } = job;
    if (effect.kind === 'persist' || effect.kind === 'forget') {
      const earlier = this.jobs.findIndex(
        (other) =>
          (other.effect.kind === 'persist' || other.effect.kind === 'forget') &&
          other.effect.task === effect.task,
      );
      if (earlier >= 0 && earlier < index) {
        this.jobs.splice(index, 0, job);
        this.work(earlier, succeeds);
        return;
      }
    }
    this.#carryOut(effect, succeeds);
  }

  #carryOut(effect: SupervisorEffect, succeeds: boolean): void {
    switch (effect.kind) {
      case 'persist':
        this.#write(effect, succeeds);
        return;
      case 'forget':
        this.disk.delete(effect.task);
        this.#revisions.delete(effect.task);
        return;
      case 'answer': {
        const task = this.#replies.get(effect.reply);
        if (task !== undefined && effect.answer.ok) this.accepted.add(task);
        return;
      }
      case 'publishUpdate':
        if (!succeeds) return;
        this.stream.push(effect.update);
        this.send({
          kind: 'updateAcked',
          task: effect.task,
          sequence: effect.update.sequence,
          streamSequence: this.stream.length,
        });
        return;
      case 'register':
        if (!succeeds) return;
        this.send({
          kind: 'registerAnswered',
          counter: effect.counter,
          epoch: this.#epoch,
          answer: { ok: true, value: { heartbeatIntervalMs: 5000, unknownTasks: [] } },
        });
        return;
      case 'heartbeat':
        return;
      case 'report':
        throw new Error(`${effect.about}: ${effect.what}`);
      case 'probe':
      case 'destroyVolume':
      case 'leave':
      case 'executor':
        return;
      default:
        this.#carryOutTask(effect, succeeds);
    }
  }

  #carryOutTask(
    effect: Extract<
      SupervisorEffect,
      { readonly kind: 'copyInputs' | 'launch' | 'stop' | 'copyOutputs' }
    >,
    succeeds: boolean,
  ): void {
    const { task } = effect;
    const failure = { code: 'failed', message: 'it went wrong' } as const;
    switch (effect.kind) {
      case 'copyInputs':
        this.send(
          succeeds ? { kind: 'inputsCopied', task } : { kind: 'inputsFailed', task, failure },
        );
        return;
      case 'launch':
        if (succeeds) this.processes.set(task, { outcome: { state: 'running' } });
        this.send(succeeds ? { kind: 'launched', task } : { kind: 'launchFailed', task, failure });
        return;
      case 'stop': {
        const found = this.processes.get(task);
        if (found?.outcome.state !== 'running') return;
        // Some ignore SIGTERM; nobody ignores SIGKILL.
        if (effect.signal === 'SIGTERM' && !succeeds) return;
        found.outcome = { state: 'unknown' };
        this.send({ kind: 'ended', task, outcome: found.outcome });
        return;
      }
      case 'copyOutputs':
        this.send(
          succeeds ? { kind: 'outputsCopied', task } : { kind: 'outputsFailed', task, failure },
        );
    }
  }

  #write(effect: Extract<SupervisorEffect, { kind: 'persist' }>, succeeds: boolean): void {
    const { task, revision, record } = effect;
    if (!succeeds && this.#diskMayFail) {
      const { failure } = fail('diskFull', 'no space');
      this.send({ kind: 'recordFailed', task, revision, failure });
      return;
    }
    assert(revision > (this.#revisions.get(task) ?? 0), 'revisions are written in order');
    this.#revisions.set(task, revision);
    this.disk.set(task, record);
    this.send({ kind: 'recorded', task, revision });
  }

  /** Everything works from now on and every task comes to its end. */
  settle(): void {
    this.send({ kind: 'connected' });
    for (let round = 0; round < 40; round += 1) {
      for (let step = 0; step < 400 && this.jobs.length > 0; step += 1) this.work(0, true);
      for (let index = 0; index < TASKS; index += 1) this.end(index, { state: 'exited', code: 0 });
      this.watermark();
      this.pass(6000);
    }
  }

  /** States of a task as readers take them: one a sequence number, nothing after the first terminal one. */
  history(task: TaskKey): { readonly states: string[]; readonly conflicts: number } {
    const bySequence = new Map<number, string>();
    let conflicts = 0;
    for (const update of this.stream) {
      if (taskKey(update.task) !== task) continue;
      const known = bySequence.get(update.sequence);
      if (known !== undefined && known !== update.state) conflicts += 1;
      if (known === undefined && ![...bySequence.values()].some(isTerminalName)) {
        bySequence.set(update.sequence, update.state);
      }
    }
    return { states: [...bySequence.values()], conflicts };
  }
}

export function isTerminalName(state: string): boolean {
  return isTerminal(state as Parameters<typeof isTerminal>[0]);
}
