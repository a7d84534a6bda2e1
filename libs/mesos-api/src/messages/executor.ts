// Owns what an executor and its agent say to each other on /api/v1/executor.
import { enumeration, message, optional, repeated, required } from '../message-type.ts';
import { AgentInfo, FrameworkInfo } from './party.ts';
import { ExecutorInfo, KillPolicy, TaskGroupInfo, TaskInfo, TaskStatus } from './task.ts';
import { ContainerID, ExecutorID, FrameworkID, TaskID } from './value.ts';

const Update = message({ status: required(1, TaskStatus) });

export const Call = message({
  executor_id: required(1, ExecutorID),
  framework_id: required(2, FrameworkID),
  type: optional(3, enumeration({ UNKNOWN: 0, SUBSCRIBE: 1, UPDATE: 2, MESSAGE: 3, HEARTBEAT: 4 })),
  subscribe: optional(
    4,
    message({
      unacknowledged_tasks: repeated(1, TaskInfo),
      unacknowledged_updates: repeated(2, Update),
    }),
  ),
  update: optional(5, Update),
  message: optional(6, message({ data: required(2, 'bytes') })),
});

export const Event = message({
  type: optional(
    1,
    enumeration({
      UNKNOWN: 0,
      SUBSCRIBED: 1,
      LAUNCH: 2,
      LAUNCH_GROUP: 8,
      KILL: 3,
      ACKNOWLEDGED: 4,
      MESSAGE: 5,
      ERROR: 6,
      SHUTDOWN: 7,
      HEARTBEAT: 9,
    }),
  ),
  subscribed: optional(
    2,
    message({
      executor_info: required(1, ExecutorInfo),
      framework_info: required(2, FrameworkInfo),
      agent_info: required(3, AgentInfo),
      container_id: optional(4, ContainerID),
    }),
  ),
  acknowledged: optional(3, message({ task_id: required(1, TaskID), uuid: required(2, 'bytes') })),
  launch: optional(4, message({ task: required(1, TaskInfo) })),
  launch_group: optional(8, message({ task_group: required(1, TaskGroupInfo) })),
  kill: optional(
    5,
    message({ task_id: required(1, TaskID), kill_policy: optional(2, KillPolicy) }),
  ),
  message: optional(6, message({ data: required(1, 'bytes') })),
  error: optional(7, message({ message: required(1, 'string') })),
});
