// Owns the times that custom executors are given, all in milliseconds. Mesos docs, "Agent configuration"
// (executor_registration_timeout, executor_reregistration_timeout, executor_shutdown_grace_period).

export type ExecutorTiming = {
  /** From the start of its program to its first subscription. */
  readonly registrationMs: number;
  /** From the loss of its connection, or a restart of the agent, to its next subscription. */
  readonly returnMs: number;
  /** A process in an uninterruptible sleep outlives SIGKILL for a while; it is sent again. */
  readonly destroyAgainMs: number;
  readonly recordAgainMs: number;
};

export const DEFAULT_EXECUTOR_TIMING: ExecutorTiming = {
  registrationMs: 60_000,
  returnMs: 15_000,
  destroyAgainMs: 5000,
  recordAgainMs: 5000,
};

/** How long an executor looks for an agent that is away before it gives up, as its environment tells it. */
export const RECOVERY_TIMEOUT_MS = 15 * 60_000;
