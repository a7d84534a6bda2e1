// Owns which calls of an executor are well-formed beyond what their schema says, in the order in which Mesos's agent looks
// (src/slave/validation.cpp, executor::call): what is wrong is answered with 400 and a sentence. Pure.
import type { ExecutorCall } from '@parley/mesos-api/message-types';

export type ExecutorStatus = NonNullable<ExecutorCall['update']>['status'];

const UUID_BYTES = 16;

export function executorCallFault(call: ExecutorCall): string | undefined {
  switch (call.type) {
    case undefined:
      return "Expecting 'type' to be present";
    case 'SUBSCRIBE':
      return call.subscribe === undefined
        ? "Expecting 'subscribe' to be present"
        : repeatedFault(call, call.subscribe);
    case 'UPDATE':
      return call.update === undefined
        ? "Expecting 'update' to be present"
        : statusFault(call, call.update.status);
    case 'MESSAGE':
      return call.message === undefined ? "Expecting 'message' to be present" : undefined;
    case 'HEARTBEAT':
    case 'UNKNOWN':
      return undefined;
  }
}

function repeatedFault(
  call: ExecutorCall,
  { unacknowledged_updates = [] }: NonNullable<ExecutorCall['subscribe']>,
): string | undefined {
  for (const { status } of unacknowledged_updates) {
    const fault = statusFault(call, status);
    if (fault !== undefined) return `unacknowledged_updates: ${fault}`;
  }
  return undefined;
}

function statusFault({ executor_id }: ExecutorCall, status: ExecutorStatus): string | undefined {
  const { uuid, executor_id: named, source, state, check_status } = status;
  if (uuid === undefined) return "Expecting 'uuid' to be present";
  if (uuid.length !== UUID_BYTES) return 'Not a valid UUID: it has 16 bytes';
  if (named !== undefined && named.value !== executor_id.value) {
    return `ExecutorID in Call: ${executor_id.value} does not match ExecutorID in TaskStatus: ${named.value}`;
  }
  if (source !== 'SOURCE_EXECUTOR') {
    return `Received Call from executor ${executor_id.value} with invalid source, expecting 'SOURCE_EXECUTOR'`;
  }
  if (state === 'TASK_STAGING') {
    return `Received TASK_STAGING from executor ${executor_id.value} which is not allowed`;
  }
  return check_status === undefined ? undefined : checkFault(check_status);
}

function checkFault({
  type,
  command,
  http,
  tcp,
}: NonNullable<ExecutorStatus['check_status']>): string | undefined {
  if (type === undefined || type === 'UNKNOWN') return "CheckStatusInfo must specify 'type'";
  const named = { COMMAND: command, HTTP: http, TCP: tcp }[type];
  const others = [command, http, tcp].filter((each) => each !== undefined && each !== named);
  if (named === undefined) {
    return `Expecting '${type.toLowerCase()}' to be set for ${type} check's status`;
  }
  return others.length === 0
    ? undefined
    : `Only '${type.toLowerCase()}' may be set for ${type} check's status`;
}
