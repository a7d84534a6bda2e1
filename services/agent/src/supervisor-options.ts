// Owns what a supervisor is told at its start, and the limits of its tables.
import type { RegisterRequest } from '@parley/protocol/agents';
import type { AgentId } from '@parley/protocol/ids';
import type { ExecutorTiming } from './executors/executor-timing.ts';
import type { RegistrationOptions } from './registration.ts';

export type SupervisorOptions = {
  readonly agentId: AgentId;
  /** What registering tells beside the tasks. */
  readonly host: Pick<RegisterRequest, 'hostname' | 'total' | 'domain' | 'attributes' | 'reserved'>;
  readonly registration: RegistrationOptions;
  /** Of custom executors; what is left out is as Mesos has it. */
  readonly executorTiming?: Partial<ExecutorTiming> | undefined;
  readonly limits?: Partial<SupervisorLimits>;
};

export type SupervisorLimits = {
  /** More than systemd takes at a time only wait there. */
  readonly launchesInFlight: number;
  /** Known tasks, ended ones that are not journalled included; all of them fit into one register request. */
  readonly tasks: number;
  /** Task ids that are remembered after they were forgotten, against orders that were long under way. */
  readonly forgottenTasks: number;
  /** Answers held while a register request is under way. */
  readonly heldAnswers: number;
  /** Probes of tasks; a probe that hangs holds its turn until its timeout, one of its principal's: see turns.ts. */
  readonly probesInFlight: number;
  /** Principals whose stream's creation time is remembered. */
  readonly principals: number;
};

export const DEFAULT_SUPERVISOR_LIMITS: SupervisorLimits = {
  launchesInFlight: 8,
  tasks: 3000,
  forgottenTasks: 20_000,
  heldAnswers: 10_000,
  probesInFlight: 128,
  principals: 10_000,
};
