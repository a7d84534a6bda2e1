// Owns the way between the bus and the allocator: facts in, proposals out, the timer, terms that begin and end. When
// questions of operators are answered is in explain-desk.ts.
// What is decided is in @parley/allocation; who may lead is in the lease. While no term is held it only listens.
import type { Bus, BusMessage } from '@parley/actor/bus';
import type { Clock } from '@parley/actor/clock';
import { systemTimers } from '@parley/actor/nats/system-clock';
import type { Timers } from '@parley/actor/timers';
import { Allocator, type AllocatorEffect } from '@parley/allocation/allocator';
import type { Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome } from '@parley/protocol/errors';
import type { ExplainRequest, Explanation } from '@parley/protocol/explanations';
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { unreachable } from '@parley/protocol/unreachable';
import type { ActorLog } from '@parley/telemetry/logger';
import type { Metrics } from '@parley/telemetry/metrics';
import { ExplainDesk } from './explain-desk.ts';

/** Different reasons why messages are dropped that are told apart in the log. */
const MAX_REASONS = 100;

export type AllocatorServiceOptions = {
  readonly bus: Bus;
  readonly cluster: ClusterName;
  readonly clock: Clock;
  readonly timers?: Timers;
  readonly logger: ActorLog;
  readonly seed: number;
  /** See AllocatorOptions. */
  readonly intervalMs?: number;
  /** Where somebody wants to know. */
  readonly metrics?: Metrics | undefined;
  /** Whether the term still holds; asked before every batch of proposals. */
  readonly mayAct: () => boolean;
};

export class AllocatorService {
  readonly #options: AllocatorServiceOptions;
  readonly #desk: ExplainDesk;
  readonly #reasons = new Set<string>();
  #term: { readonly allocator: Allocator; readonly epoch: Epoch } | undefined;
  #wasInStep = false;
  #dropped = 0;
  #cancelWake: (() => void) | undefined;

  constructor(options: AllocatorServiceOptions) {
    this.#options = options;
    const { clock, timers = systemTimers } = options;
    const answer = (request: ExplainRequest) => this.#explanationOf(request);
    this.#desk = new ExplainDesk({ clock, timers, answer });
  }

  /** Whether it leads and knows all that the leading master has said. */
  get isInStep(): boolean {
    return this.#term?.allocator.isInStep === true;
  }

  /** Listens; proposes nothing before a term begins. */
  start(): void {
    const { bus, cluster } = this.#options;
    bus.subscribe(wildcardOf(SUBJECTS.facts, cluster), (message) => this.#hear(message));
    bus.subscribe(wildcardOf(SUBJECTS.explain, cluster), (message) => this.#explain(message));
    bus.subscribe(wildcardOf(SUBJECTS.candidates, cluster), (message) => this.#candidates(message));
  }

  termBegan(epoch: Epoch): void {
    const { clock, logger, seed, intervalMs = 0 } = this.#options;
    const allocator = new Allocator({ seed, intervalMs });
    this.#term = { allocator, epoch };
    this.#wasInStep = false;
    logger.info({ epoch }, 'term began');
    this.#carryOut(allocator.started(epoch, clock.nowMs()));
  }

  termEnded(): void {
    if (this.#term === undefined) return;
    this.#options.logger.info({ epoch: this.#term.epoch }, 'term ended');
    this.#term = undefined;
    this.#desk.close();
    this.#unschedule();
  }

  /** The connection came back: what was published meanwhile never arrived. */
  reconnected(): void {
    if (this.#term === undefined) return;
    this.#carryOut(this.#term.allocator.reconnected(this.#options.clock.nowMs()));
  }

  #hear({ subject, bytes }: BusMessage): void {
    if (this.#term === undefined) return;
    const { cluster, clock } = this.#options;
    const message = decodeMessage(SUBJECTS.facts, cluster, subject, bytes);
    if (!message.ok) {
      this.#drop(subject, message.failure.message);
      return;
    }
    const { body, epoch } = message.value;
    this.#options.metrics?.count('parley_allocator_facts_total');
    if (epoch === undefined) this.#drop(subject, 'facts without an epoch');
    else this.#carryOut(this.#term.allocator.facts(body, clock.nowMs(), epoch));
  }

  /** Whoever does not lead stays silent: another may. */
  #explain(message: BusMessage): void {
    const { cluster, mayAct } = this.#options;
    if (this.#term === undefined || !mayAct()) return;
    const request = decodeMessage(SUBJECTS.explain, cluster, message.subject, message.bytes);
    if (!request.ok) {
      message.respond(encodeAnswer(request));
      return;
    }
    this.#desk.ask(request.value.body, (answer) => void message.respond(encodeAnswer(answer)));
  }

  /** What is to be decided comes first. */
  #explanationOf(request: ExplainRequest): Outcome<Explanation> | undefined {
    const { clock, mayAct } = this.#options;
    if (this.#term === undefined || !mayAct()) return undefined;
    const { allocator } = this.#term;
    const wakeMs = allocator.nextWakeMs();
    if (wakeMs !== undefined && wakeMs <= clock.nowMs()) this.#wake();
    const value = allocator.explain(request, clock.nowMs());
    return value === undefined
      ? fail('unavailable', 'the allocator does not know all of the cluster yet')
      : { ok: true, value };
  }

  #candidates({ subject, bytes }: BusMessage): void {
    if (this.#term === undefined) return;
    const { cluster, clock } = this.#options;
    const message = decodeMessage(SUBJECTS.candidates, cluster, subject, bytes);
    if (!message.ok) this.#drop(subject, message.failure.message);
    else this.#carryOut(this.#term.allocator.candidates(message.value.body, clock.nowMs()));
  }

  #wake(): void {
    if (this.#term === undefined) return;
    const { clock, metrics } = this.#options;
    const beganMs = clock.nowMs();
    const effects = this.#term.allocator.tick(beganMs);
    metrics?.observe('parley_allocator_run_seconds', (clock.nowMs() - beganMs) / 1000);
    this.#carryOut(effects);
  }

  #carryOut(effects: readonly AllocatorEffect[]): void {
    const { mayAct, bus, logger, metrics } = this.#options;
    if (this.#term === undefined) return;
    const { epoch } = this.#term;
    for (const effect of mayAct() ? effects : []) {
      const { subject, bytes } = this.#encode(effect, epoch);
      const sent = bus.publish(subject, bytes);
      // All kinds come again by themselves: requests every second, proposals after their timeout.
      if (!sent.ok) logger.warn({ kind: effect.kind, failure: sent.failure }, 'not sent');
      else if (effect.kind === 'propose') {
        metrics?.count('parley_allocator_proposals_total', {}, effect.proposals.length);
        logger.debug({ proposals: effect.proposals.length }, 'proposed');
      } else if (effect.kind === 'revoke') {
        const [revocations, calledOff] = [effect.revocations.length, effect.calledOff.length];
        metrics?.count('parley_allocator_revocations_total', { kind: 'asked' }, revocations);
        metrics?.count('parley_allocator_revocations_total', { kind: 'calledOff' }, calledOff);
        logger.info({ revocations, calledOff }, 'asked to take tasks back, or to leave them');
      }
    }
    this.#noteStep();
    this.#schedule();
  }

  #encode(effect: AllocatorEffect, epoch: Epoch): { subject: string; bytes: Uint8Array } {
    const { cluster } = this.#options;
    switch (effect.kind) {
      case 'propose': {
        const { proposals } = effect;
        return encodeMessage(SUBJECTS.proposals, cluster, {}, { proposals }, { epoch });
      }
      case 'askCandidates':
        return encodeMessage(SUBJECTS.candidatesWanted, cluster, {}, effect.question, { epoch });
      case 'revoke': {
        const { revocations, calledOff } = effect;
        const body = { revocations, calledOff };
        return encodeMessage(SUBJECTS.revocations, cluster, {}, body, { epoch });
      }
      case 'requestSnapshot':
        return encodeMessage(SUBJECTS.factsSnapshot, cluster, {}, {}, { epoch });
      default:
        return unreachable(effect);
    }
  }

  #noteStep(): void {
    const { isInStep } = this;
    if (isInStep === this.#wasInStep) return;
    this.#wasInStep = isInStep;
    const { logger } = this.#options;
    if (isInStep) logger.info('knows what the master knows: proposes');
    else logger.info('facts were lost: waits for a snapshot');
  }

  #schedule(): void {
    this.#unschedule();
    const wakeMs = this.#term?.allocator.nextWakeMs();
    if (wakeMs === undefined) return;
    // Whole milliseconds: a timer that fires a fraction early would have to be set again.
    const waitMs = Math.ceil(wakeMs - this.#options.clock.nowMs());
    // What has arrived by now is heard first; a timer would wait for a millisecond.
    const { timers = systemTimers } = this.#options;
    if (waitMs <= 0) this.#cancelWake = timers.soon(() => this.#wake());
    else this.#cancelWake = timers.after(waitMs, () => this.#wake());
  }

  #unschedule(): void {
    this.#cancelWake?.();
  }

  /** Counted always, logged once a reason. */
  #drop(subject: string, reason: string): void {
    this.#dropped += 1;
    this.#options.metrics?.count('parley_allocator_dropped_messages_total');
    if (this.#reasons.has(reason) || this.#reasons.size >= MAX_REASONS) return;
    this.#reasons.add(reason);
    this.#options.logger.warn({ subject, reason, dropped: this.#dropped }, 'message dropped');
  }
}
