// Owns what lies between a session and its ports: carries out the session's effects, feeds it messages, answers and
// time, hands its events on. It decides nothing. The driver (scheduler.ts) and the plain client share it.
import { ANSWER_WITHIN_MS } from '@parley/actor/outstanding-requests';
import { type Failure, fail, type Outcome } from '@parley/protocol/errors';
import type { FrameworkRef } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';
import { SchedulerError, unreachableCluster } from './scheduler-connections.ts';
import type {
  SchedulerBus,
  SchedulerPorts,
  StreamPosition,
  Timer,
  UpdateReader,
  WorkObjects,
} from './scheduler-ports.ts';
import { SchedulerSession, type SessionOptions } from './session.ts';
import type { SchedulerEvent, SessionEffect, StopReason } from './session-vocabulary.ts';
import {
  decodeCallAnswer,
  decodeSchedulerMessage,
  encodeCall,
  encodeExecutorMessage,
  schedulerSubjects,
} from './session-wire.ts';
import { isFromItsSource } from './update-message.ts';

export type SessionShellOptions = {
  readonly session: Omit<SessionOptions, 'callerSession'>;
  readonly onEvent: (event: SchedulerEvent) => void;
  readonly onError: (error: Error) => void;
};

export class SessionShell {
  readonly framework: FrameworkRef;
  readonly #options: SessionShellOptions;
  readonly #ports: SchedulerPorts;
  readonly #bus: SchedulerBus;
  readonly #session: SchedulerSession;
  readonly #answers = new Map<number, (outcome: Outcome<unknown>) => void>();
  readonly #subscribedSignal = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<StopReason>();
  #reader: UpdateReader | undefined;
  /** What the session waits for; a reader that is opened meanwhile is told, too. */
  #catchUpTo: number | undefined;
  /** Closing one reader and opening the next, one after the other. */
  #readerChange: Promise<void> = Promise.resolve();
  #bucket: Promise<Outcome<WorkObjects>> | undefined;
  #timer: Timer | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: SessionShellOptions, ports: SchedulerPorts) {
    this.#options = options;
    this.#ports = ports;
    this.framework = options.session.framework;
    this.#session = new SchedulerSession({
      ...options.session,
      callerSession: ports.randomToken(),
    });
    this.#bus = ports.openBus({
      onConnectedChange: (isConnected) => {
        if (isConnected) this.run((session, nowMs) => session.reconnected(nowMs));
      },
      onTrouble: (error) => this.report(error),
      onClosed: (reason) => this.#lost(reason),
    });
    for (const subject of schedulerSubjects(ports.cluster, this.framework)) {
      this.#bus.subscribe(subject, (message) => this.#receive(message.subject, message.bytes));
    }
    this.#subscribedSignal.promise.catch(() => undefined);
  }

  start(): void {
    this.run((session, nowMs) => session.start(nowMs));
  }

  /** Resolves when the leader has given a session; throws `SchedulerError` when it refuses or does not answer in time. */
  async subscribed(timeoutMs: number): Promise<void> {
    const { promise, reject } = this.#subscribedSignal;
    const late = fail('unavailable', `no master answered within ${Math.round(timeoutMs / 1000)} s`);
    const timer = this.#ports.clock.startTimer(timeoutMs, () =>
      reject(unreachableCluster(late.failure)),
    );
    try {
      await promise;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      timer.cancel();
    }
  }

  /** Carries out what the session decides. */
  run(decide: (session: SchedulerSession, nowMs: number) => readonly SessionEffect[]): void {
    if (this.#closed !== undefined) return;
    this.#carryOut(decide(this.#session, this.#ports.clock.nowMs()));
  }

  /** The outcome of one call of the session; a call that is closed before is never answered. */
  call<T>(
    decide: (
      session: SchedulerSession,
      nowMs: number,
    ) => { readonly callId: number; readonly effects: readonly SessionEffect[] },
  ): Promise<Outcome<T>> {
    if (this.#closed !== undefined) return Promise.resolve(fail('notSubscribed', 'it is closed'));
    const { callId, effects } = decide(this.#session, this.#ports.clock.nowMs());
    // The session parses each answer against the schema of its call.
    const answered = new Promise<Outcome<T>>((resolve) =>
      this.#answers.set(callId, resolve as (outcome: Outcome<unknown>) => void),
    );
    this.#carryOut(effects);
    return answered;
  }

  /** To one of the framework's executors, at most once. Fails with `tooLarge` or `unavailable`. */
  sendMessage(agentId: string, executorId: string, data: Uint8Array): Outcome<undefined> {
    const { cluster } = this.#ports;
    const outgoing = encodeExecutorMessage(cluster, this.framework, { agentId, executorId, data });
    return outgoing.ok ? this.#bus.publish(outgoing.value.subject, outgoing.value.bytes) : outgoing;
  }

  /** Throws `SchedulerError` when it cannot be opened. */
  async bucket(): Promise<WorkObjects> {
    this.#bucket ??= this.#ports.openBucket();
    const bucket = await this.#bucket;
    if (bucket.ok) return bucket.value;
    this.#bucket = undefined;
    throw new SchedulerError(bucket.failure);
  }

  /** Resolves when the framework is torn down or closed; throws `SchedulerError` when the leader ended the session. */
  async ended(): Promise<void> {
    const reason = await this.#ended.promise;
    await this.close();
    if (reason.kind === 'refused') throw new SchedulerError(reason.failure);
  }

  async teardown(): Promise<void> {
    this.run((session, nowMs) => session.teardown(nowMs));
    await this.#ended.promise;
    await this.close();
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  report(error: unknown): void {
    this.#options.onError(error instanceof Error ? error : new Error(String(error)));
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#changeReader(undefined, false);
    await this.#ports.close();
    await this.#bus.close();
    const { failure } = fail('unavailable', 'the scheduler was closed before the answer came');
    for (const resolve of this.#answers.values()) resolve({ ok: false, failure });
    this.#answers.clear();
    this.#ended.resolve({ kind: 'teardown' });
  }

  #carryOut(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'request':
          void this.#request(effect);
          break;
        case 'publish':
          this.#publish(effect);
          break;
        case 'openConsumer':
          this.#catchUpTo = undefined;
          void this.#changeReader(effect.session, false);
          break;
        case 'closeConsumer':
          void this.#changeReader(undefined, effect.remove);
          break;
        case 'acknowledge':
          this.#reader?.acknowledge(effect.streamSequence);
          break;
        case 'catchUp':
          this.#catchUpTo = effect.streamSequence;
          this.#reader?.catchUp(effect.streamSequence);
          break;
        case 'deliver':
          this.#deliver(effect.event);
          break;
        default:
          unreachable(effect);
      }
    }
    this.#schedule();
  }

  #publish(effect: Extract<SessionEffect, { kind: 'publish' }>): void {
    const { cluster } = this.#ports;
    const outgoing = encodeCall(cluster, this.framework, effect.call, effect.header);
    // Lost while disconnected: the next one follows.
    if (outgoing.ok) this.#bus.publish(outgoing.value.subject, outgoing.value.bytes);
  }

  async #request(effect: Extract<SessionEffect, { kind: 'request' }>): Promise<void> {
    const { counter, call, header } = effect;
    const outgoing = encodeCall(this.#ports.cluster, this.framework, call, header);
    if (!outgoing.ok) return this.#answer(counter, outgoing);
    const { subject, bytes } = outgoing.value;
    const reply = await this.#bus.request(subject, bytes, ANSWER_WITHIN_MS);
    if (!reply.ok) {
      // Nobody there: the session sends it again. Anything else would be the same the next time.
      if (reply.failure.code !== 'unavailable') this.#answer(counter, reply);
      return;
    }
    const received = decodeCallAnswer(call.name, reply.value);
    if (!received.ok) return this.#answer(counter, received);
    this.run((session, nowMs) => session.answered(counter, received.value, nowMs));
  }

  #answer(counter: number, failed: { ok: false; failure: Failure }): void {
    this.run((session, nowMs) => session.answered(counter, { answer: failed }, nowMs));
  }

  #receive(subject: string, bytes: Uint8Array): void {
    const message = decodeSchedulerMessage(this.#ports.cluster, subject, bytes);
    if (message.ok) this.run((session, nowMs) => session.message(message.value, nowMs));
    else this.report(new SchedulerError(message.failure));
  }

  #deliver(event: SchedulerEvent): void {
    if (event.kind === 'subscribed') this.#subscribedSignal.resolve();
    if (event.kind === 'stopped') this.#stopped(event.reason);
    if (event.kind === 'accepted') this.#tellOutcome(event.acceptId, event.outcome);
    if (event.kind === 'answered') this.#tellOutcome(event.callId, event.outcome);
    this.#options.onEvent(event);
  }

  #tellOutcome(callId: number, outcome: Outcome<unknown>): void {
    this.#answers.get(callId)?.(outcome);
    this.#answers.delete(callId);
  }

  #stopped(reason: StopReason): void {
    if (reason.kind === 'refused')
      this.#subscribedSignal.reject(new SchedulerError(reason.failure));
    this.#ended.resolve(reason);
  }

  #changeReader(session: number | undefined, remove: boolean): Promise<void> {
    this.#readerChange = this.#readerChange.then(async () => {
      const old = this.#reader;
      this.#reader = undefined;
      try {
        await old?.close(remove);
      } catch (error) {
        this.report(error);
      }
      if (session !== undefined && this.#closed === undefined) this.#openReader(session);
    });
    return this.#readerChange;
  }

  #openReader(session: number): void {
    this.#reader = this.#ports.openUpdates({
      framework: this.framework,
      session,
      onMessage: (position, subject, bytes) => this.#read(position, subject, bytes),
      onCaughtUp: (position) => this.run((one, nowMs) => one.caughtUp(position, nowMs)),
      onTrouble: (error) => this.report(error),
    });
    if (this.#catchUpTo !== undefined) this.#reader.catchUp(this.#catchUpTo);
  }

  #read(position: StreamPosition, subject: string, bytes: Uint8Array): void {
    const received = decodeMessage(SUBJECTS.update, this.#ports.cluster, subject, bytes);
    if (received.ok && isFromItsSource(received.value)) {
      const { body } = received.value;
      this.run((session, nowMs) => session.updateRead(position.sequence, body, nowMs));
      return;
    }
    // It would be the same the next time: acknowledged and left out.
    const why = received.ok
      ? 'it names another task or sender than its subject'
      : received.failure.message;
    this.report(new Error(`update ${position.sequence} on ${subject} was left out: ${why}`));
    this.#reader?.acknowledge(position.sequence);
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const wakeMs = this.#session.nextWakeMs();
    if (wakeMs === undefined || this.#closed !== undefined) return;
    const { clock } = this.#ports;
    const waitMs = Math.max(wakeMs - clock.nowMs(), 1);
    this.#timer = clock.startTimer(waitMs, () => this.run((one, nowMs) => one.tick(nowMs)));
  }

  #lost(reason: string): void {
    const message = `the bus closed the connection: ${reason}. The credential may have been taken away.`;
    const { failure } = fail('notPermitted', message);
    this.#deliver({ kind: 'stopped', reason: { kind: 'refused', failure } });
  }
}
