// Owns carrying out a lease's reads and writes on its key-value bucket, and the timer between them. The rules of the
// lease are in ../lease.ts. Buckets are read and written as the streams that they are: with conditions and revisions.
import type { Epoch } from '@parley/protocol/epoch';
import type { ClusterName } from '@parley/protocol/ids';
import { leaseBucketName } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import * as z from 'zod';
import type { Clock } from '../clock.ts';
import {
  type LeaseAction,
  LeaseMachine,
  type LeaseNote,
  type LeaseReadAnswer,
  type LeaseRecord,
  type LeaseTiming,
  type LeaseWriteAnswer,
} from '../lease.ts';
import { readMessage, readStanding, store } from './jetstream-requests.ts';
import { randomNonce, systemClock } from './system-clock.ts';

const Record = z.object({
  holder: z.string(),
  nonce: z.string(),
  term: z.int(),
  released: z.boolean(),
  note: z.object({ createdMs: z.int(), sequence: z.int() }).optional(),
});

/** Of a lease that is written by a release with another idea of it: nobody's until it has stood still long enough. */
const FOREIGN: LeaseRecord = { holder: '', nonce: '', term: 0, released: false };

const LEASE_REQUEST_TIMEOUT_MS = 1000;

export type KvLeaseOptions = {
  readonly connection: NatsConnection;
  readonly cluster: ClusterName;
  /** What is led. */
  readonly key: 'master' | 'allocator';
  /** The actor's id: a lease that carries it already is taken over at once, unless `ownNameIsFree` says otherwise. */
  readonly holder: string;
  readonly onWon: (epoch: Epoch) => void;
  /**
   * The term is over without being released: act no more. Called once, also when `mayAct` said so before. `taken`:
   * somebody else holds the lease now; else the own renewals failed for too long.
   */
  readonly onLost: (taken: boolean) => void;
  /** The lease was read while another held it, or was free. */
  readonly onSeen?: (othersEpoch: Epoch | undefined) => void;
  /** False after a term that was lost to somebody else: see `LeaseMachineOptions`. */
  readonly ownNameIsFree?: boolean;
  /** As of LeaseMachine. */
  readonly note?: () => LeaseNote | undefined;
  readonly clock?: Clock;
  readonly timing?: LeaseTiming;
};

/** One candidacy: from the first look to the end of the term. A later candidacy is another object. */
export class KvLease {
  readonly #options: KvLeaseOptions;
  readonly #clock: Clock;
  readonly #machine: LeaseMachine;
  readonly #stream: string;
  readonly #subject: string;
  #bucketCreatedMs = 0;
  #epoch: Epoch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(options: KvLeaseOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { holder, timing, ownNameIsFree, note } = options;
    this.#machine = new LeaseMachine(holder, randomNonce, {
      ...(timing && { timing }),
      ...(note && { note }),
      ...(ownNameIsFree !== undefined && { ownNameIsFree }),
    });
    const bucket = leaseBucketName(options.cluster);
    this.#stream = `KV_${bucket}`;
    this.#subject = `$KV.${bucket}.${options.key}`;
  }

  /** The term of another holder, as far as known; undefined when the lease is free. */
  get othersEpoch(): Epoch | undefined {
    const term = this.#machine.othersTerm;
    return term === undefined
      ? undefined
      : { bucketCreatedMs: this.#bucketCreatedMs, revision: term };
  }

  /** The own term; undefined before it began. */
  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  /** Who holds the lease, as far as known. */
  get holder(): string | undefined {
    return this.#machine.holder;
  }

  /** What whoever held it last has left behind, or this one. */
  get note(): LeaseNote | undefined {
    return this.#machine.note;
  }

  /** What the note says has changed: it is written at once. */
  renewNow(): void {
    this.#machine.renewNow(this.#clock.nowMs());
    this.#turn();
  }

  /** Ask before each batch of work: a timer alone may come too late. */
  mayAct(): boolean {
    return !this.#over && this.#machine.mayAct(this.#clock.nowMs());
  }

  start(): void {
    this.#turn();
  }

  /** The holder of that term is believed to be no more: its lease is taken now. */
  suspect({ revision }: Epoch): void {
    this.#machine.suspect(this.#clock.nowMs(), revision);
    this.#turn();
  }

  /** The suspicion was wrong. */
  trust(): void {
    this.#machine.trust();
  }

  /** Something says that the lease has changed hands: it is read at once. */
  recheck(): void {
    this.#machine.recheck(this.#clock.nowMs());
    this.#turn();
  }

  /** While held back, even a free lease is left to others. */
  holdBack(isHeldBack: boolean): void {
    this.#machine.holdBack(isHeldBack);
  }

  /** Ends the candidacy; a held lease is released, so that others need not wait for its end. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#over) return;
    this.#over = true;
    const release = this.#machine.release();
    if (release !== undefined) await this.#write(release);
  }

  #turn(): void {
    clearTimeout(this.#timer);
    if (this.#over) return;
    const action = this.#machine.next(this.#clock.nowMs());
    this.#noticeChange();
    if (action !== undefined) {
      // Both end in an answer, also when the connection is away.
      void this.#carryOut(action).then(() => this.#turn());
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#over) return;
    const wakeMs = this.#machine.nextWakeMs();
    if (wakeMs === undefined) return;
    const waitMs = Math.max(Math.ceil(wakeMs - this.#clock.nowMs()), 1);
    this.#timer = setTimeout(() => this.#turn(), waitMs);
  }

  async #carryOut(action: LeaseAction): Promise<void> {
    if (action.kind === 'read') {
      const answer = await this.#read();
      this.#machine.readAnswered(this.#clock.nowMs(), answer);
      if (answer.kind === 'found' && !this.#over) this.#options.onSeen?.(this.othersEpoch);
    } else {
      const answer = await this.#write(action);
      this.#machine.writeAnswered(this.#clock.nowMs(), answer);
    }
    this.#noticeChange();
  }

  #noticeChange(): void {
    if (this.#over) return;
    const { status, term } = this.#machine;
    if (this.#epoch === undefined && term > 0) {
      this.#epoch = { bucketCreatedMs: this.#bucketCreatedMs, revision: term };
      if (status === 'leading') this.#options.onWon(this.#epoch);
    }
    if (status === 'lost') {
      this.#over = true;
      clearTimeout(this.#timer);
      this.#options.onLost(this.#machine.wasTaken);
    }
  }

  async #read(): Promise<LeaseReadAnswer> {
    const { connection } = this.#options;
    const standing = await readStanding(connection, this.#stream);
    const message = await readMessage(connection, this.#stream, { last_by_subj: this.#subject });
    if (!standing.ok || !message.ok) return { kind: 'unknown' };
    this.#bucketCreatedMs = standing.value.createdMs;
    if (message.value === undefined) {
      return { kind: 'found', entry: { revision: 0, record: undefined } };
    }
    const { sequence, bytes } = message.value;
    return { kind: 'found', entry: { revision: sequence, record: parseRecord(bytes) } };
  }

  async #write(action: Extract<LeaseAction, { kind: 'write' }>): Promise<LeaseWriteAnswer> {
    const bytes = Buffer.from(JSON.stringify(action.record));
    const result = await store(this.#options.connection, this.#subject, bytes, {
      lastSubjectSequence: action.expectedRevision,
      timeoutMs: LEASE_REQUEST_TIMEOUT_MS,
    });
    switch (result.kind) {
      case 'stored':
        return { kind: 'stored', revision: result.sequence };
      case 'refused':
        return result;
      default:
        return { kind: 'unknown' };
    }
  }
}

/** Undefined for the mark of a deleted key. */
function parseRecord(bytes: Uint8Array): LeaseRecord | undefined {
  if (bytes.length === 0) return undefined;
  try {
    return Record.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return FOREIGN;
  }
}
