// Owns the life of one master among several: following the journal, opening a term, leading, leaving; whether its state
// is the leader's; who may lead. It does no I/O: what is heard and stepped comes in, advice goes out. The lease is in
// lease.ts, when a leader is believed dead in leader-watch.ts, following in standby.ts.
import type { LeadershipEvent } from '@parley/lifecycle/leadership-machine';
import { type LeadershipState, nextLeadershipState } from '@parley/lifecycle/transitions';
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';
import type { ActorId } from '@parley/protocol/ids';
import type {
  BooksStanding,
  LeadershipBeat,
  LeadershipPhase,
  MasterStanding,
  StateMark,
} from '@parley/protocol/leadership';
import { ALIVE_MS, MasterRoster } from './master-roster.ts';
import { type MarkVerdict, StateMarks } from './state-marks.ts';

export type LifeAdvice =
  /** The lease may have changed hands: read it. */
  | { readonly kind: 'recheckLease' }
  /** The leader is about to leave: read the journal to its end. */
  | { readonly kind: 'readToEnd' }
  /** A standby has written a snapshot; `isWrong`: of a state that the leader did not have. */
  | {
      readonly kind: 'snapshotTold';
      readonly writer: ActorId;
      readonly sequence: number;
      readonly isWrong: boolean;
    }
  /** The own state is not the leader's: tell people, and make it anew from a snapshot not younger than `notAfter`. */
  | {
      readonly kind: 'rebuild';
      readonly sequence: number;
      readonly notAfter: number | undefined;
      readonly differences: number;
      readonly isFit: boolean;
    };

/** How often a state may differ and be made anew before its master is no candidate any more. */
const MAX_DIFFERENCES = 1;

const PHASES: Record<LeadershipState, LeadershipPhase> = {
  standby: 'following',
  opening: 'opening',
  leading: 'leading',
  leaving: 'leaving',
  stopped: 'left',
};

/** Where a replica stands; read whenever asked. */
export type Standing = {
  readonly sequence: number;
  readonly lagEntries: number;
  readonly rulesInForce?: number | undefined;
};

export type MasterLifeOptions = {
  readonly id: ActorId;
  readonly version: string;
  /** The newest that it knows. */
  readonly rulesVersion: number;
};

export class MasterLife {
  readonly #options: MasterLifeOptions;
  readonly #roster: MasterRoster;
  readonly #marks = new StateMarks();
  #state: LeadershipState = 'standby';
  #epoch: Epoch | undefined;
  #differences = 0;
  #isRebuilding = false;
  #listeningSinceMs: number | undefined;
  /** When it first gave a sign of life. */
  #beganMs: number | undefined;
  #snapshotWriter: ActorId | undefined;
  /** Who writes snapshots, as the leader says. */
  #namedWriter: ActorId | undefined;
  /** Of the own last one. */
  #snapshot: StateMark | undefined;
  readonly #toldSnapshots = new Map<ActorId, number>();

  constructor(options: MasterLifeOptions) {
    this.#options = options;
    this.#roster = new MasterRoster(options.id);
  }

  get phase(): LeadershipPhase {
    return PHASES[this.#state];
  }

  /** Of the own term; undefined while another leads. */
  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  /** Others who would lead at once. */
  standbys(nowMs: number): ActorId[] {
    return this.#roster.standbys(nowMs);
  }

  /** Whether it takes a lease that is free: one whose state is wrong does only when nobody else can. */
  mayStand(nowMs: number): boolean {
    return this.#isFit || this.standbys(nowMs).length === 0;
  }

  leaseWon(epoch: Epoch): void {
    this.#move('leaseWon');
    this.#epoch = epoch;
  }

  termCommitted(): void {
    this.#move('termCommitted');
  }

  /** The term ends by the own will. False when there is nothing to hand over yet. */
  handOver(): boolean {
    if (this.#state !== 'leading') return false;
    this.#move('handOver');
    return true;
  }

  /** The term, if any, is over for whatever reason. */
  ended(): void {
    if (this.#state !== 'stopped') this.#move('stop');
  }

  /** Another candidacy begins: another life, with what is known of the others. */
  standAgain(): void {
    this.#state = 'standby';
    this.#epoch = undefined;
    this.#namedWriter = undefined;
    this.replaced();
  }

  /** The state was made anew: what was hashed of the one before says nothing. */
  replaced(): void {
    this.#marks.forget();
    this.#isRebuilding = false;
  }

  /** An entry was stepped here, by the leader or a standby. `hash` is asked for only where it is compared. */
  stepped(sequence: number, hash: () => string): LifeAdvice[] {
    return this.#judge(sequence, this.#marks.stepped(sequence, hash));
  }

  /** A sign of life of any master; the own ones, which come back, are passed over. */
  heard(beat: LeadershipBeat, epoch: Epoch | undefined, nowMs: number): LifeAdvice[] {
    this.#listeningSinceMs ??= nowMs;
    this.#roster.heard(beat, epoch, nowMs);
    if (beat.phase === 'following') return this.#heardOfSnapshot(beat);
    if (epoch === undefined) return [];
    if (this.#epoch !== undefined) {
      return compareEpochs(epoch, this.#epoch) > 0 ? [{ kind: 'recheckLease' }] : [];
    }
    if (beat.phase === 'left') return [{ kind: 'recheckLease' }];
    this.#namedWriter = beat.snapshotWriter;
    const mark = beat.books?.mark;
    const advice = mark === undefined ? [] : this.#judge(mark.sequence, this.#told(mark));
    return beat.phase === 'leaving' ? [...advice, { kind: 'readToEnd' }] : advice;
  }

  /**
   * Of a leader: the newest rules that all live masters know, once it has listened for long enough to have heard them all.
   * Entries may be written under these.
   */
  commonRules(nowMs: number): number | undefined {
    const since = this.#listeningSinceMs;
    if (this.#state !== 'leading' || since === undefined || nowMs - since < ALIVE_MS)
      return undefined;
    return this.#roster.commonRules(this.#options.rulesVersion, nowMs);
  }

  beat({ sequence, lagEntries, rulesInForce }: Standing, nowMs: number): LeadershipBeat {
    const { id, version, rulesVersion } = this.#options;
    const mark = this.#marks.newest;
    const books: BooksStanding = {
      sequence,
      lagEntries,
      rulesVersion,
      ...(rulesInForce !== undefined && { rulesInForce }),
      ...(mark && { mark }),
      ...(this.#snapshot && { snapshot: this.#snapshot }),
      differences: this.#differences,
      isFit: this.#isFit,
    };
    this.#beganMs ??= nowMs;
    const upMs = Math.floor(nowMs - this.#beganMs);
    const writer = this.snapshotWriter(nowMs);
    const own = { id, phase: this.phase, version, upMs, books };
    return { ...own, ...(writer && { snapshotWriter: writer }) };
  }

  /** Named by the leader: a standby where one is alive, the same one as long as it is. */
  snapshotWriter(nowMs: number): ActorId | undefined {
    if (this.#epoch === undefined) return undefined;
    const standbys = this.standbys(nowMs);
    const named = this.#snapshotWriter;
    if (named === undefined || !standbys.includes(named)) this.#snapshotWriter = standbys[0];
    return this.#snapshotWriter ?? this.#options.id;
  }

  /** Whether this one is to write the snapshot of that entry: of one after which states are compared, so that it can be judged. */
  mayWriteSnapshot(sequence: number, nowMs: number): boolean {
    const { id } = this.#options;
    if (this.#epoch !== undefined) return this.snapshotWriter(nowMs) === id;
    return this.#isFit && this.#namedWriter === id && StateMarks.isAt(sequence);
  }

  /** A snapshot was written as a standby. */
  snapshotWritten(snapshot: StateMark): void {
    if (this.#epoch === undefined) this.#snapshot = snapshot;
  }

  /** For operators: this one, which leads, and everybody heard. */
  list(standing: Standing, nowMs: number): MasterStanding[] {
    const { snapshotWriter: _, ...own } = this.beat(standing, nowMs);
    return this.#roster.list(own, nowMs);
  }

  #heardOfSnapshot({ id, books }: LeadershipBeat): LifeAdvice[] {
    const snapshot = books?.snapshot;
    if (this.#epoch === undefined || id === this.#options.id || snapshot === undefined) return [];
    const { sequence } = snapshot;
    if (sequence <= (this.#toldSnapshots.get(id) ?? 0)) return [];
    this.#toldSnapshots.set(id, sequence);
    const isWrong = this.#marks.verdictOf(snapshot) === 'different';
    return [{ kind: 'snapshotTold', writer: id, sequence, isWrong }];
  }

  get #isFit(): boolean {
    return this.#differences <= MAX_DIFFERENCES;
  }

  #told(mark: StateMark): MarkVerdict {
    // What is being made anew is compared when it is ready.
    return this.#isRebuilding ? 'unknown' : this.#marks.told(mark);
  }

  #judge(sequence: number, verdict: MarkVerdict): LifeAdvice[] {
    if (verdict !== 'different' || this.#isRebuilding || this.#state !== 'standby') return [];
    this.#isRebuilding = true;
    this.#differences += 1;
    return [
      {
        kind: 'rebuild',
        sequence,
        notAfter: this.#marks.agreedSequence,
        differences: this.#differences,
        isFit: this.#isFit,
      },
    ];
  }

  #move(event: LeadershipEvent): void {
    const next = nextLeadershipState(this.#state, event);
    if (next === undefined) throw new Error(`${event} while ${this.#state}`);
    this.#state = next;
  }
}
