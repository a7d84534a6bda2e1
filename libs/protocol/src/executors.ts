// Owns what an executor and its agent say to each other over the unix socket in the executor's sandbox: each message is
// four bytes of length (big endian), then MessagePack of `{ kind, ... }`. Executors hold no credential of the bus.
// Mesos docs, "Executor HTTP API".
import * as z from 'zod';
import { AgentId, ExecutorRef, TaskId } from './ids.ts';
import { StopAnswer } from './revocations.ts';
import { Data, Labels, TaskDescription } from './tasks.ts';

/** Environment of every executor: where its agent listens, and who it is. */
export const EXECUTOR_ENVIRONMENT = {
  socket: 'PARLEY_EXECUTOR_SOCKET',
  executorId: 'PARLEY_EXECUTOR_ID',
  frameworkId: 'PARLEY_FRAMEWORK_ID',
  principal: 'PARLEY_PRINCIPAL',
  agentId: 'PARLEY_AGENT_ID',
  sandbox: 'PARLEY_SANDBOX',
  /** Milliseconds that an executor goes on trying to reach an agent that is away; then it exits. */
  recoveryTimeoutMs: 'PARLEY_RECOVERY_TIMEOUT_MS',
} as const;

/** Longest message on the socket, in bytes. */
export const MAX_EXECUTOR_MESSAGE_BYTES = 512 * 1024;

/** An executor's word on one of its tasks; `sequence` counts up from 1 over all updates of this executor. */
export const ExecutorUpdate = z.object({
  taskId: TaskId,
  sequence: z.int().min(1),
  state: z.enum(['starting', 'running', 'killing', 'finished', 'failed', 'killed']),
  message: z.string().max(4096).optional(),
  exitCode: z.int().optional(),
  healthy: z.boolean().optional(),
  data: Data.optional(),
});
export type ExecutorUpdate = z.infer<typeof ExecutorUpdate>;

export const FromExecutor = z.discriminatedUnion('kind', [
  /** First on every connection. Whatever the agent has not acknowledged comes again with it. */
  z.object({
    kind: z.literal('subscribe'),
    executor: ExecutorRef,
    /** Tasks that it was given and of which no update was acknowledged yet. */
    unacknowledgedTasks: z.array(TaskId).max(10_000),
    unacknowledgedUpdates: z.array(ExecutorUpdate).max(10_000),
  }),
  z.object({ kind: z.literal('update'), update: ExecutorUpdate }),
  /** To the framework's scheduler; may be lost. */
  z.object({ kind: z.literal('message'), data: z.instanceof(Uint8Array) }),
  /** To `stopAsked`; may be lost, and then counts as silence. The last one counts. */
  z.object({ kind: z.literal('stopAnswered'), taskId: TaskId, answer: StopAnswer }),
]);
export type FromExecutor = z.infer<typeof FromExecutor>;

export const ToExecutor = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('subscribed'),
    executor: ExecutorRef,
    agentId: AgentId,
    hostname: z.string(),
    labels: Labels.default({}),
    data: Data.optional(),
  }),
  z.object({ kind: z.literal('launch'), task: TaskDescription }),
  /** All of a group or none. */
  z.object({ kind: z.literal('launchGroup'), tasks: z.array(TaskDescription).min(1) }),
  z.object({ kind: z.literal('kill'), taskId: TaskId, graceMs: z.int().min(0) }),
  /** The task's resources are taken back: it is killed after `graceMs`, later where the answer asks for time. */
  z.object({ kind: z.literal('stopAsked'), taskId: TaskId, graceMs: z.int().min(0) }),
  /** It may go on after all. */
  z.object({ kind: z.literal('stopCalledOff'), taskId: TaskId }),
  /** The agent has this update on its disk: it may be forgotten. */
  z.object({ kind: z.literal('acknowledged'), sequence: z.int().min(1) }),
  z.object({ kind: z.literal('message'), data: z.instanceof(Uint8Array) }),
  /** Kill all tasks and exit; after `graceMs` the whole scope is killed. */
  z.object({ kind: z.literal('shutdown'), graceMs: z.int().min(0) }),
  /** The agent does not talk to this executor: it must exit. */
  z.object({ kind: z.literal('refused'), message: z.string() }),
]);
export type ToExecutor = z.infer<typeof ToExecutor>;
