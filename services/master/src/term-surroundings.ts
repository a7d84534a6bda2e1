// Owns what a term of a leading master meets of the world: its ports, what is configured, and what it begins with.
import type { Bus } from '@parley/actor/bus';
import type { Clock } from '@parley/actor/clock';
import type { Core } from '@parley/actor/core';
import type { Journal, JournalTail } from '@parley/actor/journal';
import type { LeaseNote } from '@parley/actor/lease';
import type { UpdateStreamReaderOptions } from '@parley/actor/nats/update-stream-reader';
import type { UpdateWriter } from '@parley/actor/nats/update-writer';
import type { Replica } from '@parley/actor/replica';
import type { SnapshotLimits } from '@parley/actor/snapshot-keeper';
import type { SnapshotStore } from '@parley/actor/snapshot-store';
import type { Timers } from '@parley/actor/timers';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { ClusterSettings, Input } from '@parley/cluster/inputs';
import type { Epoch } from '@parley/protocol/epoch';
import type { Outcome } from '@parley/protocol/errors';
import type { ActorId, ClusterName, PrincipalName } from '@parley/protocol/ids';
import type { ActorLog } from '@parley/telemetry/logger';
import type { AuthorizationRules } from './authorization.ts';
import type { MasterMeter } from './master-meter.ts';
import type { Principals } from './principal-registry.ts';
import type { RateLimitSettings } from './rate-limits.ts';
import type { SettingsStore } from './settings-store.ts';

/** Reads a principal's update stream in order. */
export type UpdateReader = { start(): void; close(): Promise<void> };
export type UpdateReading = Pick<UpdateStreamReaderOptions, 'from' | 'onBatch' | 'onTrouble'> & {
  readonly principal: PrincipalName;
};

export type StreamEnd = { readonly createdMs: number; readonly lastSequence: number };

/** All that a term meets of the world: ports, and what is configured. */
export type TermSurroundings = {
  readonly cluster: ClusterName;
  readonly masterId: ActorId;
  readonly settings: ClusterSettings;
  readonly rateLimits: RateLimitSettings;
  readonly rules: () => AuthorizationRules | undefined;
  readonly bus: Bus;
  readonly core: Core<ClusterState, Input, Effect>;
  readonly journal: Journal & JournalTail;
  readonly snapshots: SnapshotStore;
  readonly updateWriter: UpdateWriter;
  readonly readUpdates: (reading: UpdateReading) => UpdateReader;
  /** As of `readPrincipals`. */
  readonly readPrincipals: (knownVersion?: string) => Promise<Outcome<Principals | undefined>>;
  /** What operators have set, beside the books: anew for each term. */
  readonly openSettings: () => SettingsStore;
  /** Of a principal's stream of updates. */
  readonly endOfUpdates: (principal: PrincipalName) => Promise<Outcome<StreamEnd>>;
  /** The journal takes nothing: whoever looks after the streams may say more. */
  readonly onJournalTrouble: () => void;
  /** It is time that somebody looks whether streams are as they must be and take writes. */
  readonly lookAtStreams?: (principals: readonly PrincipalName[]) => void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly makeNonce: () => string;
  readonly limits?: Partial<SnapshotLimits>;
  readonly logger: ActorLog;
  /** Where somebody wants to know. */
  readonly meter?: Pick<MasterMeter, 'submitted' | 'stepped'> | undefined;
};

export type MasterReplica = Replica<ClusterState, Input, Effect>;

export type TermOptions = {
  readonly epoch: Epoch;
  readonly mayAct: () => boolean;
  /** What a standby held; undefined: the books are read first. */
  readonly replica: MasterReplica | undefined;
  /** What it held last of whole books, if these are lost. */
  readonly memory: () => MasterReplica | undefined;
  /** What the leader before has left behind with the lease. */
  readonly note: LeaseNote | undefined;
  /** An entry of this term is in the journal: before that nobody hears of it. */
  readonly onCommitted: () => void;
  /** After each entry; `hash` costs something. */
  readonly onStepped: (sequence: number, hash: () => string) => void;
  /** Where a standby writes the snapshots, the leader need not. */
  readonly mayWriteSnapshot: (sequence: number) => boolean;
};
