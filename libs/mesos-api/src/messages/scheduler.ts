// Owns what a scheduler and the cluster say to each other on /api/v1/scheduler.
import { enumeration, map, message, optional, repeated, required } from '../message-type.ts';
import { InverseOffer, Offer, OfferOperation, OperationStatus } from './offer.ts';
import { FrameworkInfo, MasterInfo } from './party.ts';
import { Resource } from './resource.ts';
import { KillPolicy, TaskStatus } from './task.ts';
import {
  AgentID,
  ExecutorID,
  Filters,
  FrameworkID,
  OfferID,
  OperationID,
  ResourceProviderID,
  TaskID,
} from './value.ts';

const AttributeConstraint = message({
  // One of the two.
  selector: required(
    1,
    message({
      pseudoattribute_type: optional(
        1,
        enumeration({ UNKNOWN: 0, HOSTNAME: 1, REGION: 2, ZONE: 3 }),
      ),
      attribute_name: optional(2, 'string'),
    }),
  ),
  // One of the six.
  predicate: required(
    2,
    message({
      exists: optional(1, message({})),
      not_exists: optional(2, message({})),
      text_equals: optional(3, message({ value: required(1, 'string') })),
      text_not_equals: optional(4, message({ value: required(1, 'string') })),
      text_matches: optional(5, message({ regex: required(1, 'string') })),
      text_not_matches: optional(6, message({ regex: required(1, 'string') })),
    }),
  ),
});
const RoleConstraints = message({
  groups: repeated(1, message({ attribute_constraints: repeated(1, AttributeConstraint) })),
});
export const OfferConstraints = message({ role_constraints: map(1, RoleConstraints) });

const Subscribe = message({
  framework_info: required(1, FrameworkInfo),
  suppressed_roles: repeated(2, 'string'),
  offer_constraints: optional(3, OfferConstraints),
});
const AnswerToInverseOffers = message({
  inverse_offer_ids: repeated(1, OfferID),
  filters: optional(2, Filters),
});
const Roles = message({ roles: repeated(1, 'string') });
const Message = message({
  agent_id: required(1, AgentID),
  executor_id: required(2, ExecutorID),
  data: required(3, 'bytes'),
});

const CallType = enumeration({
  UNKNOWN: 0,
  SUBSCRIBE: 1,
  TEARDOWN: 2,
  ACCEPT: 3,
  DECLINE: 4,
  ACCEPT_INVERSE_OFFERS: 13,
  DECLINE_INVERSE_OFFERS: 14,
  REVIVE: 5,
  KILL: 6,
  SHUTDOWN: 7,
  ACKNOWLEDGE: 8,
  ACKNOWLEDGE_OPERATION_STATUS: 15,
  RECONCILE: 9,
  RECONCILE_OPERATIONS: 16,
  MESSAGE: 10,
  REQUEST: 11,
  SUPPRESS: 12,
  UPDATE_FRAMEWORK: 17,
});

export const Call = message({
  framework_id: optional(1, FrameworkID),
  type: optional(2, CallType),
  subscribe: optional(3, Subscribe),
  accept: optional(
    4,
    message({
      offer_ids: repeated(1, OfferID),
      operations: repeated(2, OfferOperation),
      filters: optional(3, Filters),
    }),
  ),
  decline: optional(5, message({ offer_ids: repeated(1, OfferID), filters: optional(2, Filters) })),
  accept_inverse_offers: optional(13, AnswerToInverseOffers),
  decline_inverse_offers: optional(14, AnswerToInverseOffers),
  revive: optional(15, Roles),
  kill: optional(
    6,
    message({
      task_id: required(1, TaskID),
      agent_id: optional(2, AgentID),
      kill_policy: optional(3, KillPolicy),
    }),
  ),
  shutdown: optional(
    7,
    message({ executor_id: required(1, ExecutorID), agent_id: required(2, AgentID) }),
  ),
  acknowledge: optional(
    8,
    message({
      agent_id: required(1, AgentID),
      task_id: required(2, TaskID),
      uuid: required(3, 'bytes'),
    }),
  ),
  acknowledge_operation_status: optional(
    17,
    message({
      agent_id: optional(1, AgentID),
      resource_provider_id: optional(2, ResourceProviderID),
      uuid: required(3, 'bytes'),
      operation_id: required(4, OperationID),
    }),
  ),
  reconcile: optional(
    9,
    message({
      tasks: repeated(1, message({ task_id: required(1, TaskID), agent_id: optional(2, AgentID) })),
    }),
  ),
  reconcile_operations: optional(
    18,
    message({
      operations: repeated(
        1,
        message({
          operation_id: required(1, OperationID),
          agent_id: optional(2, AgentID),
          resource_provider_id: optional(3, ResourceProviderID),
        }),
      ),
    }),
  ),
  message: optional(10, Message),
  request: optional(
    11,
    message({
      requests: repeated(
        1,
        message({ agent_id: optional(1, AgentID), resources: repeated(2, Resource) }),
      ),
    }),
  ),
  suppress: optional(16, Roles),
  update_framework: optional(19, Subscribe),
});

const EventType = enumeration({
  UNKNOWN: 0,
  SUBSCRIBED: 1,
  OFFERS: 2,
  INVERSE_OFFERS: 9,
  RESCIND: 3,
  RESCIND_INVERSE_OFFER: 10,
  UPDATE: 4,
  UPDATE_OPERATION_STATUS: 11,
  MESSAGE: 5,
  FAILURE: 6,
  ERROR: 7,
  HEARTBEAT: 8,
});

export const Event = message({
  type: optional(1, EventType),
  subscribed: optional(
    2,
    message({
      framework_id: required(1, FrameworkID),
      heartbeat_interval_seconds: optional(2, 'double'),
      master_info: optional(3, MasterInfo),
    }),
  ),
  offers: optional(3, message({ offers: repeated(1, Offer) })),
  inverse_offers: optional(9, message({ inverse_offers: repeated(1, InverseOffer) })),
  rescind: optional(4, message({ offer_id: required(1, OfferID) })),
  rescind_inverse_offer: optional(10, message({ inverse_offer_id: required(1, OfferID) })),
  update: optional(5, message({ status: required(1, TaskStatus) })),
  update_operation_status: optional(11, message({ status: required(1, OperationStatus) })),
  message: optional(6, Message),
  failure: optional(
    7,
    message({
      agent_id: optional(1, AgentID),
      executor_id: optional(2, ExecutorID),
      status: optional(3, 'int32'),
    }),
  ),
  error: optional(8, message({ message: required(1, 'string') })),
});

/** The answer to RECONCILE_OPERATIONS of older clients. */
export const Response = message({
  type: optional(1, enumeration({ UNKNOWN: 0, RECONCILE_OPERATIONS: 1 })),
  reconcile_operations: optional(2, message({ operation_statuses: repeated(1, OperationStatus) })),
});
