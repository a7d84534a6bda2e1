// Owns tasks, executors, their checks, states and status updates.
import { enumeration, map, message, optional, repeated, required } from '../message-type.ts';
import { CommandInfo, ContainerInfo, ContainerStatus, NetworkProtocol } from './container.ts';
import { Resource } from './resource.ts';
import { Reason } from './status-reason.ts';
import {
  AgentID,
  DurationInfo,
  ExecutorID,
  FrameworkID,
  Labels,
  Scalar,
  TaskID,
  TimeInfo,
} from './value.ts';

const CheckType = enumeration({ UNKNOWN: 0, COMMAND: 1, HTTP: 2, TCP: 3 });

const CheckInfo = message({
  type: optional(1, CheckType),
  command: optional(2, message({ command: required(1, CommandInfo) })),
  http: optional(3, message({ port: required(1, 'uint32'), path: optional(2, 'string') })),
  tcp: optional(7, message({ port: required(1, 'uint32') })),
  delay_seconds: optional(4, 'double', { default: 15 }),
  interval_seconds: optional(5, 'double', { default: 10 }),
  timeout_seconds: optional(6, 'double', { default: 20 }),
});

const HealthCheck = message({
  delay_seconds: optional(2, 'double', { default: 15 }),
  interval_seconds: optional(3, 'double', { default: 10 }),
  timeout_seconds: optional(4, 'double', { default: 20 }),
  consecutive_failures: optional(5, 'uint32', { default: 3 }),
  grace_period_seconds: optional(6, 'double', { default: 10 }),
  type: optional(8, CheckType),
  command: optional(7, CommandInfo),
  http: optional(
    1,
    message({
      protocol: optional(5, NetworkProtocol, { default: 'IPv4' }),
      scheme: optional(3, 'string'),
      port: required(1, 'uint32'),
      path: optional(2, 'string'),
      statuses: repeated(4, 'uint32'),
    }),
  ),
  tcp: optional(
    9,
    message({
      protocol: optional(2, NetworkProtocol, { default: 'IPv4' }),
      port: required(1, 'uint32'),
    }),
  ),
});

export const KillPolicy = message({ grace_period: optional(1, DurationInfo) });

const Visibility = enumeration({ FRAMEWORK: 0, CLUSTER: 1, EXTERNAL: 2 });
const Port = message({
  number: required(1, 'uint32'),
  name: optional(2, 'string'),
  protocol: optional(3, 'string'),
  visibility: optional(4, Visibility),
  labels: optional(5, Labels),
});
const DiscoveryInfo = message({
  visibility: required(1, Visibility),
  name: optional(2, 'string'),
  environment: optional(3, 'string'),
  location: optional(4, 'string'),
  version: optional(5, 'string'),
  ports: optional(6, message({ ports: repeated(1, Port) })),
  labels: optional(7, Labels),
});

export const ExecutorInfo = message({
  type: optional(15, enumeration({ UNKNOWN: 0, DEFAULT: 1, CUSTOM: 2 })),
  executor_id: required(1, ExecutorID),
  framework_id: optional(8, FrameworkID),
  command: optional(7, CommandInfo),
  container: optional(11, ContainerInfo),
  resources: repeated(5, Resource),
  name: optional(9, 'string'),
  source: optional(10, 'string', { isDeprecated: true }),
  data: optional(4, 'bytes'),
  discovery: optional(12, DiscoveryInfo),
  shutdown_grace_period: optional(13, DurationInfo),
  labels: optional(14, Labels),
});

export const TaskInfo = message({
  name: required(1, 'string'),
  task_id: required(2, TaskID),
  agent_id: required(3, AgentID),
  resources: repeated(4, Resource),
  executor: optional(5, ExecutorInfo),
  command: optional(7, CommandInfo),
  container: optional(9, ContainerInfo),
  health_check: optional(8, HealthCheck),
  check: optional(13, CheckInfo),
  kill_policy: optional(12, KillPolicy),
  data: optional(6, 'bytes'),
  labels: optional(10, Labels),
  discovery: optional(11, DiscoveryInfo),
  max_completion_time: optional(14, DurationInfo),
  limits: map(15, Scalar),
});
export const TaskGroupInfo = message({ tasks: repeated(1, TaskInfo) });

export const TaskState = enumeration({
  TASK_STAGING: 6,
  TASK_STARTING: 0,
  TASK_RUNNING: 1,
  TASK_KILLING: 8,
  TASK_FINISHED: 2,
  TASK_FAILED: 3,
  TASK_KILLED: 4,
  TASK_ERROR: 7,
  TASK_LOST: 5,
  TASK_DROPPED: 9,
  TASK_UNREACHABLE: 10,
  TASK_GONE: 11,
  TASK_GONE_BY_OPERATOR: 12,
  TASK_UNKNOWN: 13,
});

export const TaskResourceLimitation = message({ resources: repeated(1, Resource) });

const CheckStatusInfo = message({
  type: optional(1, CheckType),
  command: optional(2, message({ exit_code: optional(1, 'int32') })),
  http: optional(3, message({ status_code: optional(1, 'uint32') })),
  tcp: optional(4, message({ succeeded: optional(1, 'bool') })),
});

export const TaskStatus = message({
  task_id: required(1, TaskID),
  state: required(2, TaskState),
  message: optional(4, 'string'),
  source: optional(9, enumeration({ SOURCE_MASTER: 0, SOURCE_AGENT: 1, SOURCE_EXECUTOR: 2 })),
  reason: optional(10, Reason),
  data: optional(3, 'bytes'),
  agent_id: optional(5, AgentID),
  executor_id: optional(7, ExecutorID),
  timestamp: optional(6, 'double'),
  uuid: optional(11, 'bytes'),
  healthy: optional(8, 'bool'),
  check_status: optional(15, CheckStatusInfo),
  labels: optional(12, Labels),
  container_status: optional(13, ContainerStatus),
  unreachable_time: optional(14, TimeInfo),
  limitation: optional(16, TaskResourceLimitation),
});

/** A task as the operators' API tells it. */
export const Task = message({
  name: required(1, 'string'),
  task_id: required(2, TaskID),
  framework_id: required(3, FrameworkID),
  executor_id: optional(4, ExecutorID),
  agent_id: required(5, AgentID),
  state: required(6, TaskState),
  resources: repeated(7, Resource),
  statuses: repeated(8, TaskStatus),
  status_update_state: optional(9, TaskState),
  status_update_uuid: optional(10, 'bytes'),
  labels: optional(11, Labels),
  discovery: optional(12, DiscoveryInfo),
  container: optional(13, ContainerInfo),
  health_check: optional(15, HealthCheck),
  kill_policy: optional(16, KillPolicy),
  user: optional(14, 'string'),
  limits: map(17, Scalar),
});
