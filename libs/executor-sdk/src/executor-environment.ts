// Owns what an executor's environment says about itself: who it is, and where its agent listens.
import { EXECUTOR_ENVIRONMENT } from '@parley/protocol/executors';
import { ExecutorRef } from '@parley/protocol/ids';

export type ExecutorEnvironment = {
  readonly executor: ExecutorRef;
  readonly socketPath: string;
  readonly sandbox: string;
  readonly recoveryTimeoutMs: number;
};

const DEFAULT_RECOVERY_TIMEOUT_MS = 15 * 60_000;

/** Throws when it was not started by an agent; the message names the variable. */
export function readEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
): ExecutorEnvironment {
  const variable = (name: string): string => {
    const value = variables[name];
    if (value === undefined || value === '') {
      throw new Error(`${name} is not set: an executor is started by an agent, not by hand`);
    }
    return value;
  };
  const { socket, executorId, frameworkId, principal, sandbox } = EXECUTOR_ENVIRONMENT;
  const timeout = Number(variables[EXECUTOR_ENVIRONMENT.recoveryTimeoutMs]);
  return {
    executor: ExecutorRef.parse({
      principal: variable(principal),
      frameworkId: variable(frameworkId),
      executorId: variable(executorId),
    }),
    socketPath: variable(socket),
    sandbox: variable(sandbox),
    recoveryTimeoutMs:
      Number.isSafeInteger(timeout) && timeout > 0 ? timeout : DEFAULT_RECOVERY_TIMEOUT_MS,
  };
}
