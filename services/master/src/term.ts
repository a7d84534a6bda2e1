// Owns one term of a leading master: from the replica of the journal's end to the end of the leadership. It joins
// the writer of the journal, the actor, the bus and the readers of update streams; it decides nothing itself.

import type { BusSubscription } from '@parley/actor/bus';
import type { StepContext } from '@parley/actor/core';
import { type LeaderEnd, type LeaderReport, LeaderShell } from '@parley/actor/leader-shell';
import type { LeaseNote } from '@parley/actor/lease';
import type { Skipped } from '@parley/actor/replica';
import { takeoverEffects } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { Input } from '@parley/cluster/inputs';
import type { Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome } from '@parley/protocol/errors';
import { subjectPrefix } from '@parley/protocol/subject-entry';
import { unreachable } from '@parley/protocol/unreachable';
import { Intake } from './intake.ts';
import { lossOfJournal } from './journal-loss.ts';
import { reportLeader } from './leader-reports.ts';
import { LiveClusterView } from './live-cluster-view.ts';
import { MasterActor, type MasterOutput } from './master-actor.ts';
import { leaveThePast, type OpenedBooks, openBooks } from './open-books.ts';
import type { Principals } from './principal-registry.ts';
import { putBack } from './put-back.ts';
import { SettingsUpkeep } from './settings-upkeep.ts';
import { StreamLooks } from './stream-looks.ts';
import type {
  MasterReplica,
  TermOptions,
  TermSurroundings,
  UpdateReader,
} from './term-surroundings.ts';
import { takeIn } from './update-intake.ts';

const TICK_MS = 50;
/** Then an order is given up, and sent again. */
const ORDER_TIMEOUT_MS = 2000;
/** That it was taken counts all the same until then: an agent with much to do is late each time. */
const ORDER_ANSWER_WITHIN_MS = 10_000;
/** Roles that an operator takes away from a principal are refused from then on. */
const PRINCIPALS_INTERVAL_MS = 3000;
const JOURNAL_INTERVAL_MS = 2000;
/** Inputs that wait for the journal: some entries full. Before more is looked at, they are written. */
const MAX_PENDING = 4096;

type Shell = LeaderShell<ClusterState, Input, Effect>;

export class Term {
  readonly #around: TermSurroundings;
  readonly #options: TermOptions;
  readonly #epoch: Epoch;
  readonly #mayAct: () => boolean;
  readonly #subscriptions: BusSubscription[] = [];
  readonly #readers: UpdateReader[] = [];
  #shell: Shell | undefined;
  #actor: MasterActor | undefined;
  #cancelTicks: (() => void) | undefined;
  #principals: Principals | undefined;
  #principalsDueMs = 0;
  #over = false;
  #journalCreatedMs = 0;
  #hasPast = false;
  #leaving: Promise<void> | undefined;
  #settings: SettingsUpkeep | undefined;
  #journalDueMs = 0;
  #looks: StreamLooks | undefined;
  #intake: Intake | undefined;
  constructor(around: TermSurroundings, options: TermOptions) {
    this.#around = around;
    this.#options = options;
    this.#epoch = options.epoch;
    this.#mayAct = options.mayAct;
  }

  /** Of the last entry that was stepped; 0 before the books are read. */
  get sequence(): number {
    return this.#shell?.sequence ?? this.#options.replica?.sequence ?? 0;
  }

  /** Inputs that wait for the journal, and messages that were not looked at yet. */
  get pending(): number {
    return (this.#shell?.pending ?? 0) + (this.#intake?.size ?? 0);
  }

  /** As of that entry. */
  get replica(): MasterReplica | undefined {
    return this.#shell?.replica ?? this.#options.replica;
  }

  /** Of that entry; undefined before the books are read. */
  get rulesVersion(): number | undefined {
    return this.#shell?.rulesVersion ?? this.#options.replica?.rulesVersion;
  }

  /** Every live master knows them. */
  raiseRules(rulesVersion: number): void {
    this.#shell?.raiseRules(rulesVersion, { kind: 'tick' });
  }

  /** Leads until the term is over. Rejects when the process has to end: a defect that no rule covers. */
  async run(): Promise<LeaderEnd> {
    const opened = await this.#open();
    if (opened === undefined) return { reason: 'leaseLost' };
    if (!opened.ok) return { reason: 'journalUnusable', message: opened.failure.message };
    const { logger } = this.#around;
    const { replica, journalCreatedMs, hasPast } = opened.value;
    this.#journalCreatedMs = journalCreatedMs;
    this.#hasPast = hasPast;
    const wasHeld = this.#options.replica === replica;
    logger.info({ epoch: this.#epoch, sequence: replica.sequence, wasHeld }, 'term begins');
    const shell: Shell = new LeaderShell({
      ...this.#around,
      replica,
      epoch: this.#epoch,
      mayAct: this.#mayAct,
      mayWrite: this.#options.mayWriteSnapshot,
      onEffects: (effects, context) => this.#effects(effects, context),
      onSkipped: (skipped) => this.#skipped(skipped),
      report: (report) => this.#report(report),
    });
    this.#shell = shell;
    this.#begin(shell, opened.value);
    try {
      return await shell.ended;
    } finally {
      this.#close();
    }
  }

  get census(): MasterActor['census'] | undefined {
    return this.#actor?.census;
  }

  /** Journals what is queued, writes a snapshot where that is wanted, ends the term. */
  async stop(options: { readonly snapshot: boolean }): Promise<void> {
    if (this.#shell === undefined) this.#over = true;
    await this.#shell?.stop(options);
  }

  /** A standby has written a snapshot of that entry: what is older may be removed. */
  snapshotWritten(sequence: number): void {
    this.#shell?.snapshotWritten(sequence);
  }

  /** Nothing of the term is under way any more. */
  async closed(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()));
  }

  leaseLost(): void {
    this.#over = true;
    this.#shell?.leaseLost();
  }

  /** For whoever leads next: what the journal is and how far it goes. Undefined before anything is committed. */
  get note(): LeaseNote | undefined {
    const sequence = this.#shell?.sequence;
    if (this.#actor === undefined || sequence === undefined) return undefined;
    return { createdMs: this.#journalCreatedMs, sequence };
  }

  #open(): Promise<Outcome<OpenedBooks> | undefined> {
    return openBooks(this.#around, {
      held: this.#options.replica,
      memory: this.#options.memory(),
      note: this.#options.note,
      goesOn: () => this.#goesOn(),
      onPassedOver: (report) => this.#report(report),
    });
  }

  #goesOn(): boolean {
    return !this.#over && this.#mayAct();
  }

  /** First of all inputs of the term. */
  #begin(shell: Shell, { rebuilding, kept, positions = [] }: OpenedBooks): void {
    const { masterId, settings } = this.#around;
    const started = { kind: 'termStarted', epoch: this.#epoch, masterId, settings } as const;
    const begun = shell.submit({ ...started, ...(rebuilding && { rebuilding }) });
    if (!begun.ok || kept === undefined) return;
    const { logger } = this.#around;
    for (const input of positions) {
      const queued = shell.submit(input);
      if (queued.ok) continue;
      const { principal } = input;
      logger.warn({ principal, failure: queued.failure }, 'its updates are read from the first');
    }
    putBack(kept, (input) => shell.submit(input), logger);
  }

  /** New books come before anything that is left of lost ones, and nobody hears of the term before. */
  async #leaveThePast(shell: Shell): Promise<void> {
    const isLeft = await leaveThePast(
      this.#around,
      () => shell.replica,
      () => this.#goesOn(),
    );
    if (!isLeft) return;
    this.#around.logger.info(
      { sequence: shell.sequence },
      'the books are new; the lost ones are gone',
    );
    this.#hasPast = false;
    this.#serve(this.#around.clock.nowMs());
    this.#carryOut();
  }

  #effects(effects: readonly Effect[], { sequence }: StepContext): void {
    this.#options.onStepped(sequence, () => this.#shell?.hash() ?? '');
    this.#around.meter?.stepped(effects);
    const nowMs = this.#around.clock.nowMs();
    if (this.#hasPast) {
      const shell = this.#shell;
      if (shell !== undefined) this.#leaving ??= this.#leaveThePast(shell);
      return;
    }
    if (this.#actor === undefined) this.#serve(nowMs);
    this.#actor?.carryOut(effects, nowMs);
    this.#settings?.carriedOut(effects);
    this.#carryOut();
  }

  /** The first entry of the term is committed: only now does anybody hear of it. */
  #serve(nowMs: number): void {
    const shell = this.#shell;
    if (shell === undefined) return;
    const { bus, cluster, masterId, rateLimits, rules, openSettings, logger } = this.#around;
    const view = new LiveClusterView(() => shell.state);
    const actor = new MasterActor({
      cluster,
      masterId,
      rateLimits,
      rules,
      epoch: this.#epoch,
      view,
      submit: (input) => {
        const queued = shell.submit(input);
        if (queued.ok) this.#around.meter?.submitted(input);
        return queued;
      },
    });
    this.#actor = actor;
    this.#settings = new SettingsUpkeep(openSettings, logger, shell.state);
    this.#looks = new StreamLooks({ nowMs, view, look: this.#around.lookAtStreams });
    actor.begin(takeoverEffects(shell.state), nowMs);
    const intake = this.#openIntake(shell, actor);
    const prefix = subjectPrefix(cluster);
    for (const pattern of [
      `${prefix}.master.call.>`,
      `${prefix}.offers.>`,
      `${prefix}.master.proposals`,
    ]) {
      const subscription = bus.subscribe(pattern, ({ subject, bytes, reply }) => {
        intake.add({ subject, bytes, ...(reply !== undefined && { reply }) });
      });
      this.#subscriptions.push(subscription);
    }
    void this.#readPrincipals(actor);
    this.#cancelTicks = this.#around.timers.every(TICK_MS, () => this.#tick());
    this.#options.onCommitted();
  }

  #openIntake(shell: Shell, actor: MasterActor): Intake {
    const { clock, timers, logger } = this.#around;
    const intake = new Intake({
      clock,
      timers,
      hasRoom: () => shell.pending < MAX_PENDING,
      take: ({ subject, bytes, reply }, atMs) => actor.received(subject, bytes, reply, atMs),
      onFailed: (subject, err) =>
        logger.error({ subject, err }, 'a message was left out because of a defect'),
      onTaken: () => this.#carryOut(),
      onDropping: (waiting) =>
        logger.warn(
          { waiting },
          'more comes in than this master can take: what comes now is dropped, and asked again by whoever wants an answer. A master needs a fast core of its own in a cluster as busy as this',
        ),
    });
    this.#intake = intake;
    return intake;
  }

  #tick(): void {
    const shell = this.#shell;
    const actor = this.#actor;
    if (shell === undefined || actor === undefined) return;
    const nowMs = this.#around.clock.nowMs();
    if (nowMs >= this.#principalsDueMs) void this.#readPrincipals(actor);
    if (nowMs >= this.#journalDueMs) {
      void this.#lookAtJournal(shell, nowMs);
      void this.#settings?.look();
    }
    this.#looks?.look(nowMs, this.#principals?.records.keys());
    if (this.#mayAct()) void this.#settings?.write(shell.state, shell.sequence, nowMs);
    const deadlineMs = new LiveClusterView(() => shell.state).nextDeadlineMs();
    if (deadlineMs !== undefined && deadlineMs <= shell.coreTimeMs() && shell.pending === 0) {
      shell.submit({ kind: 'tick' });
    }
    this.#carryOut();
  }

  /** One who has nothing to write would not find out that what it has written is gone. */
  async #lookAtJournal(shell: Shell, nowMs: number): Promise<void> {
    this.#journalDueMs = nowMs + JOURNAL_INTERVAL_MS;
    const written = { createdMs: this.#journalCreatedMs, sequence: shell.sequence };
    const loss = await lossOfJournal(this.#around.journal, written);
    if (loss !== undefined && !this.#over) shell.journalLost(loss);
  }

  #carryOut(): void {
    const actor = this.#actor;
    if (actor === undefined || !this.#mayAct()) return;
    const nowMs = this.#around.clock.nowMs();
    actor.tick(nowMs, this.#intake?.isBehind(nowMs));
    for (const output of actor.takeOutputs()) this.#carryOutOne(actor, output);
  }

  #carryOutOne(actor: MasterActor, output: MasterOutput): void {
    switch (output.kind) {
      case 'publish':
        this.#publish(output.subject, output.bytes);
        break;
      case 'order':
        void this.#order(actor, output);
        break;
      case 'writeUpdate':
        void this.#writeUpdate(actor, output);
        break;
      case 'readStream':
        this.#readStream(actor, output);
        break;
      case 'readPrincipals':
        void this.#readPrincipals(actor);
        break;
      case 'log':
        this.#around.logger[output.level]({ epoch: this.#epoch, ...output.fields }, output.message);
        break;
      default:
        unreachable(output);
    }
  }

  #publish(subject: string, bytes: Uint8Array): void {
    const sent = this.#around.bus.publish(subject, bytes);
    // Callers repeat their requests, and numbers show schedulers and allocator what they missed.
    if (!sent.ok) this.#around.logger.warn({ subject, failure: sent.failure }, 'not sent');
  }

  async #order(
    actor: MasterActor,
    { orderId, subject, bytes }: Extract<MasterOutput, { kind: 'order' }>,
  ): Promise<void> {
    const { bus, clock, timers } = this.#around;
    let isGivenUp = false;
    const giveUp = (): void => {
      isGivenUp = true;
      if (this.#over) return;
      actor.orderReplied(orderId, undefined, clock.nowMs());
      this.#carryOut();
    };
    const cancel = timers.after(ORDER_TIMEOUT_MS, giveUp, { ref: false });
    const answer = await bus.request(subject, bytes, ORDER_ANSWER_WITHIN_MS);
    cancel();
    if (this.#over) return;
    const value = answer.ok ? answer.value : undefined;
    const nowMs = clock.nowMs();
    if (!isGivenUp) actor.orderReplied(orderId, value, nowMs);
    else if (value !== undefined) actor.orderRepliedLate(orderId, value, nowMs);
    this.#carryOut();
  }

  async #writeUpdate(
    actor: MasterActor,
    { key, subject, bytes }: Extract<MasterOutput, { kind: 'writeUpdate' }>,
  ): Promise<void> {
    const { updateWriter, logger } = this.#around;
    const written = await updateWriter.write(subject, bytes);
    if (this.#over) return;
    if (!written.ok)
      logger.warn({ subject, failure: written.failure }, 'an update was not written yet');
    actor.updateWritten(key, written.ok, this.#around.clock.nowMs());
  }

  #readStream(
    actor: MasterActor,
    { principal, createdMs, sequence }: Extract<MasterOutput, { kind: 'readStream' }>,
  ): void {
    const { cluster, logger, clock, timers } = this.#around;
    const carryOut = () => this.#carryOut();
    const isOver = () => this.#over;
    const intake = { cluster, principal, actor, carryOut, isOver, clock, timers };
    const reader = this.#around.readUpdates({
      principal,
      from: { streamCreatedMs: createdMs, sequence },
      onTrouble: (failure) => logger.warn({ principal, failure }, 'updates cannot be read'),
      onBatch: (batch) => takeIn(intake, batch),
    });
    this.#readers.push(reader);
    reader.start();
  }

  async #readPrincipals(actor: MasterActor): Promise<void> {
    const { readPrincipals: readRegister, clock, logger } = this.#around;
    const askedMs = clock.nowMs();
    this.#principalsDueMs = askedMs + PRINCIPALS_INTERVAL_MS;
    const read = await readRegister(this.#principals?.version);
    if (!read.ok) {
      logger.warn({ failure: read.failure }, 'the register of principals cannot be read');
      return;
    }
    this.#principals = read.value ?? this.#principals;
    if (this.#principals !== undefined) actor.principalsRead(this.#principals.records, askedMs);
  }

  #skipped({ input, sequence, index, why }: Skipped): void {
    const parsed = Input.safeParse(input);
    this.#around.logger.error({ sequence, index, why }, 'an input was left out');
    if (!parsed.success || parsed.data.kind !== 'call') return;
    const { caller, request } = parsed.data;
    const answer: Outcome<never> = fail(
      'internalError',
      'the request was left out because of a defect; the log of the master says more',
    );
    this.#actor?.carryOut(
      [{ kind: 'answer', caller, request, answer }],
      this.#around.clock.nowMs(),
    );
    this.#carryOut();
  }

  #report(report: LeaderReport): void {
    reportLeader(this.#around.logger, report);
    if (report.kind === 'journalTrouble') this.#around.onJournalTrouble();
  }

  /** Requests are no longer taken; what still comes of orders and readers is passed over. */
  #close(): void {
    this.#over = true;
    this.#cancelTicks?.();
    this.#intake?.close();
    for (const subscription of this.#subscriptions) subscription.close();
    for (const reader of this.#readers) void reader.close();
  }
}
