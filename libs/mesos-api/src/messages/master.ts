// Owns the operators' calls to the master on /api/v1, their answers and the stream of events.
import { enumeration, message, optional, repeated, required } from '../message-type.ts';
import { InverseOffer, Offer, Operation } from './offer.ts';
import {
  ClusterStatus,
  commonCalls,
  commonResponses,
  QuotaConfig,
  QuotaRequest,
  QuotaStatus,
  Role,
  Schedule,
} from './operator.ts';
import {
  AgentCapability,
  AgentInfo,
  DrainInfo,
  FrameworkInfo,
  MasterInfo,
  ResourceProviderInfo,
} from './party.ts';
import { Resource } from './resource.ts';
import { OfferConstraints } from './scheduler.ts';
import { ExecutorInfo, Task, TaskState, TaskStatus } from './task.ts';
import {
  AgentID,
  Duration,
  FrameworkID,
  MachineID,
  Scalar,
  TimeInfo,
  WeightInfo,
} from './value.ts';

const OfAgent = message({ agent_id: required(1, AgentID) });
const ResourcesOfAgent = message({
  agent_id: required(1, AgentID),
  resources: repeated(2, Resource),
});
const VolumesOfAgent = message({ agent_id: required(1, AgentID), volumes: repeated(2, Resource) });
const Machines = message({ machines: repeated(1, MachineID) });

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
  GET_AGENTS: 10,
  GET_FRAMEWORKS: 11,
  GET_EXECUTORS: 12,
  GET_OPERATIONS: 33,
  GET_TASKS: 13,
  GET_ROLES: 14,
  GET_WEIGHTS: 15,
  UPDATE_WEIGHTS: 16,
  GET_MASTER: 17,
  SUBSCRIBE: 18,
  RESERVE_RESOURCES: 19,
  UNRESERVE_RESOURCES: 20,
  CREATE_VOLUMES: 21,
  DESTROY_VOLUMES: 22,
  GROW_VOLUME: 34,
  SHRINK_VOLUME: 35,
  GET_MAINTENANCE_STATUS: 23,
  GET_MAINTENANCE_SCHEDULE: 24,
  UPDATE_MAINTENANCE_SCHEDULE: 25,
  START_MAINTENANCE: 26,
  STOP_MAINTENANCE: 27,
  DRAIN_AGENT: 37,
  DEACTIVATE_AGENT: 38,
  REACTIVATE_AGENT: 39,
  GET_QUOTA: 28,
  UPDATE_QUOTA: 36,
  SET_QUOTA: 29,
  REMOVE_QUOTA: 30,
  TEARDOWN: 31,
  MARK_AGENT_GONE: 32,
});

export const Call = message({
  type: optional(1, CallType),
  ...commonCalls,
  update_weights: optional(6, message({ weight_infos: repeated(1, WeightInfo) })),
  reserve_resources: optional(
    7,
    message({
      agent_id: required(1, AgentID),
      source: repeated(3, Resource),
      resources: repeated(2, Resource),
    }),
  ),
  unreserve_resources: optional(8, ResourcesOfAgent),
  create_volumes: optional(9, VolumesOfAgent),
  destroy_volumes: optional(10, VolumesOfAgent),
  grow_volume: optional(
    18,
    message({
      agent_id: optional(1, AgentID),
      volume: required(2, Resource),
      addition: required(3, Resource),
    }),
  ),
  shrink_volume: optional(
    19,
    message({
      agent_id: optional(1, AgentID),
      volume: required(2, Resource),
      subtract: required(3, Scalar),
    }),
  ),
  update_maintenance_schedule: optional(11, message({ schedule: required(1, Schedule) })),
  start_maintenance: optional(12, Machines),
  stop_maintenance: optional(13, Machines),
  drain_agent: optional(
    21,
    message({
      agent_id: required(1, AgentID),
      max_grace_period: optional(2, Duration),
      mark_gone: optional(3, 'bool', { default: false }),
    }),
  ),
  deactivate_agent: optional(22, OfAgent),
  reactivate_agent: optional(23, OfAgent),
  update_quota: optional(
    20,
    message({ force: optional(1, 'bool'), quota_configs: repeated(2, QuotaConfig) }),
  ),
  teardown: optional(16, message({ framework_id: required(1, FrameworkID) })),
  mark_agent_gone: optional(17, OfAgent),
  set_quota: optional(14, message({ quota_request: required(1, QuotaRequest) })),
  remove_quota: optional(15, message({ role: required(1, 'string') })),
});

const ResponseType = enumeration({
  UNKNOWN: 0,
  GET_HEALTH: 1,
  GET_FLAGS: 2,
  GET_VERSION: 3,
  GET_METRICS: 4,
  GET_LOGGING_LEVEL: 5,
  LIST_FILES: 6,
  READ_FILE: 7,
  GET_STATE: 8,
  GET_AGENTS: 9,
  GET_FRAMEWORKS: 10,
  GET_EXECUTORS: 11,
  GET_OPERATIONS: 19,
  GET_TASKS: 12,
  GET_ROLES: 13,
  GET_WEIGHTS: 14,
  GET_MASTER: 15,
  GET_MAINTENANCE_STATUS: 16,
  GET_MAINTENANCE_SCHEDULE: 17,
  GET_QUOTA: 18,
});

const Agent = message({
  agent_info: required(1, AgentInfo),
  active: required(2, 'bool'),
  deactivated: optional(12, 'bool'),
  version: required(3, 'string'),
  pid: optional(4, 'string'),
  registered_time: optional(5, TimeInfo),
  reregistered_time: optional(6, TimeInfo),
  total_resources: repeated(7, Resource),
  allocated_resources: repeated(8, Resource),
  offered_resources: repeated(9, Resource),
  capabilities: repeated(10, AgentCapability),
  resource_providers: repeated(
    11,
    message({
      resource_provider_info: required(1, ResourceProviderInfo),
      total_resources: repeated(2, Resource),
    }),
  ),
  drain_info: optional(13, DrainInfo),
  estimated_drain_start_time: optional(14, TimeInfo),
});

const Framework = message({
  framework_info: required(1, FrameworkInfo),
  active: required(2, 'bool'),
  connected: required(3, 'bool'),
  recovered: required(11, 'bool'),
  registered_time: optional(4, TimeInfo),
  reregistered_time: optional(5, TimeInfo),
  unregistered_time: optional(6, TimeInfo),
  offers: repeated(7, Offer),
  inverse_offers: repeated(8, InverseOffer),
  allocated_resources: repeated(9, Resource),
  offered_resources: repeated(10, Resource),
  offer_constraints: optional(12, OfferConstraints),
});

const GetAgents = message({
  agents: repeated(1, Agent),
  recovered_agents: repeated(2, AgentInfo),
});
const GetFrameworks = message({
  frameworks: repeated(1, Framework),
  completed_frameworks: repeated(2, Framework),
  recovered_frameworks: repeated(3, FrameworkInfo),
});
const Executor = message({
  executor_info: required(1, ExecutorInfo),
  agent_id: required(2, AgentID),
});
const GetExecutors = message({
  executors: repeated(1, Executor),
  orphan_executors: repeated(2, Executor),
});
const GetTasks = message({
  pending_tasks: repeated(1, Task),
  tasks: repeated(2, Task),
  unreachable_tasks: repeated(5, Task),
  completed_tasks: repeated(3, Task),
  orphan_tasks: repeated(4, Task),
});
const GetState = message({
  get_tasks: optional(1, GetTasks),
  get_executors: optional(2, GetExecutors),
  get_frameworks: optional(3, GetFrameworks),
  get_agents: optional(4, GetAgents),
});

export const Response = message({
  type: optional(1, ResponseType),
  ...commonResponses,
  get_state: optional(9, GetState),
  get_agents: optional(10, GetAgents),
  get_frameworks: optional(11, GetFrameworks),
  get_executors: optional(12, GetExecutors),
  get_operations: optional(20, message({ operations: repeated(1, Operation) })),
  get_tasks: optional(13, GetTasks),
  get_roles: optional(14, message({ roles: repeated(1, Role) })),
  get_weights: optional(15, message({ weight_infos: repeated(1, WeightInfo) })),
  get_master: optional(
    16,
    message({
      master_info: optional(1, MasterInfo),
      start_time: optional(2, 'double'),
      elected_time: optional(3, 'double'),
    }),
  ),
  get_maintenance_status: optional(17, message({ status: required(1, ClusterStatus) })),
  get_maintenance_schedule: optional(18, message({ schedule: required(1, Schedule) })),
  get_quota: optional(19, message({ status: required(1, QuotaStatus) })),
});

const OfFramework = message({ framework: required(1, Framework) });

export const Event = message({
  type: optional(
    1,
    enumeration({
      UNKNOWN: 0,
      SUBSCRIBED: 1,
      TASK_ADDED: 2,
      TASK_UPDATED: 3,
      AGENT_ADDED: 4,
      AGENT_REMOVED: 5,
      FRAMEWORK_ADDED: 6,
      FRAMEWORK_UPDATED: 7,
      FRAMEWORK_REMOVED: 8,
      HEARTBEAT: 9,
    }),
  ),
  subscribed: optional(
    2,
    message({
      get_state: optional(1, GetState),
      heartbeat_interval_seconds: optional(2, 'double'),
    }),
  ),
  task_added: optional(3, message({ task: required(1, Task) })),
  task_updated: optional(
    4,
    message({
      framework_id: required(1, FrameworkID),
      status: required(2, TaskStatus),
      state: required(3, TaskState),
    }),
  ),
  agent_added: optional(5, message({ agent: required(1, Agent) })),
  agent_removed: optional(6, OfAgent),
  framework_added: optional(7, OfFramework),
  framework_updated: optional(8, OfFramework),
  framework_removed: optional(9, message({ framework_info: required(1, FrameworkInfo) })),
});
