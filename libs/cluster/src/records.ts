// Owns the records that the master's state is made of: plain immutable data, one table each.
// How they change is in the files named after their concepts; sums and indexes over them are in books.ts.
import type { AgentState, FrameworkState, OfferState } from '@parley/lifecycle/transitions';
import type { KillReason } from '@parley/protocol/agents';
import type { Epoch } from '@parley/protocol/epoch';
import type { Demand } from '@parley/protocol/frameworks';
import type {
  ActorId,
  AgentId,
  FrameworkRef,
  OfferId,
  PrincipalName,
  RoleName,
  TaskRef,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { Attributes } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { StatusUpdate, TaskReason, TaskState } from '@parley/protocol/tasks';
import type { ClusterSettings, Order } from './inputs.ts';

/** The one record of its table. */
export type ClusterRecord = {
  readonly epoch: Epoch;
  /** None before the first term. */
  readonly masterId?: ActorId;
  readonly settings: ClusterSettings;
  readonly coreTimeMs: number;
  /** Last numbers given; offers and orders never share one. */
  readonly offerCounter: number;
  readonly orderCounter: number;
  /** Sequence of the entry that made the last facts. */
  readonly factsSequence: number;
  readonly allocatorEpoch: Epoch;
  /** Last proposal number decided, of that allocator's term. */
  readonly allocatorDecided: number;
  readonly usageIntegral: UsageIntegral;
};

/**
 * Amount times milliseconds of core time, summed up to `atMs`: for a time-weighted mean. Doubles: a measure
 * for people, not an account, and the same on every replica.
 */
export type UsageIntegral = {
  readonly atMs: number;
  readonly allocated: Readonly<Record<string, number>>;
  readonly total: Readonly<Record<string, number>>;
};

export type AgentRecord = {
  readonly agentId: AgentId;
  readonly state: AgentState;
  /** Counts up with each registration; a verdict about silence names the one that it is about. */
  readonly registration: number;
  readonly hostname: string;
  readonly total: Resources;
  readonly attributes: Attributes;
  /** It came back with less than what is held on it: nothing is offered until it fits again. */
  readonly isOvercommitted: boolean;
};

export type FrameworkRecord = {
  readonly framework: FrameworkRef;
  readonly state: FrameworkState;
  readonly name: string;
  readonly role: RoleName;
  readonly session: number;
  /** Number of the last message sent to it. */
  readonly lastNumber: number;
  readonly demand: Demand;
  readonly failoverTimeoutMs: number;
  /** Core time at which it is removed; only while disconnected. */
  readonly failoverAtMs?: number;
  /** Core time of its first subscription. */
  readonly subscribedAtMs: number;
  readonly rampUpMs?: number;
};

export type OfferRecord = {
  readonly offerId: OfferId;
  readonly state: OfferState;
  readonly framework: FrameworkRef;
  readonly role: RoleName;
  readonly agentId: AgentId;
  readonly resources: Resources;
};

export type KillWish = { readonly graceMs?: number; readonly reason: KillReason };

/** A task that has not ended. */
export type TaskRecord = {
  readonly task: TaskRef;
  readonly name: string;
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly resources: Resources;
  readonly state: TaskState;
  readonly reason?: TaskReason;
  readonly message?: string;
  /** Core time of the launch and wall time of the last change. */
  readonly launchedAtMs: number;
  readonly changedWallTimeMs: number;
  /** Last sequence in the stream, by source; updates up to it are duplicates. */
  readonly agentSequence: number;
  readonly masterSequence: number;
  /** Last sequence that the leader gave out, and the state that it asked for while not yet read back. */
  readonly orderedSequence: number;
  readonly orderedState?: TaskState;
  /** Orders that the agent has not answered. */
  readonly runOrder?: string;
  readonly killOrder?: string;
  /** Somebody wants it killed; `isAfterLaunch`: the last order went out after the agent had confirmed the launch. */
  readonly kill?: KillWish & { readonly isAfterLaunch: boolean };
};

/** A task that has ended, or was never accepted. Kept for people and so that its id is not used again at once. */
export type EndedTaskRecord = {
  readonly task: TaskRef;
  readonly name: string;
  readonly agentId: AgentId;
  readonly resources: Resources;
  readonly state: TaskState;
  readonly reason?: TaskReason;
  readonly message?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly endedAtMs: number;
  readonly changedWallTimeMs: number;
};

/** A leader's own update that was not yet read back from the stream. */
export type UnwrittenRecord = { readonly update: StatusUpdate; readonly name: string };

export type OrderRecord = { readonly order: Order };

/** A request session of a caller: not a framework's session. */
export type SessionRecord = {
  readonly caller: string;
  readonly lowest: number;
  readonly lastUsedMs: number;
};
export type AnswerRecord = {
  readonly session: string;
  readonly counter: number;
  readonly answer: Answer;
};

export type TombstoneRecord = {
  readonly framework: FrameworkRef;
  readonly removedAtMs: number;
  readonly reason: 'teardown' | 'failoverTimeout';
};

/** How far a principal's stream of updates was read. */
export type StreamRecord = {
  readonly principal: PrincipalName;
  readonly createdMs: number;
  readonly readUpTo: number;
};
