// Owns what passes between an agent and the bus: subscriptions that become inputs of the supervisor, and the messages
// that its effects ask for. Every message is parsed here once; what does not parse is answered and stays out.
import type { Bus, BusMessage, BusSubscription } from '@parley/actor/bus';
import { ANSWER_WITHIN_MS } from '@parley/actor/outstanding-requests';
import { type TellTasksRequest, TellTasksResult } from '@parley/protocol/adoption';
import {
  type AgentHeartbeat,
  type DestroyVolumeOrder,
  type ExecutorExited,
  type KillOrder,
  type Oversubscription,
  type RegisterAgain,
  type RegisterRequest,
  RegisterResult,
  type RunGroupOrder,
  type RunOrder,
  type ShutdownExecutorOrder,
  type UsageReport,
} from '@parley/protocol/agents';
import type { LeaderPresence, Watermarks } from '@parley/protocol/broadcasts';
import type { RequestId } from '@parley/protocol/envelope';
import type { Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ExecutorMessage } from '@parley/protocol/frameworks';
import { ActorId, type AgentId, type ClusterName, type ExecutorRef } from '@parley/protocol/ids';
import {
  type Answer,
  decodeAnswer,
  decodeMessage,
  encodeAnswer,
  encodeMessage,
  type Outgoing,
  type Received,
} from '@parley/protocol/message';
import type { LogLevel } from '@parley/protocol/operators';
import { isOwn, ownSubjects } from '@parley/protocol/own-subjects';
import type { AskToStopOrder, StopAnswered } from '@parley/protocol/revocations';
import { type BodyOf, type SubjectEntry, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { UnitsUsage, WatchUsage } from '@parley/protocol/usage';
import type { ExecutorRelay } from './executors/executor-relay.ts';
import type { ExecDesk } from './task-exec/exec-desk.ts';
import type { TaskFiles } from './task-files/task-files.ts';

export type AgentHandlers = {
  run(epoch: Epoch, order: RunOrder, reply: (answer: Answer) => void): void;
  runGroup(epoch: Epoch, order: RunGroupOrder, reply: (answer: Answer) => void): void;
  destroyVolume(epoch: Epoch, order: DestroyVolumeOrder, reply: (answer: Answer) => void): void;
  kill(epoch: Epoch, order: KillOrder, reply: (answer: Answer) => void): void;
  shutdownExecutor(
    epoch: Epoch,
    order: ShutdownExecutorOrder,
    reply: (answer: Answer) => void,
  ): void;
  askToStop(epoch: Epoch, order: AskToStopOrder, reply: (answer: Answer) => void): void;
  messageToExecutor(executor: ExecutorRef, data: ExecutorMessage['data']): void;
  readonly files: Pick<TaskFiles, 'answer' | 'ofPrincipal' | 'logs'>;
  readonly exec: Pick<ExecDesk, 'answer'>;
  readonly relay: Pick<ExecutorRelay, 'answer'>;
  watchUsage(body: WatchUsage): void;
  /** Gives the level before. */
  logLevel(level: LogLevel): LogLevel;
  presence(epoch: Epoch, presence: LeaderPresence): void;
  registerAgain(epoch: Epoch, body: RegisterAgain): void;
  watermarks(epoch: Epoch, body: Watermarks): void;
  /** A message that was not understood; told once a subject and reason. */
  onMalformed(subject: string, reason: string): void;
};

type Answered<Value> = { readonly epoch: Epoch | undefined; readonly answer: Outcome<Value> };

export type AgentBusOptions = {
  readonly bus: Bus;
  readonly cluster: ClusterName;
  readonly agentId: AgentId;
  readonly handlers: AgentHandlers;
  /** Where many agents are one process, they may share what they have read. */
  readonly read?: typeof decodeMessage | undefined;
};

const MAX_REMEMBERED_REASONS = 1000;

export class AgentBus {
  readonly #bus: Bus;
  readonly #cluster: ClusterName;
  readonly #agentId: AgentId;
  readonly #handlers: AgentHandlers;
  readonly #read: typeof decodeMessage;
  /** By subject, `*` for a principal at its end: what is sent to this agent alone. */
  readonly #ownHandlers = new Map<string, (message: BusMessage) => void>();
  readonly #subscriptions: BusSubscription[] = [];
  readonly #malformed = new Set<string>();

  constructor({ bus, cluster, agentId, handlers, read = decodeMessage }: AgentBusOptions) {
    this.#bus = bus;
    this.#cluster = cluster;
    this.#agentId = agentId;
    this.#handlers = handlers;
    this.#read = read;
    const { run, runGroup, destroyVolume, kill, logs, logLevel, presence, watermarks } = SUBJECTS;
    const { shutdownExecutorOrder, messageToExecutor } = SUBJECTS;
    this.#onOrder(run, (epoch, body, reply) => handlers.run(epoch, body, reply));
    this.#onOrder(runGroup, (epoch, body, reply) => handlers.runGroup(epoch, body, reply));
    this.#onOrder(destroyVolume, (epoch, body, reply) =>
      handlers.destroyVolume(epoch, body, reply),
    );
    this.#onOrder(kill, (epoch, body, reply) => handlers.kill(epoch, body, reply));
    this.#onOrder(shutdownExecutorOrder, (epoch, body, reply) =>
      handlers.shutdownExecutor(epoch, body, reply),
    );
    this.#onOrder(SUBJECTS.askToStop, (epoch, body, reply) =>
      handlers.askToStop(epoch, body, reply),
    );
    this.#on(messageToExecutor, ({ parameters, body }) => {
      const { principal, frameworkId, executorId } = parameters;
      handlers.messageToExecutor({ principal, frameworkId, executorId }, body.data);
    });
    this.#on(logs, ({ body }, message) => void this.#answer(handlers.files.logs(body), message));
    this.#on(
      SUBJECTS.files,
      ({ body }, message) => void this.#answer(handlers.files.answer(body), message),
    );
    this.#on(
      SUBJECTS.exec,
      ({ body }, message) => void this.#answer(handlers.exec.answer(body), message),
    );
    this.#on(
      SUBJECTS.executorRelay,
      ({ body }, message) => void this.#answer(handlers.relay.answer(body), message),
    );
    this.#on(SUBJECTS.ownFiles, (received) => void this.#answerPrincipal(received));
    this.#on(SUBJECTS.watchUsage, ({ body }) => handlers.watchUsage(body));
    this.#on(logLevel, ({ body: { level } }, message) => {
      const previous = handlers.logLevel(level);
      message.respond(encodeAnswer({ ok: true, value: { previous, level } }));
    });
    this.#on(
      SUBJECTS.registerAgain,
      ({ epoch, body }) => epoch && handlers.registerAgain(epoch, body),
    );
    this.#on(presence, ({ epoch, body }) => epoch && handlers.presence(epoch, body));
    this.#on(watermarks, ({ epoch, body }) => epoch && handlers.watermarks(epoch, body));
    this.#hearOwn();
  }

  /** One try; undefined when no answer came. */
  async register(
    request: RequestId,
    body: RegisterRequest,
  ): Promise<Answered<RegisterResult> | undefined> {
    const answered = await this.#ask(SUBJECTS.register, request, body);
    if (answered?.answer.ok !== true) return answered as Answered<never> | undefined;
    const value = RegisterResult.safeParse(answered.answer.value);
    return value.success ? { epoch: answered.epoch, answer: succeed(value.data) } : undefined;
  }

  /** Likewise. */
  async tellTasks(
    request: RequestId,
    body: TellTasksRequest,
  ): Promise<Answered<TellTasksResult> | undefined> {
    const answered = await this.#ask(SUBJECTS.tellTasks, request, body);
    if (answered?.answer.ok !== true) return answered as Answered<never> | undefined;
    const value = TellTasksResult.safeParse(answered.answer.value);
    return value.success ? { epoch: answered.epoch, answer: succeed(value.data) } : undefined;
  }

  /** One try; undefined when no answer came. */
  executorExited(request: RequestId, body: ExecutorExited): Promise<Answer | undefined> {
    return this.#call(SUBJECTS.executorExited, request, body);
  }

  /** Likewise. */
  stopAnswered(request: RequestId, body: StopAnswered): Promise<Answer | undefined> {
    return this.#call(SUBJECTS.stopAnswered, request, body);
  }

  async #call<Entry extends typeof SUBJECTS.executorExited | typeof SUBJECTS.stopAnswered>(
    entry: Entry,
    request: RequestId,
    body: BodyOf<Entry>,
  ): Promise<Answer | undefined> {
    return (await this.#ask<SubjectEntry>(entry, request, body))?.answer;
  }

  /** One try; undefined when no answer came, or one that is none. */
  async #ask<Entry extends SubjectEntry>(
    entry: Entry,
    request: RequestId,
    body: BodyOf<Entry>,
  ): Promise<Answered<unknown> | undefined> {
    const parameters = { agentId: this.#agentId };
    const message = encodeMessage<SubjectEntry>(entry, this.#cluster, parameters, body, {
      request,
    });
    const bytes = await this.#bus.request(message.subject, message.bytes, ANSWER_WITHIN_MS);
    if (!bytes.ok) {
      return bytes.failure.code === 'unavailable' ? undefined : { epoch: undefined, answer: bytes };
    }
    const decoded = decodeAnswer(entry, bytes.value);
    if (decoded.ok) return { epoch: decoded.value.epoch, answer: decoded.value.answer };
    this.#tell(message.subject, decoded.failure.message);
    return undefined;
  }

  /** False when it is lost. */
  messageToFramework(executor: ExecutorRef, data: ExecutorMessage['data']): boolean {
    const parameters = { agentId: this.#agentId, ...executor };
    const { messageToFramework } = SUBJECTS;
    const message = encodeMessage(messageToFramework, this.#cluster, parameters, { data });
    return this.#bus.publish(message.subject, message.bytes).ok;
  }

  heartbeat(body: AgentHeartbeat): void {
    const parameters = { agentId: this.#agentId };
    this.#publish(encodeMessage(SUBJECTS.agentHeartbeat, this.#cluster, parameters, body));
  }

  oversubscribed(body: Oversubscription): void {
    const parameters = { agentId: this.#agentId };
    this.#publish(encodeMessage(SUBJECTS.oversubscribed, this.#cluster, parameters, body));
  }

  usage(body: UsageReport): void {
    const parameters = { agentId: this.#agentId };
    this.#publish(encodeMessage(SUBJECTS.usage, this.#cluster, parameters, body));
  }

  unitsUsage(body: UnitsUsage): void {
    const parameters = { agentId: this.#agentId };
    this.#publish(encodeMessage(SUBJECTS.unitsUsage, this.#cluster, parameters, body));
  }

  encodeUpdate(update: StatusUpdate): Outgoing {
    const parameters = { source: this.#agentId, ...update.task };
    return encodeMessage(SUBJECTS.update, this.#cluster, parameters, update);
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  #onOrder<Entry extends SubjectEntry>(
    entry: Entry,
    handler: (epoch: Epoch, body: Received<Entry>['body'], reply: (answer: Answer) => void) => void,
  ): void {
    this.#on(entry, ({ epoch, body }, message) => {
      if (epoch === undefined) {
        this.#refuse(message, fail('malformed', 'an order must name the epoch of its leader'));
        return;
      }
      handler(epoch, body, (answer) => void message.respond(encodeAnswer(answer)));
    });
  }

  #on<Entry extends SubjectEntry>(
    entry: Entry,
    handler: (received: Received<Entry>, message: BusMessage) => void,
  ): void {
    const own = {
      agentId: this.#agentId,
      actorKind: 'agent',
      actorId: ActorId.parse(this.#agentId),
    };
    const subject = wildcardOf(entry, this.#cluster, own);
    const handle = (message: BusMessage): void => {
      const received = this.#read(entry, this.#cluster, message.subject, message.bytes);
      if (received.ok) handler(received.value, message);
      else this.#refuse(message, received);
    };
    if (isOwn(entry)) this.#ownHandlers.set(subject, handle);
    else this.#subscriptions.push(this.#bus.subscribe(subject, handle));
  }

  /** By one subscription; by one for each kind where permissions of an earlier release hold, which allow no other. */
  #hearOwn(): void {
    const handOut = (message: BusMessage): void => this.#handOut(message);
    let isRefused = false;
    const each = (): void => {
      // However often it is told.
      if (isRefused) return;
      isRefused = true;
      for (const [subject, handle] of this.#ownHandlers) {
        this.#subscriptions.push(this.#bus.subscribe(subject, handle));
      }
    };
    const all = ownSubjects(this.#cluster, this.#agentId);
    this.#subscriptions.push(this.#bus.subscribe(all, handOut, { onRefused: each }));
  }

  #handOut(message: BusMessage): void {
    const { subject } = message;
    const handle =
      this.#ownHandlers.get(subject) ??
      this.#ownHandlers.get(`${subject.slice(0, subject.lastIndexOf('.'))}.*`);
    if (handle === undefined) this.#tell(subject, 'this release of the agent knows no such verb');
    else handle(message);
  }

  #refuse(message: BusMessage, answer: Extract<Answer, { ok: false }>): void {
    this.#tell(message.subject, answer.failure.message);
    if (message.reply !== undefined) message.respond(encodeAnswer(answer));
  }

  #tell(subject: string, reason: string): void {
    const key = `${subject} ${reason}`;
    if (this.#malformed.has(key) || this.#malformed.size >= MAX_REMEMBERED_REASONS) return;
    this.#malformed.add(key);
    this.#handlers.onMalformed(subject, reason);
  }

  async #answer(work: Promise<Outcome<unknown>>, message: BusMessage): Promise<void> {
    message.respond(encodeAnswer(await work));
  }

  async #answerPrincipal({ parameters, body }: Received<typeof SUBJECTS.ownFiles>): Promise<void> {
    const { principal } = parameters;
    const { frameworkId } = body.task;
    const answer = await this.#handlers.files.ofPrincipal(principal, body);
    const to = { agentId: this.#agentId, principal, frameworkId };
    const told = { question: body.question, answer };
    this.#publish(encodeMessage(SUBJECTS.ownFilesAnswer, this.#cluster, to, told));
  }

  // A heartbeat or a report that is lost with the connection is followed by others.
  #publish({ subject, bytes }: Outgoing): void {
    this.#bus.publish(subject, bytes);
  }
}
