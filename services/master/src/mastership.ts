// Owns a master's turns: it stands by with the books in its hands, wins the lease, leads a term, hands over or is
// deposed, and stands by again. Joins candidacy, standby and term; the rules are in @parley/actor/master-life.
import type { ProbingBus } from '@parley/actor/bus';
import { Candidacy } from '@parley/actor/candidacy';
import type { LeaderEnd } from '@parley/actor/leader-shell';
import type { LeaseStore } from '@parley/actor/lease-store';
import { type LifeAdvice, MasterLife, type Standing } from '@parley/actor/master-life';
import { RELEASE_VERSION } from '@parley/actor/release';
import { SnapshotKeeper } from '@parley/actor/snapshot-keeper';
import { Standby } from '@parley/actor/standby';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { MasterList, StepDownResult } from '@parley/protocol/leadership';
import { unreachable } from '@parley/protocol/unreachable';
import { HeldBooks } from './best-settings.ts';
import { reportLeader, reportSetback } from './leader-reports.ts';
import { LeadershipDesk } from './leadership-desk.ts';
import type { MasterLook } from './master-meter.ts';
import { rehearse } from './rehearsal.ts';
import { Term } from './term.ts';
import type { TermSurroundings } from './term-surroundings.ts';

const OTHER_LEADS =
  'another process leads; if it has this id too, give each master an id of its own';
/** Who stepped down leaves the lease to others for so long. */
const STAND_ASIDE_MS = 5000;
/** Whoever finds nobody leading leads before that. */
const REHEARSES_AFTER_MS = 1000;

export type Surroundings = Omit<TermSurroundings, 'bus'> & {
  readonly bus: ProbingBus;
  readonly lease: LeaseStore;
  /** As of Candidacy. */
  readonly onLeaseUnanswered?: () => void;
  /** As of RehearsalOptions. */
  readonly rehearsedRounds?: number;
};

type MasterStandby = Standby<ClusterState, Input, Effect>;
type Won = { readonly epoch: Epoch } | 'ended';

export class Mastership {
  readonly #around: Surroundings;
  readonly #stopping: AbortSignal;
  readonly #life: MasterLife;
  readonly #candidacy: Candidacy;
  readonly #desk: LeadershipDesk;
  readonly #held = new HeldBooks();
  #won = Promise.withResolvers<Won>();
  #standby: MasterStandby | undefined;
  #term: Term | undefined;
  #handover: Promise<void> | undefined;
  #standAsideUntilMs = Number.NEGATIVE_INFINITY;
  #wasTaken = false;
  #hasRehearsed = false;
  #unusable: string | undefined;

  constructor(around: Surroundings, stopping: AbortSignal) {
    const { bus, lease, cluster, masterId, clock, timers, makeNonce } = around;
    this.#around = around;
    this.#stopping = stopping;
    this.#life = new MasterLife({
      id: masterId,
      version: RELEASE_VERSION,
      rulesVersion: around.core.rulesVersion,
    });
    this.#candidacy = new Candidacy({
      bus,
      store: lease,
      cluster,
      key: 'master',
      id: masterId,
      clock,
      timers,
      makeNonce,
      beat: () => this.#life.beat(this.#standing(), clock.nowMs()),
      onBeat: (beat, epoch) => {
        this.#follow(this.#life.heard(beat, epoch, clock.nowMs()));
        this.#raiseRules();
      },
      note: () => this.#term?.note,
      onWon: (epoch) => this.#won.resolve({ epoch }),
      onLost: (taken) => this.#leaseLost(taken),
      onSuspicion: (epoch, silentMs) =>
        around.logger.warn({ epoch, silentMs }, 'the leader is silent: its lease is taken'),
      onUnanswered: () => around.onLeaseUnanswered?.(),
      onSetback: (setback) => reportSetback(around.logger, setback),
      mayStand: () => this.#mayStand(),
    });
    this.#desk = new LeadershipDesk({
      bus,
      cluster,
      list: () => this.#list(),
      stepDown: (term) => this.#stepDown(term),
    });
  }

  /** What it does now, for people. */
  get status(): string {
    const { phase } = this.#life;
    return `${phase}, at entry ${this.#standing().sequence} of the journal`;
  }

  /** For measurements. */
  get look(): MasterLook {
    return {
      isLeading: this.#term?.note !== undefined,
      sequence: this.#standing().sequence,
      waitingInputs: this.#term?.pending ?? 0,
      state: (this.#term ?? this.#standby)?.replica?.state,
    };
  }

  /** Until the process is stopped, or has to end: then the value says why. */
  async run(): Promise<string | undefined> {
    const stop = (): void => {
      this.#won.resolve('ended');
      this.#handOver();
    };
    this.#stopping.addEventListener('abort', stop, { once: true });
    this.#candidacy.start();
    try {
      while (!this.#stopping.aborted && this.#unusable === undefined) await this.#turn();
    } finally {
      this.#stopping.removeEventListener('abort', stop);
      this.#candidacy.close();
      this.#desk.close();
    }
    return this.#unusable;
  }

  /** Standing by and, once the lease is won, one term. */
  async #turn(): Promise<void> {
    this.#life.standAgain();
    this.#won = Promise.withResolvers<Won>();
    this.#handover = undefined;
    const standby = this.#makeStandby();
    this.#standby = standby;
    standby.start();
    this.#candidacy.stand(!this.#wasTaken);
    this.#wasTaken = false;
    const won = await this.#won.promise;
    if (won === 'ended' || this.#stopping.aborted) {
      await this.#candidacy.release();
      await standby.close();
      return;
    }
    await this.#lead(won.epoch, standby);
  }

  async #lead(epoch: Epoch, standby: MasterStandby): Promise<void> {
    this.#life.leaseWon(epoch);
    const replica = await standby.takeOver();
    const term = new Term(this.#around, {
      epoch,
      mayAct: () => this.#candidacy.mayAct(),
      replica,
      memory: () => this.#held.whole,
      note: this.#candidacy.note,
      onCommitted: () => this.#committed(),
      onStepped: (sequence, hash) => this.#follow(this.#life.stepped(sequence, hash)),
      mayWriteSnapshot: (sequence) => this.#mayWriteSnapshot(sequence),
    });
    this.#term = term;
    this.#standby = undefined;
    if (this.#stopping.aborted) this.#handOver();
    try {
      this.#ended(await term.run());
    } finally {
      const { replica: books } = term;
      if (books !== undefined) this.#candidacy.knows(books.epoch);
      this.#held.remember(books);
      this.#desk.close();
      // Before anything that takes time: others wait for it.
      await this.#candidacy.release();
      this.#term = undefined;
      await term.closed();
    }
  }

  #committed(): void {
    this.#life.termCommitted();
    this.#desk.open();
    this.#candidacy.beatNow();
    this.#candidacy.renewNow();
  }

  #ended(end: LeaderEnd): void {
    this.#life.ended();
    const { logger } = this.#around;
    this.#wasTaken ||= end.reason === 'deposed';
    if (end.reason === 'journalLost')
      logger.error({ end }, 'ALARM: term is over: the books are lost');
    else if (this.#wasTaken) logger.warn({ end }, `term is over: ${OTHER_LEADS}`);
    else logger.info({ end }, 'term is over');
    if (end.reason === 'journalUnusable') this.#unusable = end.message;
  }

  #leaseLost(taken: boolean): void {
    this.#wasTaken = taken;
    this.#term?.leaseLost();
    this.#won.resolve('ended');
  }

  /** Journals the queue, then the term is over and the lease free; a snapshot only where nobody holds the books. */
  #handOver(): void {
    const term = this.#term;
    if (term === undefined || this.#handover !== undefined) return;
    const standbys = this.#life.standbys(this.#around.clock.nowMs());
    this.#around.logger.info({ standbys }, 'hands over');
    if (this.#life.handOver()) this.#candidacy.beatNow();
    this.#handover = term.stop({ snapshot: standbys.length === 0 });
  }

  #stepDown(term: Epoch): Outcome<StepDownResult> {
    const { clock, masterId, timers } = this.#around;
    const { epoch } = this.#life;
    if (epoch === undefined) return fail('unavailable', 'this master does not lead');
    if (compareEpochs(term, epoch) !== 0) {
      return fail('staleEpoch', 'the leader of that term leads no more');
    }
    if (this.#life.standbys(clock.nowMs()).length === 0) {
      return fail('unavailable', 'no other master stands by: start one first, or stop this one');
    }
    this.#standAsideUntilMs = clock.nowMs() + STAND_ASIDE_MS;
    // After the answer has left.
    timers.soon(() => this.#handOver());
    return succeed({ id: masterId, epoch });
  }

  #list(): MasterList | undefined {
    const { epoch } = this.#life;
    if (epoch === undefined) return undefined;
    const masters = this.#life.list(this.#standing(), this.#around.clock.nowMs());
    const census = this.#term?.census;
    return { epoch, masters, ...(census && { census }) };
  }

  #mayStand(): boolean {
    const nowMs = this.#around.clock.nowMs();
    return nowMs >= this.#standAsideUntilMs && this.#life.mayStand(nowMs);
  }

  /** Own signs of life come back too: one who leads alone asks several times a second. */
  #raiseRules(): void {
    const common = this.#life.commonRules(this.#around.clock.nowMs());
    if (common !== undefined) this.#term?.raiseRules(common);
  }

  #standing(): Standing {
    const books = this.#term ?? this.#standby?.replica;
    return {
      sequence: books?.sequence ?? 0,
      lagEntries: this.#standby?.lagEntries ?? 0,
      rulesInForce: books?.rulesVersion,
    };
  }

  #makeStandby(): MasterStandby {
    const { core, journal, snapshots, timers, logger } = this.#around;
    let keeper: SnapshotKeeper | undefined;
    const standby: MasterStandby = new Standby<ClusterState, Input, Effect>({
      core,
      timers,
      journal,
      snapshots,
      tail: journal,
      onEntry: (replica) => {
        this.#held.remember(replica);
        this.#candidacy.knows(replica.epoch);
        this.#follow(this.#life.stepped(replica.sequence, () => replica.hash()));
        keeper?.entryApplied(replica);
      },
      onReplaced: () => {
        this.#life.replaced();
        keeper = this.#makeKeeper(standby);
        this.#held.remember(standby.replica);
        if (standby.replica !== undefined) this.#candidacy.knows(standby.replica.epoch);
        const { sequence } = this.#standing();
        logger.info({ sequence, lagEntries: standby.lagEntries }, 'stands by');
        timers.after(REHEARSES_AFTER_MS, () => void this.#rehearse(), { ref: false });
      },
      onSkipped: (skip, error) => reportLeader(logger, { kind: 'inputSkipped', skip, error }),
      onTrouble: (failure) => {
        if (failure.code === 'booksDamaged') {
          logger.error({ failure }, 'ALARM: the books are damaged: whoever leads makes them anew');
        } else logger.warn({ failure }, 'the journal cannot be read yet');
      },
      onRecovered: () => logger.info('the journal can be read again'),
      onUnusable: (message) => {
        this.#unusable = message;
        this.#won.resolve('ended');
      },
    });
    return standby;
  }

  /** Once in the life of the process, while another leads. */
  async #rehearse(): Promise<void> {
    const isStandingBy = (): boolean => !this.#stopping.aborted && this.#standby !== undefined;
    if (this.#hasRehearsed || !isStandingBy()) return;
    this.#hasRehearsed = true;
    const { clock, timers, logger, rehearsedRounds: rounds } = this.#around;
    try {
      const tasks = await rehearse({
        ...{ clock, goesOn: isStandingBy, ...(rounds !== undefined && { rounds }) },
        yieldToOthers: () => timers.yieldToOthers(),
      });
      logger.debug({ tasks }, 'has rehearsed a term');
    } catch (err) {
      // Whoever leads unrehearsed is slow at first, and nothing else.
      logger.warn({ err }, 'no term was rehearsed');
    }
  }

  /** Of a standby: writes where the leader names it, removes nothing. */
  #makeKeeper({ replica }: MasterStandby): SnapshotKeeper {
    return new SnapshotKeeper(
      {
        ...this.#around,
        tidies: false,
        mayWrite: (sequence) => this.#mayWriteSnapshot(sequence),
        report: (report) => {
          if (report.kind === 'snapshotWritten') {
            const { sequence, hash } = report.manifest;
            this.#life.snapshotWritten({ sequence, hash });
          }
          reportLeader(this.#around.logger, report);
        },
      },
      replica,
    );
  }

  #mayWriteSnapshot(sequence: number): boolean {
    return this.#life.mayWriteSnapshot(sequence, this.#around.clock.nowMs());
  }

  #follow(advice: readonly LifeAdvice[]): void {
    for (const one of advice) this.#followOne(one);
  }

  /** One of a state that the leader did not have is removed: nobody may begin with it. */
  async #snapshotTold({
    writer,
    sequence,
    isWrong,
  }: Extract<LifeAdvice, { kind: 'snapshotTold' }>): Promise<void> {
    const { logger, snapshots } = this.#around;
    if (!isWrong) {
      this.#term?.snapshotWritten(sequence);
      return;
    }
    logger.error({ writer, sequence }, "ALARM: a standby's snapshot is not of the leader's state");
    const removed = await snapshots.remove({ sequence, writer });
    if (!removed.ok) logger.error({ failure: removed.failure }, 'that snapshot is still there');
  }

  #followOne(advice: LifeAdvice): void {
    switch (advice.kind) {
      case 'recheckLease':
        this.#candidacy.recheck();
        break;
      case 'readToEnd':
        void this.#standby?.readToEnd();
        break;
      case 'snapshotTold':
        void this.#snapshotTold(advice);
        break;
      case 'rebuild': {
        const { kind: _, ...fields } = advice;
        this.#around.logger.error(
          fields,
          "ALARM: the state here is not the leader's; it is made anew",
        );
        this.#held.forget();
        void this.#standby?.rebuild(advice.notAfter);
        break;
      }
      default:
        unreachable(advice);
    }
  }
}
