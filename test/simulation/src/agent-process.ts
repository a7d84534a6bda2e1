// Owns a simulated agent: the real supervisor on a simulated host, and its way to the bus. The host (command-host.ts,
// executor-host.ts) outlives the agent's process; effects are carried out one after another and may be cut short by a crash.
import { Supervisor } from '@parley/agent/supervisor';
import type { SupervisorEffect, SupervisorInput } from '@parley/agent/supervisor-messages';
import { TellTasksResult } from '@parley/protocol/adoption';
import { RegisterResult } from '@parley/protocol/agents';
import type { Domain } from '@parley/protocol/constraints';
import { inboxPrefix } from '@parley/protocol/credential';
import type { RequestId } from '@parley/protocol/envelope';
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import { succeed } from '@parley/protocol/errors';
import type { AgentId, TaskKey } from '@parley/protocol/ids';
import {
  decodeAnswer,
  decodeMessage,
  encodeAnswer,
  encodeMessage,
  type ReceivedAnswer,
} from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import { type SubjectEntry, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { contains, sum } from '@parley/resources/resources';
import type { AgentOfHost } from './agent-of-host.ts';
import { CommandHost } from './command-host.ts';
import { ExecutorHost } from './executor-host.ts';
import type { Random } from './random.ts';
import type { Delivered } from './simulated-bus.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** Orders of the leader that a simulated agent takes, by subject, and what they are to the supervisor. */
const ORDERS = {
  run: 'run',
  runGroup: 'runGroup',
  kill: 'kill',
  askToStop: 'askToStop',
  destroyVolume: 'destroyVolume',
  shutdownExecutorOrder: 'shutdownExecutor',
} as const;
type OrderName = keyof typeof ORDERS;

/** Its own requests to the leader. */
type CallName = 'register' | 'tellTasks' | 'stopAnswered' | 'executorExited';
type Call = { readonly counter: number; readonly request: RequestId; readonly body: object };

/** From one estimate of what is lent to the next. */
const ESTIMATE_MS = [500, 20_000] as const;

/** Two zones of one region, by turns. */
const domainOf = (agentId: AgentId): Domain => ({
  region: 'r1',
  zone: `z${Number(agentId.replace(/\D/g, '')) % 2}`,
});

export class AgentProcess extends SimulatedProcess {
  readonly agentId: AgentId;
  readonly total: Resources;
  readonly #commands: CommandHost;
  readonly #executors: ExecutorHost;
  /** On its disk as well: the highest term that it has heard of. */
  #remembered: Epoch | undefined;
  #supervisor: Supervisor | undefined;
  #replies = new Map<number, string>();
  /** Of orders from leaders of earlier terms than it has heard of: each must be refused. */
  #staleOrders = new Set<number>();
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
    const host: AgentOfHost = {
      world,
      agentId,
      random: this.random,
      isAlive: () => this.alive,
      tell: (input) => this.#send(input),
      after: (delayMs, run) => this.after(delayMs, run),
      checkRoom: () => this.#checkRoom(),
    };
    this.#commands = new CommandHost(host);
    this.#executors = new ExecutorHost({ ...host, random: this.random.derive('executors') });
  }

  /** Tasks whose processes run now, whatever the agent's process knows. */
  runningTasks(): TaskKey[] {
    return [...this.#commands.runningTasks(), ...this.#executors.runningTasks()];
  }

  /** The machine restarts: every process is gone, the disk stays, and nobody saw how the tasks ended. */
  reboot(): void {
    this.world.note(`${this.name}: its machine restarts`);
    this.crash();
    this.#commands.reboot();
    this.#executors.reboot();
  }

  get recordCount(): number {
    return this.#commands.recordCount + this.#executors.recordCount;
  }

  protected started(): void {
    const { cluster } = this.world;
    const agentId = this.agentId;
    this.#replies = new Map();
    this.#staleOrders = new Set();
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
    for (const name of Object.keys(ORDERS) as OrderName[]) {
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
    this.subscribe(`${this.#inbox()}.*.*`, (message) => this.#answered(message));
    const tasks = this.#commands.recovered();
    this.#send({ kind: 'recovered', tasks, executors: this.#executors.recovered() });
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
    this.#executors.agentCrashed();
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

  #carryOut(effect: SupervisorEffect): void {
    switch (effect.kind) {
      case 'answer':
        this.#answer(effect);
        break;
      case 'launch':
        if (this.#heardGone)
          throw new Error(`${this.name} is gone, knows it, and launches ${effect.task}`);
        this.#commands.carryOut(effect);
        break;
      case 'persist':
      case 'forget':
      case 'copyInputs':
      case 'stop':
      case 'probe':
      case 'copyOutputs':
        this.#commands.carryOut(effect);
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
      case 'publishUpdate':
        this.#publishUpdate(effect);
        break;
      case 'register':
        this.#call('register', effect);
        break;
      case 'rememberEpoch':
        this.#remembered = effect.epoch;
        break;
      case 'heartbeat':
        this.#tell(SUBJECTS.agentHeartbeat, effect.body);
        break;
      case 'tellTasks':
        this.#call('tellTasks', effect);
        break;
      case 'tellStop':
        this.#call('stopAnswered', effect);
        break;
      case 'oversubscribed':
        this.#tell(SUBJECTS.oversubscribed, effect.body);
        break;
      case 'executor':
        if (effect.effect.kind === 'tellExited') this.#call('executorExited', effect.effect);
        else this.#executors.carryOut(effect.effect);
        break;
      case 'report':
        this.world.note(`${this.name} reports ${effect.about}: ${effect.what}`);
        break;
    }
  }

  /** What really runs together fits into the machine, whatever the books say. */
  #checkRoom(): void {
    // Of one that is gone the books know nothing any more, and it knows nothing of them.
    if (this.world.witness.gone.has(this.agentId)) return;
    const held = this.runningTasks().map((key) => this.world.witness.resourcesOf(key));
    if (!contains(this.total, sum(held)))
      throw new Error(`${this.name} runs more than it has room for: ${this.runningTasks()}`);
  }

  #answer({ reply, answer }: Extract<SupervisorEffect, { kind: 'answer' }>): void {
    const subject = this.#replies.get(reply);
    this.#replies.delete(reply);
    if (this.#staleOrders.delete(reply) && answer.ok)
      throw new Error(
        `${this.name} takes an order of a leader of an earlier term than it has heard of`,
      );
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

  #tell(entry: SubjectEntry, body: object): void {
    const { agentId } = this;
    const { subject, bytes } = encodeMessage(entry, this.world.cluster, { agentId }, body);
    this.publish(subject, bytes);
  }

  #call(name: CallName, { counter, request, body }: Call): void {
    const entry: SubjectEntry = SUBJECTS[name];
    const { agentId } = this;
    const { cluster } = this.world;
    const { subject, bytes } = encodeMessage(entry, cluster, { agentId }, body, { request });
    this.publish(subject, bytes, `${this.#inbox()}.${name}.${counter}`);
  }

  #answered({ subject, bytes }: Delivered): void {
    const [name, token] = subject.split('.').slice(-2);
    const counter = Number(token);
    const received = decodeAnswer(SUBJECTS[name as CallName], bytes);
    if (!received.ok) return;
    const { answer, epoch } = received.value;
    if (name === 'tellTasks') {
      const told = answer.ok ? succeed(TellTasksResult.parse(answer.value)) : answer;
      this.#send({ kind: 'tasksTold', counter, epoch, answer: told });
    } else if (name === 'register') this.#registered(counter, received.value);
    else if (name === 'stopAnswered') this.#send({ kind: 'stopTold', counter, answer });
    else this.#send({ kind: 'executor', input: { kind: 'exitAnswered', counter, answer } });
  }

  #registered(counter: number, { answer, epoch }: ReceivedAnswer): void {
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
    // The kind and the entry's schema belong together.
    const kind = ORDERS[name];
    const handle = this.#hold(reply);
    if (compareEpochs(epoch, this.#remembered ?? NO_EPOCH) < 0) this.#staleOrders.add(handle);
    const order = { kind, epoch, order: body, reply: handle } as SupervisorInput;
    this.#send(order);
  }

  #presence({ subject, bytes }: Delivered): void {
    const message = decodeMessage(SUBJECTS.presence, this.world.cluster, subject, bytes);
    if (message.ok && message.value.epoch)
      this.#send({
        kind: 'presence',
        epoch: message.value.epoch,
        reportWithinMs: message.value.body.reportWithinMs ?? 0,
        takesStandings: message.value.body.takesStandings,
      });
  }

  #registerAgain({ subject, bytes }: Delivered): void {
    const message = decodeMessage(SUBJECTS.registerAgain, this.world.cluster, subject, bytes);
    if (!message.ok || message.value.epoch === undefined) return;
    const { epoch, body } = message.value;
    this.#send({ kind: 'registerAgain', epoch, standing: body.standing });
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
