// Owns the environment of executors that were written for Mesos: variables by Mesos's names. Mesos docs, "Executor HTTP
// API" and src/slave/containerizer/containerizer.cpp (executorEnvironment).
import { isIPv6 } from 'node:net';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { AgentId } from '@parley/protocol/ids';
import type { ExecutorPlace } from './executor-messages.ts';
import { RECOVERY_TIMEOUT_MS } from './executor-timing.ts';

/** Where a gateway answers for this agent, as executors are told it. */
export type ExecutorEndpoint = { readonly host: string; readonly port: number };

const TOKEN_VARIABLE = 'MESOS_EXECUTOR_AUTHENTICATION_TOKEN';
const BACKOFF_MAX_MS = 2000;
const UNITS = [
  ['weeks', 604_800_000],
  ['days', 86_400_000],
  ['hrs', 3_600_000],
  ['mins', 60_000],
  ['secs', 1000],
  ['ms', 1],
] as const;

/** As Mesos prints it: "5secs", "1500ms", in the largest unit that leaves nothing over. */
export function mesosDuration(durationMs: number): string {
  const ms = Math.round(durationMs);
  if (ms === 0) return '0ns';
  const [name, size] = UNITS.find(([, each]) => ms % each === 0) ?? ['ms', 1];
  return `${ms / size}${name}`;
}

/** `HOST:PORT`, of an address, not a name: executors are told an address. Fails with `malformed`. */
export function readExecutorEndpoint(
  text: string | undefined,
): Outcome<ExecutorEndpoint | undefined> {
  if (text === undefined) return succeed(undefined);
  const [, six, four, digits] = /^(?:\[([0-9a-f:]+)\]|([0-9.]+)):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  const host = six ?? four;
  if (host !== undefined && port >= 1 && port <= 65_535) return succeed({ host, port });
  return fail('malformed', `--executor-endpoint ${text}: must be such as 127.0.0.1:5051`);
}

export function mesosEnvironment(
  { executor }: ExecutorPlace,
  { mesos, shutdownGraceMs, command }: ExecutorDescription,
  given: {
    readonly agentId: AgentId;
    readonly sandboxDirectory: string;
    /** Undefined: it cannot be heard over HTTP, only over its socket. */
    readonly endpoint: ExecutorEndpoint | undefined;
    readonly token: string;
  },
): Record<string, string> {
  const { agentId, sandboxDirectory, endpoint, token } = given;
  const { principal, frameworkId, executorId } = executor;
  return {
    MESOS_FRAMEWORK_ID: `${principal}.${frameworkId}`,
    // An id that is none of ours is kept in the command by who made one of ours from it.
    MESOS_EXECUTOR_ID: command?.environment['MESOS_EXECUTOR_ID'] ?? executorId,
    MESOS_DIRECTORY: sandboxDirectory,
    MESOS_SANDBOX: sandboxDirectory,
    MESOS_SLAVE_ID: agentId,
    ...(endpoint !== undefined && endpointVariables(endpoint)),
    MESOS_HTTP_COMMAND_EXECUTOR: '0',
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: mesosDuration(shutdownGraceMs),
    LIBPROCESS_PORT: '0',
    // Some take any text for "on", "0" too.
    ...(mesos?.checkpoint === true && {
      MESOS_CHECKPOINT: '1',
      MESOS_RECOVERY_TIMEOUT: mesosDuration(RECOVERY_TIMEOUT_MS),
      MESOS_SUBSCRIPTION_BACKOFF_MAX: mesosDuration(BACKOFF_MAX_MS),
    }),
    [TOKEN_VARIABLE]: token,
  };
}

function endpointVariables({ host, port }: ExecutorEndpoint): Record<string, string> {
  const place = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
  return {
    MESOS_AGENT_ENDPOINT: place,
    MESOS_SLAVE_PID: `slave(1)@${place}`,
    LIBPROCESS_IP: host,
  };
}
