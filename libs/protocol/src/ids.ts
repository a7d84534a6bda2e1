// Owns the identifiers that cross the bus: their alphabet, their branded types, and nothing else.
// Every id is a single NATS token, a safe file name and a safe part of a systemd unit name.
import * as z from 'zod';

const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** One token of 1 to 64 characters out of `A-Z a-z 0-9 _ -`. */
export const Token = z.string().regex(ID_PATTERN, 'must be 1 to 64 characters of A-Z a-z 0-9 _ -');

export const ClusterName = Token.brand<'ClusterName'>();
export type ClusterName = z.infer<typeof ClusterName>;

/** `master` is reserved: the leader's own status updates carry it in place of an agent's id. */
export const AgentId = Token.refine(
  (id) => id !== 'master',
  '"master" is no agent id',
).brand<'AgentId'>();
export type AgentId = z.infer<typeof AgentId>;

/** Holder of a credential: a team or a service. May run many frameworks. */
export const PrincipalName = Token.brand<'PrincipalName'>();
export type PrincipalName = z.infer<typeof PrincipalName>;

/** Chosen once by a framework and kept; unique within its principal. */
export const FrameworkId = Token.brand<'FrameworkId'>();
export type FrameworkId = z.infer<typeof FrameworkId>;

export const TaskId = Token.brand<'TaskId'>();
export type TaskId = z.infer<typeof TaskId>;

/** Made by the leader: contains the term (epoch revision) that made it. */
export const OfferId = Token.brand<'OfferId'>();
export type OfferId = z.infer<typeof OfferId>;

/** Names a reservation; unique per agent and role. Chosen by whoever reserves. */
export const ReservationId = Token.brand<'ReservationId'>();
export type ReservationId = z.infer<typeof ReservationId>;

/** Names a persistent volume; unique per agent and role. */
export const VolumeId = Token.brand<'VolumeId'>();
export type VolumeId = z.infer<typeof VolumeId>;

/** Names a maintenance window; chosen by whoever schedules it. */
export const WindowId = Token.brand<'WindowId'>();
export type WindowId = z.infer<typeof WindowId>;

/** Unique within its framework and agent. */
export const ExecutorId = Token.brand<'ExecutorId'>();
export type ExecutorId = z.infer<typeof ExecutorId>;

/** An id of any service process (master-1, allocator-1, an operator's tool). */
export const ActorId = Token.brand<'ActorId'>();
export type ActorId = z.infer<typeof ActorId>;

/** Role name: `a/b/c`, each component 1 to 64 safe characters; `*` is the default role. Mesos docs, "Roles". */
export const RoleName = z
  .string()
  .max(255)
  .regex(
    /^(?:\*|[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})*)$/,
    'must be "*" or components separated by "/", each of 1 to 64 of A-Z a-z 0-9 _ . - and none beginning with . or -',
  )
  .brand<'RoleName'>();
export type RoleName = z.infer<typeof RoleName>;

/** `eng` for `eng/ads`; undefined for a role at the top. The beginning of a role's name, up to a slash, is one too. */
export function roleAbove(role: RoleName): RoleName | undefined {
  const end = role.lastIndexOf('/');
  return end < 0 ? undefined : (role.slice(0, end) as RoleName);
}

/** A framework is the pair (principal, id) in every key, path and unit name. */
export const FrameworkRef = z.object({ principal: PrincipalName, frameworkId: FrameworkId });
export type FrameworkRef = z.infer<typeof FrameworkRef>;

export const TaskRef = FrameworkRef.extend({ taskId: TaskId });
export type TaskRef = z.infer<typeof TaskRef>;

/** An executor is known by its agent as (framework, id). */
export const ExecutorRef = FrameworkRef.extend({ executorId: ExecutorId });
export type ExecutorRef = z.infer<typeof ExecutorRef>;

/** Key of a framework in maps: `principal/frameworkId`. */
export type FrameworkKey = `${string}/${string}`;
/** Key of a task in maps: `principal/frameworkId/taskId`. */
export type TaskKey = `${string}/${string}/${string}`;

/** Key of an executor of one agent in maps: `principal/frameworkId/executorId`. */
export type ExecutorKey = `${string}/${string}/${string}`;

export const executorKey = (ref: ExecutorRef): ExecutorKey =>
  `${ref.principal}/${ref.frameworkId}/${ref.executorId}`;

/** The last one is kept: in one step the same framework is asked for again and again, and a text that is made is hashed anew. */
let last = { principal: '', frameworkId: '', key: '/' as FrameworkKey };

export function frameworkKey({ principal, frameworkId }: FrameworkRef): FrameworkKey {
  if (last.frameworkId !== frameworkId || last.principal !== principal) {
    last = { principal, frameworkId, key: `${principal}/${frameworkId}` };
  }
  return last.key;
}

export const taskKey = (ref: TaskRef): TaskKey =>
  `${ref.principal}/${ref.frameworkId}/${ref.taskId}`;
