// Owns the shapes of tasks: their description, states and status updates.
import * as z from 'zod';
import { Check, CheckResult, HealthCheck } from './checks.ts';
import { Command } from './command.ts';
import { ExecutorDescription } from './executor-description.ts';
import { DevicePaths, HostVolumes } from './host-places.ts';
import { AgentId, ExecutorId, ReservationId, TaskId, TaskRef, VolumeId } from './ids.ts';
import { Resources } from './resources.ts';
import { SandboxPath } from './sandbox-path.ts';
import { TaskCause } from './task-causes.ts';
import { TaskImage } from './task-image.ts';
import { TaskLimits } from './task-limits.ts';
import { isTerminalState } from './terminal-states.ts';
import { Uris } from './uris.ts';
import { UserName } from './user-name.ts';

/** Terminal: finished, failed, killed, error, dropped, gone. `unreachable` may come back. */
export const TaskState = z.enum([
  'staging',
  'starting',
  'running',
  'killing',
  'unreachable',
  'finished',
  'failed',
  'killed',
  'error',
  'dropped',
  'gone',
]);
export type TaskState = z.infer<typeof TaskState>;

export const isTerminal = (state: TaskState): boolean => isTerminalState(state);

export const TaskReason = z.enum([
  'commandExited',
  'commandSignaled',
  'memoryLimit',
  'exitStatusUnknown',
  'killedByFramework',
  'killedByOperator',
  'killedBeforeStart',
  'frameworkRemoved',
  'launchFailed',
  'inputsFailed',
  'outputsFailed',
  'diskFull',
  'invalidOffers',
  'invalidTask',
  'insufficientResources',
  'agentUnreachable',
  'agentReturned',
  'agentForgot',
  'agentRefused',
  'agentGoneByOperator',
  'maxCompletionTime',
  'unhealthy',
  'healthChanged',
  'checkChanged',
  'invalidGroup',
  'groupMemberEnded',
  'executorReported',
  'executorExited',
  'executorNotRegistered',
  'executorNotReturned',
  'revoked',
  'agentDraining',
  'reconciliation',
]);
export type TaskReason = z.infer<typeof TaskReason>;

/** Name of an object in the principal's bucket of the `work` account. */
const ObjectName = z
  .string()
  .regex(/^[A-Za-z0-9_./=-]{1,255}$/, 'must be 1 to 255 of A-Z a-z 0-9 _ . / = -');

/** The agent copies the object into the sandbox before the task starts, or out of it after it finished. */
export const Transfer = z.object({ object: ObjectName, path: SandboxPath });
export type Transfer = z.infer<typeof Transfer>;

export const DEFAULT_KILL_GRACE_MS = 3000;
/** A task whose resources are needed back at once has so long to end; then it is killed, whatever its own grace is. */
export const REVOCABLE_KILL_GRACE_MS = 1000;
const KillGraceMs = z
  .int()
  .min(0)
  .max(24 * 3600 * 1000);

/** A persistent volume of the offer's role, seen in the sandbox at `path`. One task at a time may use it. */
export const VolumeMount = z.object({ volumeId: VolumeId, path: SandboxPath });
export type VolumeMount = z.infer<typeof VolumeMount>;

/** Which of a framework's tasks matters most to it: where some are taken back, the lowest goes first. */
const MAX_PRIORITY = 1_000_000;
const Priority = z.int().min(-MAX_PRIORITY).max(MAX_PRIORITY);

/**
 * `host`: that of its agent, as without a wish. `none`: only a loopback of its own. `private`: an address of its own behind
 * its agent's, reached by the ports that the task holds, and sending no faster than the network_bandwidth that it holds.
 */
const TaskNetworkMode = z.enum(['host', 'none', 'private']);

/** Opaque bytes that the framework passes to its executor, and back in status updates. */
export const Data = z.instanceof(Uint8Array).refine((data) => data.length <= 32 * 1024, {
  message: 'must be at most 32 KiB',
});

/** Text for people and tools; uninterpreted. */
export const Labels = z.record(z.string().min(1).max(255), z.string().max(1024));
export type Labels = z.infer<typeof Labels>;

/**
 * A command task has a `command` and no `executor`. A task of a custom executor has an `executor`. A task of a group
 * has neither: the group names its executor, and the default executor runs the task's `command`.
 */
export const TaskDescription = z.object({
  taskId: TaskId,
  name: z.string().max(255).default(''),
  /** Only to check that the task goes where its framework meant it to: must be the agent of the offer. */
  agentId: AgentId.optional(),
  resources: Resources,
  /** How far it may go beyond its resources; not below them. */
  limits: TaskLimits.optional(),
  /** Of a task that the agent runs itself; one of a custom executor has its executor's. */
  network: TaskNetworkMode.optional(),
  /** Whom it runs as, where its agent lets tasks be this user of its host; one of a custom executor has its executor's. */
  user: UserName.optional(),
  /** Of its agent's host, for a task that the agent runs itself; where they are not to be had it does not run. */
  devices: DevicePaths.optional(),
  /** Likewise. */
  hostVolumes: HostVolumes.optional(),
  /** Taken from this reservation first, the rest from what is not reserved. */
  reservationId: ReservationId.optional(),
  /**
   * It takes all its scalars from the revocable part of the offers, and may be killed at any time (reason `revoked`);
   * ports and sets are ordinary ones. Only for tasks that the agent runs itself, without reservation and volumes.
   */
  revocable: z.boolean().optional(),
  command: Command.optional(),
  executor: ExecutorDescription.optional(),
  /** Fetched before `inputs` are copied; only for a task with a command. */
  uris: Uris.optional(),
  /** Its root filesystem, instead of its agent's; only for a task with a command. */
  image: TaskImage.optional(),
  inputs: z.array(Transfer).max(4096).default([]),
  outputs: z.array(Transfer).max(4096).default([]),
  volumes: z.array(VolumeMount).max(64).default([]),
  killGraceMs: KillGraceMs.default(DEFAULT_KILL_GRACE_MS),
  /** Counted from `running`; then the task is killed and ends as `failed`, reason `maxCompletionTime`. */
  maxCompletionMs: z
    .int()
    .min(1)
    .max(365 * 24 * 3600 * 1000)
    .optional(),
  healthCheck: HealthCheck.optional(),
  check: Check.optional(),
  labels: Labels.default({}),
  data: Data.optional(),
  priority: Priority.default(0),
});
export type TaskDescription = z.infer<typeof TaskDescription>;
export type TaskDescriptionInput = z.input<typeof TaskDescription>;

/**
 * A task as it arrives: what is wrong with one is answered for that one alone, with a status update that names the
 * field (Mesos: TASK_ERROR), so the leader parses each by itself. Only an id that no update could carry spoils all.
 */
export const UnparsedTask = z.looseObject({ taskId: TaskId });
export type UnparsedTask = z.infer<typeof UnparsedTask>;

/**
 * One step of a task's life. `source` and `sequence` (from 1, per task and source) identify it:
 * a repeated pair is a duplicate. The order of a task's states is the order in the stream.
 * With the reason `reconciliation` it is an answer put into this form by the SDK, no message of the stream: source and
 * sequence identify nothing then.
 */
export const StatusUpdate = z.object({
  task: TaskRef,
  agentId: AgentId,
  source: z.enum(['agent', 'master']),
  sequence: z.int().min(1),
  state: TaskState,
  reason: TaskReason.optional(),
  /** The finer cause of its end, where there is one. */
  cause: TaskCause.optional(),
  message: z.string().max(4096).optional(),
  exitCode: z.int().optional(),
  signal: z.string().max(32).optional(),
  memory: z.object({ limitMib: z.int(), peakMib: z.int() }).optional(),
  executorId: ExecutorId.optional(),
  /** The last result of the health check; absent before the first one and for tasks without. */
  healthy: z.boolean().optional(),
  check: CheckResult.optional(),
  data: Data.optional(),
  /** Wall clock of the sender in milliseconds since 1970: for people, never compared. */
  wallTimeMs: z.int(),
});
export type StatusUpdate = z.infer<typeof StatusUpdate>;

/** `agentId` is a guard: a task that runs elsewhere is not killed. */
export const KillTaskRequest = z.object({
  taskId: TaskId,
  agentId: AgentId.optional(),
  graceMs: KillGraceMs.optional(),
});
export type KillTaskRequest = z.infer<typeof KillTaskRequest>;

/** What the leader knows of a task now: `unknown` when nobody has any idea. Mesos docs, "Task reconciliation". */
export const TaskStatus = z.object({
  taskId: TaskId,
  agentId: AgentId.optional(),
  state: z.enum([...TaskState.options, 'unknown']),
  reason: TaskReason.optional(),
  cause: TaskCause.optional(),
  message: z.string().max(4096).optional(),
  healthy: z.boolean().optional(),
  /** With `unreachable`: wall clock of the verdict, milliseconds since 1970, for people. */
  unreachableSinceMs: z.int().optional(),
});
export type TaskStatus = z.infer<typeof TaskStatus>;

/** The status when the call was carried out; a task that is not known is not killed, and no error. */
export const KillTaskResult = z.object({ status: TaskStatus });
export type KillTaskResult = z.infer<typeof KillTaskResult>;

/** Explicit with `tasks`, implicit (all that the leader holds, by pages) without. */
export const ReconcileRequest = z.object({
  tasks: z
    .array(z.object({ taskId: TaskId, agentId: AgentId.optional() }))
    .max(1024)
    .default([]),
  /** Of an implicit one: go on after this task. */
  after: TaskId.optional(),
});
export type ReconcileRequest = z.infer<typeof ReconcileRequest>;

/** `position`: the statuses are those after this message of the principal's update stream; what follows it is newer. */
export const ReconcileResult = z.object({
  statuses: z.array(TaskStatus),
  position: z.object({ streamCreatedMs: z.int().min(0), sequence: z.int().min(0) }),
  /** There are more: ask again with `after`. */
  next: TaskId.optional(),
});
export type ReconcileResult = z.infer<typeof ReconcileResult>;

export const Empty = z.object({});
export type Empty = z.infer<typeof Empty>;
