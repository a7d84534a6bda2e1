// Owns a simulated agent: the real supervisor on a simulated host. The host (its disk and the processes of its
// tasks) outlives the agent's process; effects are carried out one after another and may be cut short by a crash.
import { Supervisor } from '@parley/agent/supervisor';
import type { SupervisorEffect, SupervisorInput } from '@parley/agent/supervisor-messages';
import type { ObservedOutcome } from '@parley/agent/task-outcome';
import type { TaskRecord } from '@parley/agent/task-record';
import { RegisterResult } from '@parley/protocol/agents';
import type { CheckResult, Probe } from '@parley/protocol/checks';
import type { Domain } from '@parley/protocol/constraints';
import { inboxPrefix } from '@parley/protocol/credential';
import type { Epoch } from '@parley/protocol/epoch';
import { succeed } from '@parley/protocol/errors';
import type { AgentId, TaskKey } from '@parley/protocol/ids';
import { decodeAnswer, decodeMessage, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import { type SubjectEntry, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import { contains, sum } from '@parley/resources/resources';
import type { Random } from './random.ts';
import type { Delivered } from './simulated-bus.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** Orders of the leader that a simulated agent takes; it has no custom executors. */
const ORDERS = ['run', 'runGroup', 'kill', 'askToStop', 'destroyVolume'] as const;
type OrderName = (typeof ORDERS)[number];

/** From one estimate of what is lent to the next. */
const ESTIMATE_MS = [500, 20_000] as const;

type HostTask = { outcome: ObservedOutcome; ignoresTerm: boolean; isSick: boolean };

function resultOf(probe: Probe, isWell: boolean): CheckResult {
  switch (probe.kind) {
    case 'command':
      return { kind: 'command', exitCode: isWell ? 0 : 1 };
    case 'http':
      return { kind: 'http', statusCode: isWell ? 200 : 500 };
    case 'tcp':
      return { kind: 'tcp', succeeded: isWell };
    default:
      return unreachable(probe);
  }
}

/** Two zones of one region, by turns. */
const domainOf = (agentId: AgentId): Domain => ({
  region: 'r1',
  zone: `z${Number(agentId.replace(/\D/g, '')) % 2}`,
});

export class AgentProcess extends SimulatedProcess {
  readonly agentId: AgentId;
  readonly total: Resources;
  readonly #disk = new Map<TaskKey, TaskRecord>();
  /** On its disk as well: the highest term that it has heard of. */
  #remembered: Epoch | undefined;
  readonly #host = new Map<TaskKey, HostTask>();
  /** Of this process, per task: the revision on the disk. */
  readonly #kept = new Map<TaskKey, number>();
  #boots = 0;
  #supervisor: Supervisor | undefined;
  #replies = new Map<number, string>();
  #replyCount = 0;
  /** The leader has told this process that the agent was declared gone. */
  #heardGone = false;
  readonly #lending: { readonly random: Random; readonly isOff: boolean };

  constructor(world: World, agentId: AgentId, total: Resources) {
    super(world, `agent ${agentId}`);
    this.agentId = agentId;
    this.total = total;
    const random = this.random.derive('lending');
    this.#lending = { random, isOff: random.chance(0.5) };
  }

  /** Tasks whose processes run now, whatever the agent's process knows. */
  runningTasks(): TaskKey[] {
    return [...this.#host]
      .filter(([, { outcome }]) => outcome.state === 'running')
      .map(([key]) => key);
  }

  /** The machine restarts: every process is gone, the disk stays, and nobody saw how the tasks ended. */
  reboot(): void {
    this.world.note(`${this.name}: its machine restarts`);
    this.crash();
    this.#boots += 1;
    for (const key of this.runningTasks()) this.#end(key, { state: 'unknown' });
  }

  get recordCount(): number {
    return this.#disk.size;
  }

  protected started(): void {
    const { cluster } = this.world;
    const agentId = this.agentId;
    this.#kept.clear();
    this.#replies = new Map();
    this.#heardGone = false;
    this.#supervisor = new Supervisor({
      agentId,
      host: { hostname: agentId, total: this.total, domain: domainOf(agentId), attributes: {} },
      registration: {
        session: `${agentId}-${this.incarnation}`,
        jitter: this.random.between(0, 500) / 1000,
        ...(this.#remembered && { epoch: this.#remembered }),
      },
    });
    for (const name of ORDERS) {
      const entry: SubjectEntry = SUBJECTS[name];
      const pattern = wildcardOf(entry, cluster, { agentId });
      this.subscribe(pattern, (message) => this.#order(name, message));
    }
    this.subscribe(wildcardOf(SUBJECTS.presence, cluster), (message) => this.#presence(message));
    this.subscribe(wildcardOf(SUBJECTS.registerAgain, cluster, { agentId }), (message) =>
      this.#registerAgain(message),
    );
    this.subscribe(wildcardOf(SUBJECTS.watermarks, cluster), (message) =>
      this.#watermarks(message),
    );
    this.subscribe(`${this.#inbox()}.*`, (message) => this.#registerAnswer(message));
    this.subscribe(`${this.#stopInbox()}.*`, (message) => this.#stopTold(message));
    const tasks = [...this.#disk].map(([key, record]) => ({ record, outcome: this.#outcome(key) }));
    this.#send({ kind: 'recovered', tasks });
    this.#estimate();
    this.#send({ kind: 'connected' });
  }

  /** How much of it is lent, ever anew until all is to come to rest; half of the agents lend nothing. */
  #estimate(): void {
    if (this.#lending.isOff) return;
    const permille = this.#lending.random.pick([0, 200, 500, 500, 1000]);
    const scalars = Object.entries(this.total.scalars).map(
      ([name, amount]) => [name, Math.floor((amount * permille) / 1000)] as const,
    );
    const revocable = { scalars: Object.fromEntries(scalars), ports: [], sets: {} };
    this.#send({ kind: 'estimated', revocable });
    if (this.world.isHealed) return;
    this.after(this.#lending.random.between(...ESTIMATE_MS), () => this.#estimate());
  }

  protected crashed(): void {
    this.#supervisor = undefined;
  }

  protected tick(): void {
    this.#send({ kind: 'tick' });
  }

  #inbox(): string {
    return `${inboxPrefix({ kind: 'agent', id: this.agentId })}.${this.incarnation}`;
  }

  #send(input: SupervisorInput): void {
    const supervisor = this.#supervisor;
    if (supervisor === undefined) return;
    const now = { nowMs: this.nowMs, wallTimeMs: this.wallTimeMs };
    for (const effect of supervisor.handle(input, now)) {
      if (!this.alive) return;
      this.#carryOut(effect);
    }
    this.wakeAt(supervisor.nextWakeMs());
  }

  /** The disk takes the writes of a task in turn: an older one never replaces a newer one. */
  #keep(task: TaskKey, revision: number, record: TaskRecord): void {
    if (revision < (this.#kept.get(task) ?? 0)) return;
    this.#kept.set(task, revision);
    this.#disk.set(task, record);
  }

  #carryOut(effect: SupervisorEffect): void {
    switch (effect.kind) {
      case 'persist':
        this.after(this.random.between(0, 2), () => {
          this.#keep(effect.task, effect.revision, effect.record);
          this.#send({ kind: 'recorded', task: effect.task, revision: effect.revision });
        });
        break;
      case 'forget':
        this.after(this.random.between(3, 4), () => {
          this.#disk.delete(effect.task);
          this.#kept.delete(effect.task);
          this.#host.delete(effect.task);
        });
        break;
      case 'answer':
        this.#answer(effect);
        break;
      case 'copyInputs':
        this.after(this.random.between(0, 1500), () =>
          this.#send({ kind: 'inputsCopied', task: effect.task }),
        );
        break;
      case 'launch':
        this.#launch(effect);
        break;
      case 'stop':
        this.#stop(effect.task, effect.signal);
        break;
      case 'probe':
        this.#probe(effect);
        break;
      case 'destroyVolume':
        this.world.destroyed(this.agentId, `${effect.role}/${effect.volumeId}`);
        this.after(this.random.between(0, 50), () =>
          this.#answer({ kind: 'answer', reply: effect.reply, answer: succeed({}) }),
        );
        break;
      case 'leave':
        this.world.note(`${this.name} leaves: ${effect.why}`);
        this.crash();
        break;
      case 'copyOutputs':
        this.after(this.random.between(0, 50), () =>
          this.#send({ kind: 'outputsCopied', task: effect.task }),
        );
        break;
      case 'publishUpdate':
        this.#publishUpdate(effect);
        break;
      case 'register':
        this.#register(effect);
        break;
      case 'rememberEpoch':
        this.#remembered = effect.epoch;
        break;
      case 'heartbeat': {
        const { agentId } = this;
        const message = encodeMessage(
          SUBJECTS.agentHeartbeat,
          this.world.cluster,
          { agentId },
          effect.body,
        );
        this.publish(message.subject, message.bytes);
        break;
      }
      case 'tellStop':
        this.#tellStop(effect);
        break;
      case 'oversubscribed': {
        const { agentId } = this;
        const { cluster } = this.world;
        const message = encodeMessage(SUBJECTS.oversubscribed, cluster, { agentId }, effect.body);
        this.publish(message.subject, message.bytes);
        break;
      }
      case 'executor':
        throw new Error('a simulated agent has no custom executors');
      case 'report':
        this.world.note(`${this.name} reports ${effect.about}: ${effect.what}`);
        break;
    }
  }

  /** The launching process was spawned: it does its work also when the agent's process dies meanwhile. */
  #launch({ task: key, description }: Extract<SupervisorEffect, { kind: 'launch' }>): void {
    if (this.#heardGone) throw new Error(`${this.name} is gone, knows it, and launches ${key}`);
    const boot = this.#boots;
    this.world.clock.after(this.random.between(0, 20), () => {
      if (boot !== this.#boots) return;
      this.#startOnHost(key, description);
      if (this.alive) this.#send({ kind: 'launched', task: key });
    });
  }

  /** As the shim: the marker is made first, and a second start finds it and does nothing. */
  #startOnHost(key: TaskKey, { command, volumes }: TaskDescription): void {
    if (this.#host.has(key)) return;
    const { argv = [] } = command ?? {};
    const role = this.#disk.get(key)?.role;
    const used = volumes.map(({ volumeId }) => `${role}/${volumeId}`);
    this.world.started(key, this.agentId, used);
    this.#host.set(key, {
      outcome: { state: 'running' },
      ignoresTerm: argv.includes('stubborn'),
      isSick: argv.includes('sick'),
    });
    this.#checkRoom();
    if (argv[0] === 'lasts') return;
    const durationMs = Number(argv[1]);
    const code = argv[0] === 'fails' ? 1 : 0;
    this.world.clock.after(durationMs, () => this.#end(key, { state: 'exited', code }));
  }

  #end(key: TaskKey, outcome: ObservedOutcome): void {
    const task = this.#host.get(key);
    if (task?.outcome.state !== 'running') return;
    task.outcome = outcome;
    this.world.stopped(key);
    if (this.alive) this.#send({ kind: 'ended', task: key, outcome });
  }

  /** What really runs together fits into the machine, whatever the books say. */
  #checkRoom(): void {
    // Of one that is gone the books know nothing any more, and it knows nothing of them.
    if (this.world.witness.gone.has(this.agentId)) return;
    const held = this.runningTasks().map((key) => this.world.witness.resourcesOf(key));
    if (!contains(this.total, sum(held)))
      throw new Error(`${this.name} runs more than it has room for: ${this.runningTasks()}`);
  }

  #stop(key: TaskKey, signal: 'SIGTERM' | 'SIGKILL'): void {
    const task = this.#host.get(key);
    if (task === undefined || (signal === 'SIGTERM' && task.ignoresTerm)) return;
    this.world.clock.after(this.random.between(0, 20), () =>
      this.#end(key, { state: 'signaled', signal }),
    );
  }

  /** A task that was told to be sick fails its checks, every other one is well. */
  #probe({ task, aim, probe, timeoutMs }: Extract<SupervisorEffect, { kind: 'probe' }>): void {
    const isWell = this.#host.get(task)?.isSick === false;
    this.after(this.random.between(0, timeoutMs), () => {
      const answer = { result: resultOf(probe, isWell), detail: isWell ? 'well' : 'sick' };
      this.#send({ kind: 'probed', task, aim, answer });
    });
  }

  #outcome(key: TaskKey): ObservedOutcome {
    return this.#host.get(key)?.outcome ?? { state: 'notStarted' };
  }

  #answer({ reply, answer }: Extract<SupervisorEffect, { kind: 'answer' }>): void {
    const subject = this.#replies.get(reply);
    this.#replies.delete(reply);
    if (subject !== undefined) this.publish(subject, encodeAnswer(answer));
  }

  #publishUpdate({ task, update }: Extract<SupervisorEffect, { kind: 'publishUpdate' }>): void {
    const { cluster } = this.world;
    const message = encodeMessage(
      SUBJECTS.update,
      cluster,
      { source: this.agentId, ...update.task },
      update,
    );
    const incarnation = this.incarnation;
    this.world
      .updates(update.task.principal)
      .append({ ...message, reachable: this.reachable }, (outcome) => {
        if (outcome.kind !== 'stored' || !this.alive || this.incarnation !== incarnation) return;
        this.#send({
          kind: 'updateAcked',
          task,
          sequence: update.sequence,
          streamSequence: outcome.sequence,
        });
      });
  }

  #register({ counter, request, body }: Extract<SupervisorEffect, { kind: 'register' }>): void {
    const { agentId } = this;
    const message = encodeMessage(SUBJECTS.register, this.world.cluster, { agentId }, body, {
      request,
    });
    this.publish(message.subject, message.bytes, `${this.#inbox()}.${counter}`);
  }

  #tellStop({ counter, request, body }: Extract<SupervisorEffect, { kind: 'tellStop' }>): void {
    const { agentId } = this;
    const { cluster } = this.world;
    const message = encodeMessage(SUBJECTS.stopAnswered, cluster, { agentId }, body, { request });
    this.publish(message.subject, message.bytes, `${this.#stopInbox()}.${counter}`);
  }

  #stopInbox(): string {
    return `${inboxPrefix({ kind: 'agent', id: this.agentId })}.stops-${this.incarnation}`;
  }

  #stopTold({ subject, bytes }: Delivered): void {
    const received = decodeAnswer(SUBJECTS.stopAnswered, bytes);
    if (!received.ok) return;
    const counter = Number(subject.slice(subject.lastIndexOf('.') + 1));
    this.#send({ kind: 'stopTold', counter, answer: received.value.answer });
  }

  #registerAnswer({ subject, bytes }: Delivered): void {
    const received = decodeAnswer(SUBJECTS.register, bytes);
    if (!received.ok) return;
    const { answer, epoch } = received.value;
    const counter = Number(subject.slice(subject.lastIndexOf('.') + 1));
    const { agentId } = this;
    const request = { session: `${agentId}-${this.incarnation}`, counter, lowest: 1 };
    this.world.witness.answered({ kind: 'agent', agentId }, request, answer);
    if (!answer.ok && answer.failure.code === 'agentGone') this.#heardGone = true;
    const told = answer.ok
      ? ({ ok: true, value: RegisterResult.parse(answer.value) } as const)
      : answer;
    this.#send({ kind: 'registerAnswered', counter, epoch, answer: told });
  }

  #order(name: OrderName, { subject, bytes, reply }: Delivered): void {
    const entry: SubjectEntry = SUBJECTS[name];
    const message = decodeMessage(entry, this.world.cluster, subject, bytes);
    if (!message.ok || message.value.epoch === undefined || reply === undefined) return;
    const { epoch, body } = message.value;
    this.world.note(`${this.name} is ordered: ${name} ${JSON.stringify(body).slice(0, 160)}`);
    // The kind and the entry's schema belong together by their name.
    const order = { kind: name, epoch, order: body, reply: this.#hold(reply) } as SupervisorInput;
    this.#send(order);
  }

  #presence({ subject, bytes }: Delivered): void {
    const message = decodeMessage(SUBJECTS.presence, this.world.cluster, subject, bytes);
    if (message.ok && message.value.epoch)
      this.#send({
        kind: 'presence',
        epoch: message.value.epoch,
        reportWithinMs: message.value.body.reportWithinMs ?? 0,
      });
  }

  #registerAgain({ subject, bytes }: Delivered): void {
    const message = decodeMessage(SUBJECTS.registerAgain, this.world.cluster, subject, bytes);
    if (message.ok && message.value.epoch)
      this.#send({ kind: 'registerAgain', epoch: message.value.epoch });
  }

  #watermarks({ subject, bytes }: Delivered): void {
    const message = decodeMessage(SUBJECTS.watermarks, this.world.cluster, subject, bytes);
    if (!message.ok || message.value.epoch === undefined) return;
    this.#send({ kind: 'watermarks', epoch: message.value.epoch, body: message.value.body });
  }

  #hold(reply: string): number {
    this.#replyCount += 1;
    this.#replies.set(this.#replyCount, reply);
    return this.#replyCount;
  }
}
