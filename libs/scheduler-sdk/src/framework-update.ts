// Owns what a framework is told about its work: one update, with the key and the payload that it knows the work by. Types only.
import type { TaskCause } from '@parley/protocol/task-causes';
import type { StatusUpdate, TaskReason, TaskState } from '@parley/protocol/tasks';

export type FrameworkUpdate<Payload = unknown> = {
  readonly key: string;
  readonly payload: Payload;
  /** Attempts of this scheduler so far, this one included. */
  readonly attempt: number;
  readonly state: TaskState;
  /** The attempt has ended (of a group: this was its last task). */
  readonly terminal: boolean;
  /** Another attempt follows by itself. With `terminal` and without this the work is over. */
  readonly willRetry: boolean;
  /** `description`: its need or its `run` cannot be read. `deadline`: its time was over. */
  readonly reason?: TaskReason | 'description' | 'deadline' | undefined;
  /** The limit that it met, or why its command could not be started. */
  readonly cause?: TaskCause | undefined;
  readonly message?: string | undefined;
  readonly exitCode?: number | undefined;
  /** Absent where no task was launched, or where it is known from reconciliation only. */
  readonly update?: StatusUpdate | undefined;
};
