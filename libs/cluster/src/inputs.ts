// Owns the inputs of the master's core: everything that can change its state, as journalled.
import { TellTasksRequest } from '@parley/protocol/adoption';
import {
  DestroyVolumeOrder,
  ExecutorExited,
  KillOrder,
  RegisterRequest,
  RunGroupOrder,
  RunOrder,
  ShutdownExecutorOrder,
} from '@parley/protocol/agents';
import { Proposal } from '@parley/protocol/allocation';
import { RequestId } from '@parley/protocol/envelope';
import { Epoch } from '@parley/protocol/epoch';
import { Failure } from '@parley/protocol/errors';
import {
  AcknowledgeEventsRequest,
  DemandRequest,
  RolesRequest,
  ShutdownExecutorRequest,
  SubscribeRequest,
  UpdateFrameworkRequest,
} from '@parley/protocol/frameworks';
import { ActorId, AgentId, FrameworkRef, PrincipalName, TaskRef } from '@parley/protocol/ids';
import { InverseOfferAnswer, OperatorMaintenanceRequest } from '@parley/protocol/maintenance';
import { AcceptRequest, DeclineRequest } from '@parley/protocol/offers';
import {
  OperatorAgentRequest,
  OperatorKillRequest,
  OperatorOperateRequest,
  OperatorSharingRequest,
  OperatorTeardownRequest,
} from '@parley/protocol/operators';
import { Resources } from '@parley/protocol/resources';
import { AskToStopOrder, Revocation, StopAnswered } from '@parley/protocol/revocations';
import {
  DEFAULT_MIN_ALLOCATABLE,
  DEFAULT_STARVATION_MS,
  Placement,
  Quantities,
  Uncounted,
} from '@parley/protocol/sharing';
import { Empty, KillTaskRequest, ReconcileRequest, StatusUpdate } from '@parley/protocol/tasks';
import * as z from 'zod';

/** In the order in which they are put back: what is on an agent after the agent. */
export const KEPT_TABLES = [
  'agents',
  'reservations',
  'roleSettings',
  'frameworks',
  'frameworkSettings',
  'tombstones',
  'maintenance',
] as const;

/** Everything that `step` reads as a setting is state; the leader journals its settings when they differ. */
export const ClusterSettings = z.object({
  agentHeartbeatIntervalMs: z.int().min(100).default(5000),
  agentSilenceMs: z.int().min(1000).default(75_000),
  /** Silent agents that are given up a second at most; absent: 20, or one in a hundred where that is more. */
  agentRemovalsPerSecond: z.int().min(1).max(100_000).optional(),
  frameworkHeartbeatIntervalMs: z.int().min(100).default(5000),
  frameworkSilenceMs: z.int().min(1000).default(20_000),
  /** An offer that is not answered by then is rescinded; a framework may set its own. */
  offerTimeoutMs: z.int().min(100).default(10_000),
  /** Of the cluster's total, in thousandths: what the unanswered offers of one framework may hold. */
  outstandingCapPermille: z.int().min(1).max(1000).default(500),
  /** Whether quota guarantees are met by taking back what others have beyond theirs, or by holding resources back. */
  reclaims: z.boolean().default(true),
  /** Below its fair share for longer than this a client counts as starved. */
  starvationMs: z.int().min(0).default(DEFAULT_STARVATION_MS),
  /** Less is not worth an offer; a role may have its own. */
  minAllocatable: Quantities.default(DEFAULT_MIN_ALLOCATABLE),
  placement: Placement.default('random'),
  /** Names of scalars that are in no share. Absent: the default ones. */
  uncounted: Uncounted.optional(),
  /** Between the inverse offer for a task and the question to it to stop; then until it is killed. */
  revocationNoticeMs: z.int().min(0).default(0),
  revocationGraceMs: z.int().min(0).default(30_000),
  /** What an executor that asks for more time is given beyond that at most. */
  revocationExtensionMs: z.int().min(0).default(120_000),
  /** Events that a framework has not acknowledged; beyond it the oldest are dropped and counted. */
  eventsPerFramework: z.int().min(1).default(1024),
  endedTasksPerFramework: z.int().min(0).default(1000),
  endedTasksMs: z.int().min(0).default(600_000),
  answersPerCaller: z.int().min(1).default(1024),
  tombstonesMs: z
    .int()
    .min(0)
    .default(30 * 24 * 3600_000),
  maxTombstones: z.int().min(1).default(100_000),
});
export type ClusterSettings = z.infer<typeof ClusterSettings>;

/** Why the books are made anew. `nothingKept`: there is no journal, and yet there was a cluster. */
export const Rebuilding = z.object({
  kind: z.enum(['corrupt', 'missing', 'regressed', 'recreated', 'nothingKept']),
  message: z.string(),
});
export type Rebuilding = z.infer<typeof Rebuilding>;

/** A record of one of the tables that are kept beside the books, as kept-settings.ts makes it. */
export const KeptSetting = z.object({
  table: z.enum(KEPT_TABLES),
  key: z.string(),
  record: z.custom<object>((record) => typeof record === 'object' && record !== null),
});
export type KeptSetting = z.infer<typeof KeptSetting>;

/** Who made a request: from the subject, never from the payload. */
export const Caller = z.discriminatedUnion('kind', [
  FrameworkRef.extend({ kind: z.literal('framework') }),
  z.object({ kind: z.literal('agent'), agentId: AgentId }),
  z.object({ kind: z.literal('operator'), operator: PrincipalName }),
]);
export type Caller = z.infer<typeof Caller>;

export const Call = z.discriminatedUnion('verb', [
  z.object({ verb: z.literal('subscribe'), body: SubscribeRequest }),
  z.object({ verb: z.literal('resync'), body: Empty }),
  z.object({ verb: z.literal('demand'), body: DemandRequest }),
  z.object({ verb: z.literal('accept'), body: AcceptRequest }),
  z.object({ verb: z.literal('decline'), body: DeclineRequest }),
  z.object({ verb: z.literal('killTask'), body: KillTaskRequest }),
  z.object({ verb: z.literal('teardown'), body: Empty }),
  z.object({ verb: z.literal('updateFramework'), body: UpdateFrameworkRequest }),
  z.object({ verb: z.literal('suppress'), body: RolesRequest }),
  z.object({ verb: z.literal('revive'), body: RolesRequest }),
  z.object({ verb: z.literal('reconcile'), body: ReconcileRequest }),
  z.object({ verb: z.literal('shutdownExecutor'), body: ShutdownExecutorRequest }),
  z.object({ verb: z.literal('acknowledgeEvents'), body: AcknowledgeEventsRequest }),
  z.object({ verb: z.literal('answerInverseOffer'), body: InverseOfferAnswer }),
  z.object({ verb: z.literal('register'), body: RegisterRequest }),
  z.object({ verb: z.literal('executorExited'), body: ExecutorExited }),
  z.object({ verb: z.literal('stopAnswered'), body: StopAnswered }),
  z.object({ verb: z.literal('tellTasks'), body: TellTasksRequest }),
  z.object({ verb: z.literal('operatorKill'), body: OperatorKillRequest }),
  z.object({ verb: z.literal('operatorTeardown'), body: OperatorTeardownRequest }),
  z.object({ verb: z.literal('operatorAgent'), body: OperatorAgentRequest }),
  z.object({ verb: z.literal('operatorOperate'), body: OperatorOperateRequest }),
  z.object({ verb: z.literal('operatorSharing'), body: OperatorSharingRequest }),
  z.object({ verb: z.literal('operatorMaintenance'), body: OperatorMaintenanceRequest }),
]);
export type Call = z.infer<typeof Call>;

export const Input = z.discriminatedUnion('kind', [
  /** First input of a term: the leader's settings ride along; silence timers start anew in the shell. */
  z.object({
    kind: z.literal('termStarted'),
    epoch: Epoch,
    masterId: ActorId,
    settings: ClusterSettings,
    /** The books before it are lost: what is in them from now on was told by others. */
    rebuilding: Rebuilding.optional(),
  }),
  /** What operators had set, as it was kept beside the books: in parts, after the term that rebuilds has started. */
  z.object({
    kind: z.literal('settingsRestored'),
    items: z.array(KeptSetting),
    isLast: z.boolean(),
  }),
  z.object({
    kind: z.literal('call'),
    caller: Caller,
    request: RequestId,
    frameworkSession: z.int().optional(),
    call: Call,
  }),
  /** An agent's answer to a run or kill order. */
  z.object({
    kind: z.literal('orderAnswered'),
    agentId: AgentId,
    orderId: z.string(),
    failure: Failure.optional(),
  }),
  /** Verdicts about silence, with the session or registration that they are about. */
  z.object({ kind: z.literal('frameworkSilent'), framework: FrameworkRef, session: z.int() }),
  z.object({ kind: z.literal('agentSilent'), agentId: AgentId, registration: z.int() }),
  /** What the agent says of its revocable resources is worth an entry, see `isWorthAnEntry`. */
  z.object({
    kind: z.literal('agentOversubscribed'),
    agentId: AgentId,
    registration: z.int(),
    revocable: Resources,
  }),
  /** The framework has seen all messages up to this number; submitted while it has offers that it had not confirmed. */
  z.object({
    kind: z.literal('frameworkConfirmed'),
    framework: FrameworkRef,
    session: z.int(),
    number: z.int().min(0),
  }),
  /** Status updates read from a principal's stream, in stream order. */
  z.object({
    kind: z.literal('updates'),
    principal: PrincipalName,
    streamCreatedMs: z.int(),
    updates: z.array(z.object({ streamSequence: z.int(), update: StatusUpdate })),
    /** Position after this read: not below the last update's sequence (unparsable ones are passed over). */
    readUpTo: z.int(),
  }),
  z.object({ kind: z.literal('proposals'), epoch: Epoch, proposals: z.array(Proposal) }),
  z.object({
    kind: z.literal('revocations'),
    epoch: Epoch,
    revocations: z.array(Revocation),
    calledOff: z.array(TaskRef).default([]),
  }),
  /** Nothing but the passing of core time: a deadline is due. */
  z.object({ kind: z.literal('tick') }),
]);
export type Input = z.infer<typeof Input>;

/** An order to an agent: state until the agent has answered it. */
export const Order = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('run'), orderId: z.string(), agentId: AgentId, body: RunOrder }),
  z.object({ kind: z.literal('kill'), orderId: z.string(), agentId: AgentId, body: KillOrder }),
  z.object({
    kind: z.literal('runGroup'),
    orderId: z.string(),
    agentId: AgentId,
    body: RunGroupOrder,
  }),
  z.object({
    kind: z.literal('shutdownExecutor'),
    orderId: z.string(),
    agentId: AgentId,
    body: ShutdownExecutorOrder,
  }),
  z.object({
    kind: z.literal('askToStop'),
    orderId: z.string(),
    agentId: AgentId,
    body: AskToStopOrder,
  }),
  z.object({
    kind: z.literal('destroyVolume'),
    orderId: z.string(),
    agentId: AgentId,
    body: DestroyVolumeOrder,
  }),
]);
export type Order = z.infer<typeof Order>;
