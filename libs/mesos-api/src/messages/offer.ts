// Owns offers, inverse offers, the operations on offers and what becomes of these.
import { enumeration, message, optional, repeated, required } from '../message-type.ts';
import { AllocationInfo, DiskSourceType, Resource } from './resource.ts';
import { ExecutorInfo, TaskGroupInfo, TaskInfo } from './task.ts';
import {
  AgentID,
  Attribute,
  DomainInfo,
  ExecutorID,
  FrameworkID,
  OfferID,
  OperationID,
  ResourceProviderID,
  Scalar,
  Unavailability,
  URL,
  UUID,
} from './value.ts';

const OperationType = enumeration({
  UNKNOWN: 0,
  LAUNCH: 1,
  LAUNCH_GROUP: 6,
  RESERVE: 2,
  UNRESERVE: 3,
  CREATE: 4,
  DESTROY: 5,
  GROW_VOLUME: 11,
  SHRINK_VOLUME: 12,
  CREATE_DISK: 13,
  DESTROY_DISK: 14,
});

/** One operation of an ACCEPT. */
export const OfferOperation = message({
  type: optional(1, OperationType),
  id: optional(12, OperationID),
  launch: optional(2, message({ task_infos: repeated(1, TaskInfo) })),
  launch_group: optional(
    7,
    message({ executor: required(1, ExecutorInfo), task_group: required(2, TaskGroupInfo) }),
  ),
  reserve: optional(
    3,
    message({ source: repeated(2, Resource), resources: repeated(1, Resource) }),
  ),
  unreserve: optional(4, message({ resources: repeated(1, Resource) })),
  create: optional(5, message({ volumes: repeated(1, Resource) })),
  destroy: optional(6, message({ volumes: repeated(1, Resource) })),
  grow_volume: optional(
    13,
    message({ volume: required(1, Resource), addition: required(2, Resource) }),
  ),
  shrink_volume: optional(
    14,
    message({ volume: required(1, Resource), subtract: required(2, Scalar) }),
  ),
  create_disk: optional(
    15,
    message({
      source: required(1, Resource),
      target_type: required(2, DiskSourceType),
      target_profile: optional(3, 'string'),
    }),
  ),
  destroy_disk: optional(16, message({ source: required(1, Resource) })),
});

export const Offer = message({
  id: required(1, OfferID),
  framework_id: required(2, FrameworkID),
  agent_id: required(3, AgentID),
  hostname: required(4, 'string'),
  url: optional(8, URL),
  domain: optional(11, DomainInfo),
  resources: repeated(5, Resource),
  attributes: repeated(7, Attribute),
  executor_ids: repeated(6, ExecutorID),
  unavailability: optional(9, Unavailability),
  allocation_info: optional(10, AllocationInfo),
});

export const InverseOffer = message({
  id: required(1, OfferID),
  url: optional(2, URL),
  framework_id: required(3, FrameworkID),
  agent_id: optional(4, AgentID),
  unavailability: required(5, Unavailability),
  resources: repeated(6, Resource),
});

const OperationState = enumeration({
  OPERATION_UNSUPPORTED: 0,
  OPERATION_PENDING: 1,
  OPERATION_FINISHED: 2,
  OPERATION_FAILED: 3,
  OPERATION_ERROR: 4,
  OPERATION_DROPPED: 5,
  OPERATION_UNREACHABLE: 6,
  OPERATION_GONE_BY_OPERATOR: 7,
  OPERATION_RECOVERING: 8,
  OPERATION_UNKNOWN: 9,
});

export const OperationStatus = message({
  operation_id: optional(1, OperationID),
  state: required(2, OperationState),
  message: optional(3, 'string'),
  converted_resources: repeated(4, Resource),
  uuid: optional(5, UUID),
  agent_id: optional(6, AgentID),
  resource_provider_id: optional(7, ResourceProviderID),
});

/** An operation as the operators' API tells it. */
export const Operation = message({
  framework_id: optional(1, FrameworkID),
  agent_id: optional(2, AgentID),
  info: required(3, OfferOperation),
  latest_status: required(4, OperationStatus),
  statuses: repeated(5, OperationStatus),
  uuid: required(6, UUID),
});
