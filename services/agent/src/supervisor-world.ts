// A world around a supervisor for property tests: a disk, processes, an update stream and a leader, in which every
// effect is carried out later or never, and the agent's process can die between any two of them. Its tasks are in
// supervisor-world-tasks.ts.
import type { Epoch } from '@parley/protocol/epoch';
import { fail } from '@parley/protocol/errors';
import { AgentId, type TaskKey, taskKey } from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import { Supervisor } from './supervisor.ts';
import type { SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';
import {
  aDescription,
  framework,
  groupIndexes,
  groupKeys,
  isOfGroup,
  keyOf,
  limitedKeys,
  MAX_COMPLETION_MS,
  POD,
  principal,
  ROLE,
  refOf,
  TASKS,
} from './supervisor-world-tasks.ts';
import type { ObservedOutcome } from './task-outcome.ts';
import type { TaskRecord } from './task-record.ts';

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
  /** Tasks of the group whose inputs have been copied. */
  readonly #prepared = new Set<TaskKey>();
  /** Tasks whose run order was answered with success. */
  readonly accepted = new Set<TaskKey>();
  /** Launch effects by the supervisor that lives now. */
  #launchEffects = new Set<TaskKey>();
  #revisions = new Map<TaskKey, number>();
  readonly #replies = new Map<number, readonly TaskKey[]>();
  #isGroupOrdered = false;
  #replyCount = 0;
  #epoch: Epoch = { bucketCreatedMs: 1, revision: 1 };
  #journalled = 0;
  /** What is on the disk of the highest term heard of. */
  remembered: Epoch | undefined;

  constructor(diskMayFail: boolean) {
    this.#diskMayFail = diskMayFail;
    this.supervisor = this.#boot();
  }

  #boot(): Supervisor {
    this.#sessions += 1;
    return new Supervisor({
      agentId: AgentId.parse('agent-1'),
      host: { hostname: 'h', total: { scalars: {}, ports: [], sets: {} }, attributes: {} },
      registration: {
        session: `s${this.#sessions}`,
        jitter: 0.1,
        ...(this.remembered && { epoch: this.remembered }),
      },
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
    if (groupKeys.includes(task)) this.#checkGroupLaunch(task);
  }

  // The rule: no task of a group before all are prepared, and none after one has ended badly or was told to stop.
  #checkGroupLaunch(task: TaskKey): void {
    for (const member of groupKeys) {
      assert(this.#prepared.has(member), `${task} is launched after ${member} was prepared`);
      const record = this.disk.get(member);
      const isOver =
        record !== undefined && isTerminal(record.state) && record.state !== 'finished';
      assert(!isOver, `${task} is not launched after ${member} has ended`);
      assert(record?.kill === undefined, `${task} is not launched after ${member} was stopped`);
    }
  }

  /** A leader gives no more orders for a task whose end it has journalled. */
  order(kind: 'run' | 'kill', index: number): void {
    if (this.#hasJournalledEnd(index)) return;
    const task = refOf(index);
    const epoch = this.#epoch;
    if (kind === 'kill') {
      const reply = this.#replyFor([]);
      this.send({ kind, epoch, reply, order: { task, reason: 'framework', graceMs: 500 } });
    } else if (isOfGroup(index)) this.#orderGroup();
    else {
      const reply = this.#replyFor([taskKey(task)]);
      const order = { framework, role: ROLE, description: aDescription(index) };
      this.send({ kind, epoch, reply, order });
    }
  }

  // Once the end of one of its tasks is journalled a leader orders a group no more, and kills the rest instead.
  #orderGroup(): void {
    if (groupIndexes.some((index) => this.#hasJournalledEnd(index))) return;
    this.#isGroupOrdered = true;
    const reply = this.#replyFor(groupKeys);
    const descriptions = groupIndexes.map(aDescription);
    const order = { framework, role: ROLE, executor: POD, descriptions };
    this.send({ kind: 'runGroup', epoch: this.#epoch, reply, order });
  }

  #replyFor(tasks: readonly TaskKey[]): number {
    this.#replyCount += 1;
    this.#replies.set(this.#replyCount, tasks);
    return this.#replyCount;
  }

  #hasJournalledEnd(index: number): boolean {
    const journalled = this.stream.slice(0, this.#journalled);
    return journalled.some(
      ({ task, state }) => taskKey(task) === keyOf(index) && isTerminal(state),
    );
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

  /** Tasks that have run longer than they may and were not told to stop. */
  overdue(): TaskKey[] {
    return limitedKeys.filter((task) => {
      const since = this.disk.get(task)?.runningSinceMs;
      const isLate = since !== undefined && this.nowMs - since > MAX_COMPLETION_MS;
      return (
        isLate &&
        this.supervisor.task(task)?.phase === 'running' &&
        !this.supervisor.task(task)?.isStopping
      );
    });
  }

  /** Accepted tasks of the group that go on although another one has ended badly or was told to stop. */
  survivors(): TaskKey[] {
    const members = groupKeys.map((key) => this.supervisor.task(key));
    const isOver = members.some((task) => task?.phase === 'ended' && task.state !== 'finished');
    const isStopped = members.some((task) => task?.phase !== 'ended' && task?.isStopping === true);
    if (!isOver && !isStopped) return [];
    return members
      .filter((task) => task !== undefined)
      .filter(({ phase }) => phase !== 'accepting' && phase !== 'gathering' && phase !== 'ended')
      .filter(({ isStopping }) => !isStopping)
      .map(({ key }) => key);
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
        const tasks = this.#replies.get(effect.reply) ?? [];
        if (effect.answer.ok) for (const task of tasks) this.accepted.add(task);
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
          answer: {
            ok: true,
            value: { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] },
          },
        });
        return;
      case 'rememberEpoch':
        this.remembered = effect.epoch;
        return;
      case 'heartbeat':
      case 'tellStop':
      case 'tellTasks':
      case 'oversubscribed':
        return;
      case 'report':
        throw new Error(`${effect.about}: ${effect.what}`);
      case 'probe': {
        const { task, aim } = effect;
        const result = { kind: 'tcp', succeeded: succeeds } as const;
        this.send({ kind: 'probed', task, aim, answer: { result, detail: 'seen' } });
        return;
      }
      case 'destroyVolume':
      case 'leave':
      case 'executor':
        throw new Error(`nobody has asked for ${effect.kind}`);
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
        this.#noteInputs(task, succeeds);
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

  #noteInputs(task: TaskKey, succeeds: boolean): void {
    if (succeeds) this.#prepared.add(task);
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

  /** A leader repeats an order until it is answered. */
  #orderGroupAgain(): void {
    if (!this.#isGroupOrdered || groupKeys.every((task) => this.accepted.has(task))) return;
    if (!groupIndexes.some((index) => this.#hasJournalledEnd(index))) this.#orderGroup();
    else for (const index of groupIndexes) this.order('kill', index);
  }

  /** Everything works from now on and every task comes to its end. */
  settle(): void {
    this.send({ kind: 'connected' });
    for (let round = 0; round < 40; round += 1) {
      for (let step = 0; step < 400 && this.jobs.length > 0; step += 1) this.work(0, true);
      for (let index = 0; index < TASKS; index += 1) this.end(index, { state: 'exited', code: 0 });
      this.#orderGroupAgain();
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
