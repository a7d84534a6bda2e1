// Owns the operators' calls to an agent on /api/v1, their answers and the stream of a process's input and output.
import { enumeration, map, message, optional, repeated, required } from '../message-type.ts';
import { CommandInfo, ContainerInfo, ContainerStatus, TTYInfo } from './container.ts';
import { Operation } from './offer.ts';
import { commonCalls, commonResponses } from './operator.ts';
import { AgentInfo, DrainConfig, FrameworkInfo, ResourceProviderInfo } from './party.ts';
import { Image, Resource } from './resource.ts';
import { ResourceStatistics } from './statistics.ts';
import { Reason } from './status-reason.ts';
import { ExecutorInfo, Task, TaskResourceLimitation, TaskState } from './task.ts';
import {
  ContainerID,
  DurationInfo,
  ExecutorID,
  FrameworkID,
  ResourceProviderID,
  Scalar,
  TimeInfo,
} from './value.ts';

export const ProcessIO = message({
  type: optional(1, enumeration({ UNKNOWN: 0, DATA: 1, CONTROL: 2 })),
  data: optional(
    2,
    message({
      type: optional(1, enumeration({ UNKNOWN: 0, STDIN: 1, STDOUT: 2, STDERR: 3 })),
      data: optional(2, 'bytes'),
    }),
  ),
  control: optional(
    3,
    message({
      type: optional(1, enumeration({ UNKNOWN: 0, TTY_INFO: 1, HEARTBEAT: 2 })),
      tty_info: optional(2, TTYInfo),
      heartbeat: optional(3, message({ interval: optional(1, DurationInfo) })),
    }),
  ),
});

const CallType = enumeration({
  UNKNOWN: 0,
  GET_HEALTH: 1,
  GET_FLAGS: 2,
  GET_VERSION: 3,
  GET_METRICS: 4,
  GET_LOGGING_LEVEL: 5,
  SET_LOGGING_LEVEL: 6,
  LIST_FILES: 7,
  READ_FILE: 8,
  GET_STATE: 9,
  GET_CONTAINERS: 10,
  GET_FRAMEWORKS: 11,
  GET_EXECUTORS: 12,
  GET_OPERATIONS: 31,
  GET_TASKS: 13,
  GET_AGENT: 20,
  GET_RESOURCE_PROVIDERS: 26,
  LAUNCH_NESTED_CONTAINER: 14,
  WAIT_NESTED_CONTAINER: 15,
  KILL_NESTED_CONTAINER: 16,
  REMOVE_NESTED_CONTAINER: 21,
  LAUNCH_NESTED_CONTAINER_SESSION: 17,
  ATTACH_CONTAINER_INPUT: 18,
  ATTACH_CONTAINER_OUTPUT: 19,
  LAUNCH_CONTAINER: 22,
  WAIT_CONTAINER: 23,
  KILL_CONTAINER: 24,
  REMOVE_CONTAINER: 25,
  ADD_RESOURCE_PROVIDER_CONFIG: 27,
  UPDATE_RESOURCE_PROVIDER_CONFIG: 28,
  REMOVE_RESOURCE_PROVIDER_CONFIG: 29,
  MARK_RESOURCE_PROVIDER_GONE: 32,
  PRUNE_IMAGES: 30,
});

const LaunchNested = message({
  container_id: required(1, ContainerID),
  command: optional(2, CommandInfo),
  container: optional(3, ContainerInfo),
});
const OfContainer = message({ container_id: required(1, ContainerID) });
const KillContainer = message({
  container_id: required(1, ContainerID),
  signal: optional(2, 'int32'),
});
const ProviderConfig = message({ info: required(1, ResourceProviderInfo) });

export const Call = message({
  type: optional(1, CallType),
  ...commonCalls,
  get_containers: optional(
    20,
    message({ show_nested: optional(1, 'bool'), show_standalone: optional(2, 'bool') }),
  ),
  launch_nested_container: optional(6, LaunchNested),
  wait_nested_container: optional(7, OfContainer),
  kill_nested_container: optional(8, KillContainer),
  remove_nested_container: optional(12, OfContainer),
  launch_nested_container_session: optional(9, LaunchNested),
  attach_container_input: optional(
    10,
    message({
      type: optional(1, enumeration({ UNKNOWN: 0, CONTAINER_ID: 1, PROCESS_IO: 2 })),
      container_id: optional(2, ContainerID),
      process_io: optional(3, ProcessIO),
    }),
  ),
  attach_container_output: optional(11, OfContainer),
  launch_container: optional(
    13,
    message({
      container_id: required(1, ContainerID),
      command: optional(2, CommandInfo),
      resources: repeated(3, Resource),
      container: optional(4, ContainerInfo),
      limits: map(5, Scalar),
    }),
  ),
  wait_container: optional(14, OfContainer),
  kill_container: optional(15, KillContainer),
  remove_container: optional(16, OfContainer),
  add_resource_provider_config: optional(17, ProviderConfig),
  update_resource_provider_config: optional(18, ProviderConfig),
  remove_resource_provider_config: optional(
    19,
    message({ type: required(1, 'string'), name: required(2, 'string') }),
  ),
  mark_resource_provider_gone: optional(
    22,
    message({ resource_provider_id: required(1, ResourceProviderID) }),
  ),
  prune_images: optional(21, message({ excluded_images: repeated(1, Image) })),
});

const Container = message({
  framework_id: optional(1, FrameworkID),
  executor_id: optional(2, ExecutorID),
  executor_name: optional(3, 'string'),
  container_id: required(4, ContainerID),
  container_status: optional(5, ContainerStatus),
  resource_statistics: optional(6, ResourceStatistics),
});
const Framework = message({ framework_info: required(1, FrameworkInfo) });
const GetFrameworks = message({
  frameworks: repeated(1, Framework),
  completed_frameworks: repeated(2, Framework),
});
const Executor = message({ executor_info: required(1, ExecutorInfo) });
const GetExecutors = message({
  executors: repeated(1, Executor),
  completed_executors: repeated(2, Executor),
});
const GetTasks = message({
  pending_tasks: repeated(1, Task),
  queued_tasks: repeated(2, Task),
  launched_tasks: repeated(3, Task),
  terminated_tasks: repeated(4, Task),
  completed_tasks: repeated(5, Task),
});
const Termination = message({
  exit_status: optional(1, 'int32'),
  state: optional(2, TaskState),
  reason: optional(3, Reason),
  limitation: optional(4, TaskResourceLimitation),
  message: optional(5, 'string'),
});

export const Response = message({
  type: optional(
    1,
    enumeration({
      UNKNOWN: 0,
      GET_HEALTH: 1,
      GET_FLAGS: 2,
      GET_VERSION: 3,
      GET_METRICS: 4,
      GET_LOGGING_LEVEL: 5,
      LIST_FILES: 6,
      READ_FILE: 7,
      GET_STATE: 8,
      GET_CONTAINERS: 9,
      GET_FRAMEWORKS: 10,
      GET_EXECUTORS: 11,
      GET_OPERATIONS: 17,
      GET_TASKS: 12,
      GET_AGENT: 14,
      GET_RESOURCE_PROVIDERS: 16,
      WAIT_NESTED_CONTAINER: 13,
      WAIT_CONTAINER: 15,
    }),
  ),
  ...commonResponses,
  get_state: optional(
    9,
    message({
      get_tasks: optional(1, GetTasks),
      get_executors: optional(2, GetExecutors),
      get_frameworks: optional(3, GetFrameworks),
    }),
  ),
  get_containers: optional(10, message({ containers: repeated(1, Container) })),
  get_frameworks: optional(11, GetFrameworks),
  get_executors: optional(12, GetExecutors),
  get_operations: optional(18, message({ operations: repeated(1, Operation) })),
  get_tasks: optional(13, GetTasks),
  get_agent: optional(
    15,
    message({
      agent_info: optional(1, AgentInfo),
      drain_config: optional(2, DrainConfig),
      estimated_drain_start_time: optional(3, TimeInfo),
    }),
  ),
  get_resource_providers: optional(
    17,
    message({
      resource_providers: repeated(
        1,
        message({
          resource_provider_info: required(1, ResourceProviderInfo),
          total_resources: repeated(2, Resource),
        }),
      ),
    }),
  ),
  wait_nested_container: optional(14, Termination),
  wait_container: optional(16, Termination),
});
