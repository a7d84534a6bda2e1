// Owns the records that the master's state is made of: plain immutable data, one table each.
// How they change is in the files named after their concepts; sums and indexes over them are in books.ts.
import type { AgentState, FrameworkState, OfferState } from '@parley/lifecycle/transitions';
import type { KillReason } from '@parley/protocol/agents';
import type { Constraints, Domain } from '@parley/protocol/constraints';
import type { Epoch } from '@parley/protocol/epoch';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { FrameworkEvent } from '@parley/protocol/frameworks';
import type {
  ActorId,
  AgentId,
  ExecutorId,
  ExecutorRef,
  FrameworkRef,
  OfferId,
  PrincipalName,
  ReservationId,
  RoleName,
  TaskId,
  TaskRef,
  VolumeId,
  WindowId,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { Attributes } from '@parley/protocol/offers';
import type { Emptying } from '@parley/protocol/operators';
import type { Resources } from '@parley/protocol/resources';
import type {
  RevocableUse,
  RevocationReason,
  Sharer,
  StopAnswer,
} from '@parley/protocol/revocations';
import type { Placement, Quantities } from '@parley/protocol/sharing';
import type { TaskCause } from '@parley/protocol/task-causes';
import type { Labels, StatusUpdate, TaskReason, TaskState } from '@parley/protocol/tasks';
import type { ClusterSettings, Order, Rebuilding } from './inputs.ts';

/** The one record of its table. */
export type ClusterRecord = {
  readonly epoch: Epoch;
  /** None before the first term. */
  readonly masterId?: ActorId;
  readonly settings: ClusterSettings;
  /** Rules of the last entry; absent: version 4, which did not write it down. */
  readonly rulesVersion?: number;
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
  /** The last time that the books were lost; absent: never. */
  readonly rebuilt?: RebuiltRecord;
};

/** Books made anew from what agents, frameworks and the kept settings say. */
export type RebuiltRecord = Rebuilding & {
  /** Of the entry that began it. */
  readonly sequence: number;
  readonly wallTimeMs: number;
  /** Core time. */
  readonly atMs: number;
  /** All that was kept beside the books is in them again. */
  readonly isRestored: boolean;
  /** How many were taken over since: of agents those that had something. */
  readonly agents: number;
  readonly tasks: number;
  readonly executors: number;
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
  readonly domain?: Domain;
  /** Beside its total: scalars that it says may be offered as revocable; absent: none. */
  readonly revocable?: Resources;
  readonly attributes: Attributes;
  /** It came back with less than what is held on it: nothing is offered until it fits again. */
  readonly isOvercommitted: boolean;
  /** The books were lost, and it has not told yet all that it has: nothing is offered of it. */
  readonly isRecovering?: true;
  /** An operator wants nothing offered of it. */
  readonly isDeactivated: boolean;
  /** An operator wants it emptied, and said what for; nothing is offered of it either. */
  readonly draining?: {
    readonly reason: string;
    /** Its tasks are asked to stop; absent: they go on. */
    readonly emptying?: Emptying;
  };
  /** A window of it is near, or under way: then it is to be emptied. Nothing is offered of it either. */
  readonly maintenance?: {
    readonly windowId: WindowId;
    readonly isUnderWay: boolean;
    readonly graceMs?: number;
  };
  /** It is to be emptied, and nothing runs on it any more. */
  readonly isEmptied?: true;
  /** Wall clock of the verdict, while unreachable. */
  readonly unreachableSinceMs?: number;
  /** Core time at which an operator declared it gone. */
  readonly goneAtMs?: number;
};

/** What an operator has set; the defaults where nothing is. */
export type Shares = {
  /** In thousandths. */
  readonly weight: number;
  /** By name of the scalar; nothing that is zero. */
  readonly guarantee: Quantities;
  /** A name that is not there is not limited. */
  readonly limit: Quantities;
};

export type RoleShares = Shares & {
  /** Its own; absent: the cluster's. */
  readonly minAllocatable?: Quantities;
  readonly placement?: Placement;
};

/** Who set it last, and when. */
type Setter = { readonly by: PrincipalName; readonly changedWallTimeMs: number };

/** There is none where all is as by default. */
export type RoleSettingsRecord = RoleShares & Setter & { readonly role: RoleName };
/** Of a framework, subscribed or not, over all its roles. */
export type FrameworkSettingsRecord = Shares & Setter & { readonly framework: FrameworkRef };

/** A role in which a framework shares. */
export type RoleRecord = { readonly role: RoleName; readonly isSuppressed: boolean };

/** `count` tasks that are not launched, whether offers are promised to them or not. `shape` as in the facts. */
export type NeedRecord = {
  readonly role: RoleName;
  readonly shape: string;
  readonly count: number;
  readonly resources: Resources;
  readonly constraints: Constraints;
  /** Absent: its tasks run on ordinary resources. */
  readonly revocable?: RevocableUse;
};

export type FrameworkRecord = {
  readonly framework: FrameworkRef;
  readonly state: FrameworkState;
  readonly name: string;
  /** At least one, in the order in which the framework named them. */
  readonly roles: readonly RoleRecord[];
  readonly session: number;
  /** Number of the last message sent to it, and of the last one that it has confirmed seeing. */
  readonly lastNumber: number;
  readonly confirmedNumber: number;
  /** Absent: it states none. */
  readonly demand?: readonly NeedRecord[];
  readonly failoverTimeoutMs: number;
  /** Its own; absent: the cluster's. */
  readonly offerTimeoutMs?: number;
  /** Offers that it saw and let expire, less those that it answered since: the more, the fewer it gets at a time. */
  readonly expiryStrikes: number;
  /** Id of the last event told to it, and how many were dropped because it acknowledged none for too long. */
  readonly lastEventId: number;
  readonly droppedEvents: number;
  /** Core time at which it is removed; only while disconnected. */
  readonly failoverAtMs?: number;
  /** Core time of its first subscription. */
  readonly subscribedAtMs: number;
  readonly rampUpMs?: number;
  /** It may be offered what can be taken back at any time. */
  readonly takesRevocable?: boolean;
};

export type OfferRecord = {
  readonly offerId: OfferId;
  readonly state: OfferState;
  readonly framework: FrameworkRef;
  readonly role: RoleName;
  readonly agentId: AgentId;
  /** Not reserved. */
  readonly resources: Resources;
  /** Scalars; absent: none. */
  readonly revocable?: Resources;
  readonly reserved: readonly ReservedPart[];
  /** Which needs it is meant for, by shape. */
  readonly promised: readonly { readonly shape: string; readonly count: number }[];
  readonly madeAtMs: number;
  /** Core time at which it is rescinded. */
  readonly expiresAtMs: number;
  /** Of the message that last told it; 0 while it is not outstanding. */
  readonly number: number;
};

/** What an offer or a task holds of one reservation of its agent. */
export type ReservedPart = {
  readonly role: RoleName;
  readonly reservationId: ReservationId;
  readonly resources: Resources;
  readonly volumes: readonly VolumeId[];
};

/** Resources of an agent that are set aside for a role and the roles below it. */
export type ReservationRecord = {
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly reservationId: ReservationId;
  readonly labels: Labels;
  /** All of it: what is in volumes, tasks and offers too. */
  readonly resources: Resources;
  readonly volumes: readonly { readonly volumeId: VolumeId; readonly mib: number }[];
  /** Who made it. */
  readonly by: string;
};

/** A live executor of a framework on an agent; what it holds is free when the agent says that it is no more. */
export type ExecutorRecord = {
  readonly executor: ExecutorRef;
  readonly agentId: AgentId;
  readonly role: RoleName;
  readonly description: ExecutorDescription;
  /** Its own, beside those of its tasks. Not reserved. */
  readonly resources: Resources;
  /** Its agent has said that it has it. */
  readonly isConfirmed: boolean;
  /** It has been ordered to shut down: no more tasks for it. */
  readonly isShuttingDown: boolean;
  readonly shutdownOrder?: string;
};

/** Told to a framework and not acknowledged. */
export type FrameworkEventRecord = {
  readonly framework: FrameworkRef;
  readonly event: FrameworkEvent;
};

export type KillWish = {
  readonly graceMs?: number;
  readonly reason: KillReason;
  /** For people, where the reason alone does not tell. */
  readonly message?: string;
};

/** A task that has not ended. */
export type TaskRecord = {
  readonly task: TaskRef;
  readonly name: string;
  readonly agentId: AgentId;
  readonly role: RoleName;
  /** Not reserved. */
  readonly resources: Resources;
  readonly reserved: readonly ReservedPart[];
  /** Scalars; of a revocable task all that it has. */
  readonly revocable?: Resources;
  readonly executorId?: ExecutorId;
  /** The other tasks of its group end with it. */
  readonly isInGroup: boolean;
  /** All tasks of the group, itself too, where the agent ends them together: none of an executor of the framework's own. */
  readonly group?: readonly TaskId[];
  /** Absent: 0. */
  readonly priority?: number;
  readonly state: TaskState;
  readonly reason?: TaskReason;
  readonly message?: string;
  readonly healthy?: boolean;
  /** Core time of `running`, for the length of tasks and the cost of a launch. */
  readonly runningAtMs?: number;
  /** Wall clock of the verdict, while unreachable. */
  readonly unreachableSinceMs?: number;
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
  readonly stopOrder?: string;
  /** Somebody wants it killed; `isAfterLaunch`: the last order went out after the agent had confirmed the launch. */
  readonly kill?: KillWish & { readonly isAfterLaunch: boolean };
};

/** A task that has ended, or was never accepted. Kept for people and so that its id is not used again at once. */
export type EndedTaskRecord = {
  readonly task: TaskRef;
  readonly name: string;
  readonly agentId: AgentId;
  readonly resources: Resources;
  readonly revocable?: Resources;
  readonly state: TaskState;
  readonly reason?: TaskReason;
  readonly cause?: TaskCause;
  readonly message?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly endedAtMs: number;
  readonly changedWallTimeMs: number;
};

/** A leader's own update that was not yet read back from the stream. */
export type UnwrittenRecord = { readonly update: StatusUpdate; readonly name: string };

/** A live task whose resources are taken back. */
export type RevocationRecord = {
  readonly task: TaskRef;
  /** In which the task was launched. */
  readonly role: RoleName;
  readonly agentId: AgentId;
  /** What comes back with it, as it was when that began: of its group too. */
  readonly resources: Resources;
  readonly beneficiary: Sharer;
  readonly reason: RevocationReason;
  /** `told`: its framework; `asked`: the task itself, too; `killing`: it is ordered to be killed. */
  readonly phase: 'told' | 'asked' | 'killing';
  /** Core time of its begin, and of what follows on the phase; absent where nothing more does. */
  readonly begunAtMs: number;
  readonly dueAtMs?: number;
  /** The last one that came back. */
  readonly answer?: StopAnswer;
  /** Since it was asked: no answer puts the kill off beyond this core time. */
  readonly latestMs?: number;
};

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
  readonly reason: 'teardown' | 'teardownByOperator' | 'failoverTimeout';
};

/** How far a principal's stream of updates was read. */
export type StreamRecord = {
  readonly principal: PrincipalName;
  readonly createdMs: number;
  readonly readUpTo: number;
};

/** What a framework did with its offers and tasks, since it first subscribed: its report card. Counts. */
export type CardRecord = {
  readonly framework: FrameworkRef;
  readonly offered: number;
  readonly accepted: number;
  readonly declined: number;
  readonly rescinded: number;
  readonly expired: number;
  /** Expired ones that it had confirmed seeing. */
  readonly ignored: number;
  readonly declineReasons: Readonly<Record<string, number>>;
  /** Core milliseconds from making to answer, over accepted and declined ones. */
  readonly holdingMs: number;
  readonly launched: number;
  /** Ended tasks by terminal state. */
  readonly ended: Readonly<Record<string, number>>;
  /** Tasks by length (`running` to end): index n counts lengths from 2^n up to 2^(n+1) ms. */
  readonly taskLengths: readonly number[];
  /** Likewise from launch to `running`. */
  readonly launchDelays: readonly number[];
};
