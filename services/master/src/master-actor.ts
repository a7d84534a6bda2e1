// Owns the leading master between bus and books: messages become inputs, effects become messages, orders
// and updates are repeated until done, silence is noticed. Sans-IO: time comes in, outputs come out.
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import type { Epoch } from '@parley/protocol/epoch';
import type { Failure, Outcome } from '@parley/protocol/errors';
import type { ActorId, ClusterName, PrincipalName } from '@parley/protocol/ids';
import { type Answer, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import type { PrincipalRecord } from '@parley/protocol/operators';
import { MAX_MESSAGE_BYTES } from '@parley/protocol/streams';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';
import type { AuthorizationRules } from './authorization.ts';
import { Broadcasts } from './broadcasts.ts';
import { CallGate } from './call-gate.ts';
import {
  callerInbox,
  callerKey,
  type IncomingCall,
  readCall,
  requestKey,
  subjectInbox,
} from './calls.ts';
import type { ClusterView, StreamPosition } from './cluster-view.ts';
import { DamageDesk, type UpdateStream } from './damage-desk.ts';
import { logLineOf } from './event-log.ts';
import { factsMessages } from './facts-messages.ts';
import { OrderDesk } from './order-desk.ts';
import type { RateLimitSettings } from './rate-limits.ts';
import { askToRegister } from './reminders.ts';
import { SilenceJudge } from './silence-judge.ts';
import { StandingDesk } from './standing-desk.ts';
import { TakeoverCensus } from './takeover-census.ts';
import { readUnanswered } from './unanswered.ts';
import { UnansweredDesk } from './unanswered-desk.ts';
import type { PassedOver } from './update-batch.ts';
import { UpdateDesk } from './update-desk.ts';

export type MasterOutput =
  | { readonly kind: 'publish'; readonly subject: string; readonly bytes: Uint8Array }
  /** Send and hand the answer, or its absence, to `orderReplied`. */
  | {
      readonly kind: 'order';
      readonly orderId: string;
      readonly subject: string;
      readonly bytes: Uint8Array;
    }
  /** Write to the principal's stream and tell `updateWritten`. */
  | {
      readonly kind: 'writeUpdate';
      readonly key: string;
      readonly subject: string;
      readonly bytes: Uint8Array;
    }
  /** Read this principal's stream from the position on and hand it to `updatesRead`. */
  | {
      readonly kind: 'readStream';
      readonly principal: PrincipalName;
      readonly createdMs: number;
      readonly sequence: number;
    }
  /** Read the principals bucket and hand it to `principalsRead`. */
  | { readonly kind: 'readPrincipals' }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: Record<string, unknown>;
    };

export type MasterActorOptions = {
  readonly cluster: ClusterName;
  readonly masterId: ActorId;
  readonly epoch: Epoch;
  readonly view: ClusterView;
  /** Queues an input for the journal. Fails with `overloaded`, `tooLarge` or `unavailable`. */
  readonly submit: (input: Input) => Outcome<undefined>;
  readonly rateLimits?: RateLimitSettings;
  /** The rules in force now; undefined: all that the bus lets through is allowed. */
  readonly rules?: () => AuthorizationRules | undefined;
};

export class MasterActor {
  readonly #options: MasterActorOptions;
  readonly #gate: CallGate;
  readonly #silence: SilenceJudge;
  readonly #orders: OrderDesk;
  readonly #updates: UpdateDesk;
  readonly #broadcasts: Broadcasts;
  readonly #damage: DamageDesk;
  readonly #census: TakeoverCensus;
  readonly #standings: StandingDesk;
  readonly #heard: UnansweredDesk;
  /** Reply subjects of requests that are queued or in the append in flight. */
  readonly #replies = new Map<string, string>();
  readonly #readStreams = new Set<PrincipalName>();
  readonly #malformedSubjects = new Set<string>();
  #malformedCount = 0;
  #outputs: MasterOutput[] = [];

  constructor(options: MasterActorOptions) {
    this.#options = options;
    this.#census = new TakeoverCensus(options.view);
    this.#standings = new StandingDesk(options, this.#census);
    this.#gate = new CallGate(options);
    this.#orders = new OrderDesk(options);
    this.#updates = new UpdateDesk(options);
    this.#broadcasts = new Broadcasts(options);
    this.#damage = new DamageDesk(options, this.#broadcasts.damaged, this.#updates);
    this.#silence = new SilenceJudge(options.view, options.submit);
    this.#heard = new UnansweredDesk(options, {
      silence: this.#silence,
      census: this.#census,
      standings: this.#standings,
    });
  }

  /** Messages that did not parse since the term began. */
  get malformedCount(): number {
    return this.#malformedCount;
  }

  /** Calls refused since the term began, by rule, and what each principal has called. */
  get gate(): Pick<CallGate, 'denied' | 'rates'> {
    return this.#gate;
  }

  /** Who was heard since the term began, and what they said that was not in the books. */
  get census(): TakeoverCensus['now'] {
    return this.#census.now;
  }

  /** What to carry out, in order; emptied by this call. */
  takeOutputs(): MasterOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  /** Any message on `master.call.>`, `offers.>` or `master.proposals`. */
  received(subject: string, bytes: Uint8Array, reply: string | undefined, nowMs: number): void {
    if (this.#unanswered(subject, bytes, nowMs)) return;
    const call = readCall(this.#options.cluster, subject, bytes);
    if (call === undefined) {
      this.#refuseUnread(subject, reply, {
        code: 'unknownVerb',
        message: `${subject} names no call of this protocol version; infra/docs/subjects.md lists them`,
      });
    } else if (call.ok) this.#accept(call.value, reply, nowMs);
    else this.#refuseUnread(subject, reply, call.failure);
  }

  /** Effects of committed inputs, in the order in which the core gave them. */
  carryOut(effects: readonly Effect[], nowMs: number): void {
    this.#census.carriedOut(effects, nowMs);
    this.#carryOutAll(effects, nowMs);
  }

  /** The term has begun: whatever the books say is under way goes on. `effects`: what is to be sent again. */
  begin(effects: readonly Effect[], nowMs: number): void {
    const { view } = this.#options;
    this.#census.begin(view.registeredAgents(), view.subscribedFrameworks(), nowMs);
    this.#standings.begin(nowMs);
    for (const position of view.streamPositions()) this.#readStream(position);
    for (const principal of view.principals()) this.#readStreamOf(principal);
    this.#carryOutAll(effects, nowMs);
  }

  /** `bytes` undefined: nobody answered. */
  orderReplied(orderId: string, bytes: Uint8Array | undefined, nowMs: number): void {
    const input = this.#orders.replied(orderId, bytes, nowMs);
    if (input === undefined) return;
    if (input.kind === 'log') this.#outputs.push(input);
    else if (this.#options.submit(input).ok) this.#orders.answered(input, nowMs);
    else this.#orders.failed(orderId, nowMs);
  }

  /** Of a try that was reported unanswered before. That the order was taken counts; else a later try tells more. */
  orderRepliedLate(orderId: string, bytes: Uint8Array, nowMs: number): void {
    if (this.#orders.isTaken(orderId, bytes)) this.orderReplied(orderId, bytes, nowMs);
  }

  updateWritten(key: string, written: boolean, nowMs: number): void {
    if (written) this.#updates.done(key, nowMs);
    else this.#updates.failed(key, nowMs);
  }

  /** False when the queue is full: hand the same batch in again. */
  updatesRead(batch: Extract<Input, { kind: 'updates' }>, nowMs: number): boolean {
    for (const { update } of batch.updates) {
      if (update.source === 'agent') this.#silence.agentHeard(update.agentId, nowMs);
    }
    return this.#options.submit(batch).ok;
  }

  /** Those of a principal's stream that are no updates, or none any more. */
  updatesPassedOver(stream: UpdateStream, ones: readonly PassedOver[], nowMs: number): void {
    this.#outputs.push(...this.#damage.passedOver(stream, ones, nowMs));
  }

  /** Agents hear once more of those that are damaged. */
  tellDamaged(stream: UpdateStream, ones: readonly PassedOver[]): void {
    this.#outputs.push(...this.#damage.tell(stream, ones));
  }

  principalsRead(records: ReadonlyMap<string, PrincipalRecord>, nowMs: number): void {
    this.#gate.principalsRead(records, nowMs);
  }

  /**
   * Everything that is due. Call it every 50 ms or so, and after `carryOut`. `isBehind`: not everything that came in has
   * been heard, so that silence says nothing.
   */
  tick(nowMs: number, isBehind = false): void {
    this.#outputs.push(...this.#orders.takeDue(nowMs), ...this.#updates.takeDue(nowMs));
    this.#publish(...this.#standings.takeDue(nowMs));
    if (!isBehind) this.#silence.judgeAgents(nowMs);
    if (!this.#broadcasts.isDue(nowMs)) return;
    this.#outputs.push(...this.#broadcasts.take(nowMs));
    if (!isBehind) this.#silence.judgeFrameworks(nowMs);
    const heldBack = this.#silence.takeHeldBack();
    if (heldBack !== undefined) this.#log('warn', 'silent agents wait to be given up', heldBack);
    for (const { level, message, fields } of this.#census.takeLines()) {
      this.#log(level, message, fields);
    }
    for (const { message, fields } of this.#gate.takeLines(nowMs)) {
      this.#log('warn', message, fields);
    }
  }

  #carryOutAll(effects: readonly Effect[], nowMs: number): void {
    for (const effect of effects) this.#carryOutOne(effect, nowMs);
  }

  /** True: it was a message that nobody waits for an answer to. */
  #unanswered(subject: string, bytes: Uint8Array, nowMs: number): boolean {
    const message = readUnanswered(this.#options.cluster, subject, bytes);
    if (message === undefined) return false;
    if (!message.ok) {
      this.#countMalformed(subject, message.failure.message);
      return true;
    }
    this.#publish(...this.#heard.heard(message.value, nowMs));
    return true;
  }

  #accept(call: IncomingCall, reply: string | undefined, nowMs: number): void {
    if (!reply?.startsWith(`${callerInbox(call.caller)}.`)) {
      this.#countMalformed(
        callerKey(call.caller),
        "a reply subject outside the caller's own inbox",
      );
      return;
    }
    const key = requestKey(call.caller, call.request);
    if (this.#replies.has(key)) {
      // Asked again while it waits: it is answered once, at the newest inbox.
      this.#replies.set(key, reply);
      this.#heardFrom(call, nowMs);
      return;
    }
    const answer = this.#gate.admit(call, nowMs);
    if (!answer.pass) {
      if (answer.refresh) this.#outputs.push({ kind: 'readPrincipals' });
      this.#answer(reply, { ok: false, failure: answer.failure });
      return;
    }
    this.#heardFrom(call, nowMs);
    this.#replies.set(key, reply);
    this.#gate.opened(call);
    const queued = this.#options.submit(call);
    if (queued.ok) return;
    this.#replies.delete(key);
    this.#gate.answered(call);
    this.#answer(reply, queued);
  }

  #heardFrom(call: IncomingCall, nowMs: number): void {
    if (call.caller.kind === 'agent') this.#silence.agentHeard(call.caller.agentId, nowMs);
    else if (call.caller.kind === 'framework' && call.frameworkSession !== undefined) {
      this.#silence.frameworkHeard(call.caller, call.frameworkSession, nowMs);
      this.#census.frameworkHeard(call.caller, nowMs);
    }
  }

  #refuseUnread(subject: string, reply: string | undefined, failure: Failure): void {
    this.#countMalformed(subject, failure.message);
    const inbox = subjectInbox(this.#options.cluster, subject);
    if (reply !== undefined && inbox !== undefined && reply.startsWith(`${inbox}.`)) {
      this.#answer(reply, { ok: false, failure });
    }
  }

  #countMalformed(subject: string, reason: string): void {
    this.#malformedCount += 1;
    if (this.#malformedSubjects.has(subject) || this.#malformedSubjects.size >= MAX_LOGGED_SUBJECTS)
      return;
    this.#malformedSubjects.add(subject);
    this.#log('warn', 'message refused', { subject, reason });
  }

  #answer(reply: string, answer: Answer): void {
    const { epoch } = this.#options;
    const bytes = encodeAnswer(answer, epoch);
    const fits = bytes.length <= MAX_MESSAGE_BYTES;
    const failure: Failure = {
      code: 'tooLarge',
      message: `the answer of ${bytes.length} bytes is larger than the bus carries`,
    };
    const sent = fits ? bytes : encodeAnswer({ ok: false, failure }, epoch);
    this.#outputs.push({ kind: 'publish', subject: reply, bytes: sent });
  }

  #carryOutOne(effect: Effect, nowMs: number): void {
    const { cluster, epoch } = this.#options;
    switch (effect.kind) {
      case 'answer':
        this.#answerWaiting(effect);
        break;
      case 'offers':
        this.#publish(
          encodeMessage(SUBJECTS.offers, cluster, effect.framework, effect.message, { epoch }),
        );
        break;
      case 'rescind':
        this.#publish(
          encodeMessage(SUBJECTS.rescind, cluster, effect.framework, effect.message, { epoch }),
        );
        break;
      case 'events':
        this.#publish(
          encodeMessage(SUBJECTS.events, cluster, effect.framework, effect.message, { epoch }),
        );
        break;
      case 'order':
        this.#orders.add(effect.order, nowMs);
        break;
      case 'writeUpdate':
        this.#updates.add(effect.update, nowMs);
        break;
      case 'facts':
        this.#publish(...factsMessages(this.#options, effect));
        break;
      case 'event':
        this.#noteEvent(effect);
        break;
      default:
        unreachable(effect);
    }
  }

  #answerWaiting({ caller, request, answer }: Extract<Effect, { kind: 'answer' }>): void {
    const key = requestKey(caller, request);
    const reply = this.#replies.get(key);
    if (reply === undefined) return;
    this.#replies.delete(key);
    this.#gate.answered({ caller });
    this.#answer(reply, answer);
  }

  #publish(...messages: { subject: string; bytes: Uint8Array }[]): void {
    for (const message of messages) this.#outputs.push({ kind: 'publish', ...message });
  }

  #noteEvent({ event }: Extract<Effect, { kind: 'event' }>): void {
    if (event.type === 'frameworkSubscribed') this.#readStreamOf(event.framework.principal);
    if (event.type === 'agentGone') this.#publish(...askToRegister(this.#options, event.agentId));
    const line = logLineOf(event);
    if (line !== undefined) this.#log(line.level, line.message, { ...event });
  }

  #readStreamOf(principal: PrincipalName): void {
    if (!this.#readStreams.has(principal))
      this.#readStream({ principal, createdMs: 0, sequence: 0 });
  }

  #readStream(position: StreamPosition): void {
    if (this.#readStreams.has(position.principal)) return;
    this.#readStreams.add(position.principal);
    this.#outputs.push({ kind: 'readStream', ...position });
  }

  #log(level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>): void {
    this.#outputs.push({ kind: 'log', level, message, fields });
  }
}

/** Distinct subjects whose malformed messages are logged; the rest is only counted. */
const MAX_LOGGED_SUBJECTS = 1000;
