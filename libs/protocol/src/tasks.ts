// Owns the shapes of tasks: their description, states and status updates.
import * as z from 'zod';
import { AgentId, TaskId, TaskRef } from './ids.ts';
import { Resources } from './resources.ts';

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

const TERMINAL_TASK_STATES = ['finished', 'failed', 'killed', 'error', 'dropped', 'gone'] as const;
const terminal: ReadonlySet<string> = new Set(TERMINAL_TASK_STATES);
export const isTerminal = (state: TaskState): boolean => terminal.has(state);

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
]);
export type TaskReason = z.infer<typeof TaskReason>;

/** A path inside the sandbox: relative, no `..`, no control characters. */
const SandboxPath = z
  .string()
  .min(1)
  .max(1024)
  .refine(
    (path) =>
      !path.startsWith('/') &&
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
      !/[\u0000-\u001f\u007f\\]/.test(path) &&
      path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    'must be a relative path without "..", empty parts or control characters',
  );
export type SandboxPath = z.infer<typeof SandboxPath>;

/** Name of an object in the principal's bucket of the `work` account. */
const ObjectName = z
  .string()
  .regex(/^[A-Za-z0-9_./=-]{1,255}$/, 'must be 1 to 255 of A-Z a-z 0-9 _ . / = -');

/** The agent copies the object into the sandbox before the task starts, or out of it after it finished. */
export const Transfer = z.object({ object: ObjectName, path: SandboxPath });
export type Transfer = z.infer<typeof Transfer>;

const Command = z.object({
  /** Program and arguments, passed as they are: no shell unless the program is one. */
  argv: z
    .array(
      z
        .string()
        .max(131072)
        .refine((s) => !s.includes('\u0000'), 'must hold no NUL'),
    )
    .min(1)
    .max(4096),
  environment: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/),
      z
        .string()
        .max(131072)
        .refine((s) => !s.includes('\u0000'), 'must hold no NUL'),
    )
    .default({}),
});
export type Command = z.infer<typeof Command>;

export const DEFAULT_KILL_GRACE_MS = 3000;
const KillGraceMs = z
  .int()
  .min(0)
  .max(24 * 3600 * 1000);

export const TaskDescription = z.object({
  taskId: TaskId,
  name: z.string().max(255).default(''),
  resources: Resources,
  command: Command,
  inputs: z.array(Transfer).max(4096).default([]),
  outputs: z.array(Transfer).max(4096).default([]),
  killGraceMs: KillGraceMs.default(DEFAULT_KILL_GRACE_MS),
});
export type TaskDescription = z.infer<typeof TaskDescription>;
export type TaskDescriptionInput = z.input<typeof TaskDescription>;

/**
 * One step of a task's life. `source` and `sequence` (from 1, per task and source) identify it:
 * a repeated pair is a duplicate. The order of a task's states is the order in the stream.
 */
export const StatusUpdate = z.object({
  task: TaskRef,
  agentId: AgentId,
  source: z.enum(['agent', 'master']),
  sequence: z.int().min(1),
  state: TaskState,
  reason: TaskReason.optional(),
  message: z.string().max(4096).optional(),
  exitCode: z.int().optional(),
  signal: z.string().max(32).optional(),
  memory: z.object({ limitMib: z.int(), peakMib: z.int() }).optional(),
  /** Wall clock of the sender in milliseconds since 1970: for people, never compared. */
  wallTimeMs: z.int(),
});
export type StatusUpdate = z.infer<typeof StatusUpdate>;

export const KillTaskRequest = z.object({ taskId: TaskId, graceMs: KillGraceMs.optional() });
export type KillTaskRequest = z.infer<typeof KillTaskRequest>;
export const Empty = z.object({});
export type Empty = z.infer<typeof Empty>;
