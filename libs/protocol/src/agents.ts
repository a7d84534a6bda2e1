// Owns the messages between agents and the leader, and the reads that operators make of agents.
import * as z from 'zod';
import { Domain } from './constraints.ts';
import { ExecutorDescription } from './executor-description.ts';
import { ExecutorEnd } from './frameworks.ts';
import { ExecutorRef, FrameworkRef, RoleName, TaskId, TaskRef, VolumeId } from './ids.ts';
import { Attributes, OfferedVolume } from './offers.ts';
import { Resources } from './resources.ts';
import { Quantities } from './sharing.ts';
import { TaskDescription, TaskState } from './tasks.ts';

/** A task that the agent has on its disk: not yet terminal, or terminal with updates not yet journalled. */
export const AgentTask = z.object({
  task: TaskRef,
  state: TaskState,
  /** Sequence of the last status update that the agent has made for it; 0 when none. */
  lastSequence: z.int().min(0),
});
export type AgentTask = z.infer<typeof AgentTask>;

export const RegisterRequest = z.object({
  hostname: z.string().min(1).max(255),
  total: Resources,
  domain: Domain.optional(),
  attributes: Attributes,
  /** Scalars of it that are for a role alone, by the agent's own configuration. Absent: none. Mesos docs, "Reservation", static. */
  reserved: z.record(RoleName, Quantities).optional(),
  /** As in `Oversubscription`; absent: not known yet, what was said last holds. */
  revocable: Resources.optional(),
  tasks: z.array(AgentTask).max(100_000),
  /** Executors that live on it. */
  executors: z.array(ExecutorRef).max(10_000).default([]),
  /** Of its total, what none of the tasks and executors named holds. Absent: it does not know, or more is held than there is. */
  free: Resources.optional(),
  /** It tells a leader that has lost its books all that it has. */
  tellsTasks: z.literal(true).optional(),
});
export type RegisterRequest = z.infer<typeof RegisterRequest>;

export const RegisterResult = z.object({
  heartbeatIntervalMs: z.int().min(1),
  /** Tasks that the agent named and the leader does not know: to be killed. */
  unknownTasks: z.array(TaskRef),
  /** Likewise executors: to be shut down. */
  unknownExecutors: z.array(ExecutorRef).default([]),
  /** The leader knows nothing of what the agent has, and wants to be told: nothing is unknown before it was. */
  wantsTasks: z.literal(true).optional(),
});
export type RegisterResult = z.infer<typeof RegisterResult>;

export const AgentHeartbeat = z.object({
  runningTasks: z.int().min(0),
  /** See agent-standing.ts. A leader whose books say otherwise asks it to register; one that knows it anyway does not look. */
  standing: z.string().max(64).optional(),
});
export type AgentHeartbeat = z.infer<typeof AgentHeartbeat>;

/** Leader to agent, unanswered. */
export const RegisterAgain = z.object({
  /** A heartbeat with its standing is enough. An agent that does not know the field registers. */
  standing: z.literal(true).optional(),
});
export type RegisterAgain = z.infer<typeof RegisterAgain>;

/**
 * Agent to leader, unanswered and repeated: so much of what tasks have been given they do not use, as it estimates. It
 * may be offered as revocable; scalars only, and never more than its total. Mesos docs, "Oversubscription".
 */
export const Oversubscription = z.object({ revocable: Resources });
export type Oversubscription = z.infer<typeof Oversubscription>;

/** Measured, not allocated. Milli-CPUs over the last interval; memory now, in MiB. */
export const UsageReport = z.object({
  wallTimeMs: z.int(),
  cpuMillis: z.int().min(0),
  memoryMib: z.int().min(0),
});
export type UsageReport = z.infer<typeof UsageReport>;

/** How large the volumes of the tasks are that are ordered, each once. Absent: nobody keeps them to a size. */
const VolumeSizes = z.array(OfferedVolume).optional();

/**
 * Orders are repeated until answered; a task that the agent knows counts as launched already. `role`: whose volumes
 * the task's volumes are.
 */
export const RunOrder = z.object({
  framework: FrameworkRef,
  role: RoleName,
  volumeSizes: VolumeSizes,
  description: TaskDescription,
});
export type RunOrder = z.infer<typeof RunOrder>;

/** All of the tasks or none; the descriptions name no executor. */
export const RunGroupOrder = z.object({
  framework: FrameworkRef,
  role: RoleName,
  volumeSizes: VolumeSizes,
  executor: ExecutorDescription,
  descriptions: z.array(TaskDescription).min(1),
});
export type RunGroupOrder = z.infer<typeof RunGroupOrder>;

export const ShutdownExecutorOrder = z.object({
  executor: ExecutorRef,
  graceMs: z.int().min(0).optional(),
});
export type ShutdownExecutorOrder = z.infer<typeof ShutdownExecutorOrder>;

/** Deletes the data. A volume that is not there counts as destroyed. */
export const DestroyVolumeOrder = z.object({ role: RoleName, volumeId: VolumeId });
export type DestroyVolumeOrder = z.infer<typeof DestroyVolumeOrder>;

/** Agent to leader, repeated until answered: the executor is no more, what it held is free. */
export const ExecutorExited = z.object({
  executor: ExecutorRef,
  end: ExecutorEnd,
  exitCode: z.int().optional(),
  signal: z.string().max(32).optional(),
  message: z.string().max(4096).optional(),
  /**
   * All that it had been given and that had not ended before it. A task for it whose launch the agent has not answered
   * and that is not named here starts it anew.
   */
  tasks: z.array(TaskId).max(10_000).default([]),
});
export type ExecutorExited = z.infer<typeof ExecutorExited>;

export const KillReason = z.enum([
  'framework',
  'operator',
  'frameworkRemoved',
  'unknownToMaster',
  'agentGone',
  /** Another task of its group has ended before the agent had confirmed the group's launch. */
  'groupMemberEnded',
  /** Its agent needs back what the task was lent, or what it has is taken back for somebody else. */
  'revoked',
  /** An operator wants its agent emptied, or a maintenance window of it has begun. */
  'agentDraining',
]);
export type KillReason = z.infer<typeof KillReason>;
export const KillOrder = z.object({
  task: TaskRef,
  graceMs: z.int().min(0).optional(),
  reason: KillReason,
  /** For people: goes into the task's status. */
  message: z.string().max(1024).optional(),
});
export type KillOrder = z.infer<typeof KillOrder>;

export const LogsRequest = z.object({
  task: TaskRef,
  stream: z.enum(['stdout', 'stderr']),
  /** Byte offset; negative counts from the end. */
  offset: z.int(),
  maxBytes: z
    .int()
    .min(1)
    .max(512 * 1024),
});
export type LogsRequest = z.infer<typeof LogsRequest>;
export const LogsResult = z.object({
  data: z.instanceof(Uint8Array),
  offset: z.int().min(0),
  size: z.int().min(0),
  /** No more will come: the task has ended. */
  ended: z.boolean(),
  /** Another one where the stream has come to be another file. An older agent leaves it out. */
  fileId: z.string().max(128).optional(),
});
export type LogsResult = z.infer<typeof LogsResult>;
