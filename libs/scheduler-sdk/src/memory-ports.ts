// Owns ports of a scheduler in memory, for tests of the driver and the client: a fake leader answers the bytes on the
// bus, updates are read from its stream, time is virtual.
import type { BusMessage } from '@parley/actor/bus';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId, ClusterName, ExecutorId, FrameworkId, PrincipalName } from '@parley/protocol/ids';
import { decodeMessage, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import { parametersOf, type SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { FakeLeader } from './fake-leader.ts';
import type {
  BusListener,
  SchedulerBus,
  SchedulerPorts,
  UpdateReader,
  UpdateReaderOptions,
  WorkObjects,
} from './scheduler-ports.ts';
import type { SchedulerMessage, SchedulerRequest } from './session-vocabulary.ts';

const CALLS = [
  'subscribe',
  'resync',
  'updateFramework',
  'suppress',
  'revive',
  'demand',
  'killTask',
  'reconcile',
  'shutdownExecutor',
  'answerInverseOffer',
  'acknowledgeEvents',
  'teardown',
  'accept',
  'decline',
] as const;
/** Promises that a step of the shells goes through, with room to spare. */
const TURNS = 50;

type Timer = { readonly atMs: number; readonly run: () => void };

export class MemoryWorld {
  readonly cluster = ClusterName.parse('c1');
  readonly principal = PrincipalName.parse('team');
  readonly leader = new FakeLeader({
    principal: this.principal,
    frameworkId: FrameworkId.parse('fw'),
  });
  /** Subjects of what was published. */
  readonly published: string[] = [];
  readonly warnings: Error[] = [];
  readonly acknowledged = new Set<number>();
  /** Updates beyond it are in the stream, and have not reached the scheduler yet. */
  reach = Number.POSITIVE_INFINITY;
  #timers: Timer[] = [];
  #handler: ((message: BusMessage) => void) | undefined;
  #listener: BusListener | undefined;
  #reader: UpdateReaderOptions | undefined;
  #read = 0;
  #catchUpTo: number | undefined;
  #nowMs = 0;
  #tokens = 0;
  #lives = 0;

  /** Of one process. */
  get ports(): SchedulerPorts {
    const life = this.#lives;
    const isAlive = (): boolean => life === this.#lives;
    return {
      cluster: this.cluster,
      principal: this.principal,
      clock: {
        nowMs: () => this.#nowMs,
        startTimer: (afterMs, run) => {
          const timer = { atMs: this.#nowMs + afterMs, run };
          if (isAlive()) this.#timers.push(timer);
          return { cancel: () => (this.#timers = this.#timers.filter((one) => one !== timer)) };
        },
      },
      openBus: (listener) => this.#openBus(listener, isAlive),
      openUpdates: (options) => this.#openUpdates(options, isAlive),
      openBucket: async (): Promise<Outcome<WorkObjects>> => fail('unavailable', 'no objects here'),
      randomToken: () => `token-${++this.#tokens}`,
      warn: (error) => void this.warnings.push(error),
      close: async () => undefined,
    };
  }

  /** The bus ended by itself. */
  lose(reason: string): void {
    this.#listener?.onClosed(reason);
  }

  /** The scheduler's process is killed: nothing reaches it any more, and nothing of it is heard. */
  crash(): void {
    this.#handler = undefined;
    this.#listener = undefined;
    this.#reader = undefined;
    this.#catchUpTo = undefined;
    this.#timers = [];
    this.#lives += 1;
  }

  /** An executor speaks. */
  say(executorId: string, data: Uint8Array): void {
    const from = { agentId: AgentId.parse('agent-1'), executorId: ExecutorId.parse(executorId) };
    const parameters = { ...this.leader.framework, ...from };
    this.#arrive(SUBJECTS.messageToFramework, { ...parameters }, { data });
  }

  /** Lets time pass, and everything happen that is due in it. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await this.#settle();
      const [next] = this.#timers
        .filter(({ atMs }) => atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = endMs;
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn += 1) {
      await Promise.resolve();
      for (const message of this.leader.outbox.splice(0)) this.#tell(message);
      this.#deliverUpdates();
    }
  }

  #openBus(listener: BusListener, isAlive: () => boolean): SchedulerBus {
    this.#listener = listener;
    return {
      connected: true,
      publish: (subject) => {
        this.published.push(subject);
        return succeed(undefined);
      },
      request: async (subject, bytes) =>
        isAlive() ? this.#request(subject, bytes) : await new Promise(() => undefined),
      subscribe: (_pattern, handler) => {
        this.#handler = handler;
        return { close: () => undefined };
      },
      close: async () => undefined,
    };
  }

  #openUpdates(options: UpdateReaderOptions, isAlive: () => boolean): UpdateReader {
    this.#reader = options;
    this.#read = 0;
    // What was acknowledged is not handed over again, wherever it lies.
    options.onBegin?.({ streamCreatedMs: 1, sequence: Math.max(0, ...this.acknowledged) });
    return {
      acknowledge: (sequence) => void (isAlive() && this.acknowledged.add(sequence)),
      catchUp: (sequence) => {
        if (!isAlive()) return;
        this.#catchUpTo = sequence;
        this.#deliverUpdates();
      },
      close: async () => {
        if (isAlive()) this.#reader = undefined;
      },
    };
  }

  #deliverUpdates(): void {
    const reader = this.#reader;
    const { stream } = this.leader;
    const end = Math.min(stream.length, this.reach);
    for (; reader !== undefined && this.#read < end; this.#read += 1) {
      const update = stream[this.#read];
      const sequence = this.#read + 1;
      if (update === undefined || this.acknowledged.has(sequence)) continue;
      const source = update.source === 'master' ? 'master' : update.agentId;
      const parameters = { ...update.task, source };
      const message = encodeMessage(SUBJECTS.update, this.cluster, parameters, update);
      reader.onMessage({ streamCreatedMs: 1, sequence }, message.subject, message.bytes);
    }
    const sequence = this.#catchUpTo;
    if (reader === undefined || sequence === undefined || sequence > this.reach) return;
    this.#catchUpTo = undefined;
    reader.onCaughtUp({ streamCreatedMs: 1, sequence });
  }

  #request(subject: string, bytes: Uint8Array): Outcome<Uint8Array> {
    for (const name of CALLS) {
      const entry: SubjectEntry = SUBJECTS[name];
      const parameters = parametersOf(entry, this.cluster, subject);
      if (parameters === undefined) continue;
      const received = decodeMessage(entry, this.cluster, subject, bytes);
      if (!received.ok) return received;
      const { body, request, frameworkSession } = received.value;
      if (request === undefined) return fail('malformed', 'a call has a request id');
      // The body was parsed by the entry of this very name.
      const call = { name, body, ...parameters } as unknown as SchedulerRequest;
      const header = { request, ...(frameworkSession !== undefined && { frameworkSession }) };
      const { epoch, answer } = this.leader.request(call, header);
      return succeed(encodeAnswer(answer, epoch));
    }
    return fail('unknownVerb', subject);
  }

  #tell(message: SchedulerMessage): void {
    if (message.kind === 'executorMessage') return;
    const { kind, epoch, body } = message;
    this.#arrive(SUBJECTS[kind], { ...this.leader.framework }, body, { epoch });
  }

  #arrive(
    entry: SubjectEntry,
    parameters: Record<string, string>,
    body: unknown,
    header: Parameters<typeof encodeMessage>[4] = {},
  ): void {
    const message = encodeMessage(entry, this.cluster, parameters, body, header);
    this.#handler?.({ ...message, respond: () => succeed(undefined) });
  }
}
