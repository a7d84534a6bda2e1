// Owns who takes part in a cluster: frameworks, masters, agents and the providers of resources.
import { enumeration, map, message, optional, repeated, required } from '../message-type.ts';
import { CommandInfo, ContainerInfo } from './container.ts';
import { ReservationInfo, Resource } from './resource.ts';
import {
  Address,
  AgentID,
  Attribute,
  DomainInfo,
  DurationInfo,
  FrameworkID,
  Labels,
  OfferFilters,
  ResourceProviderID,
} from './value.ts';

const FrameworkCapability = enumeration({
  UNKNOWN: 0,
  REVOCABLE_RESOURCES: 1,
  TASK_KILLING_STATE: 2,
  GPU_RESOURCES: 3,
  SHARED_RESOURCES: 4,
  PARTITION_AWARE: 5,
  MULTI_ROLE: 6,
  RESERVATION_REFINEMENT: 7,
  REGION_AWARE: 8,
});

export const FrameworkInfo = message({
  user: required(1, 'string'),
  name: required(2, 'string'),
  id: optional(3, FrameworkID),
  failover_timeout: optional(4, 'double', { default: 0 }),
  checkpoint: optional(5, 'bool', { default: false }),
  role: optional(6, 'string', { default: '*', isDeprecated: true }),
  roles: repeated(12, 'string'),
  hostname: optional(7, 'string'),
  principal: optional(8, 'string'),
  webui_url: optional(9, 'string'),
  capabilities: repeated(10, message({ type: optional(1, FrameworkCapability) })),
  labels: optional(11, Labels),
  offer_filters: map(13, OfferFilters),
});

export const MasterInfo = message({
  id: required(1, 'string'),
  ip: required(2, 'uint32'),
  port: required(3, 'uint32'),
  pid: optional(4, 'string'),
  hostname: optional(5, 'string'),
  version: optional(6, 'string'),
  address: optional(7, Address),
  domain: optional(8, DomainInfo),
  capabilities: repeated(
    9,
    message({
      type: optional(
        1,
        enumeration({ UNKNOWN: 0, AGENT_UPDATE: 1, AGENT_DRAINING: 2, QUOTA_V2: 3 }),
      ),
    }),
  ),
});

export const AgentInfo = message({
  hostname: required(1, 'string'),
  port: optional(8, 'int32', { default: 5051 }),
  resources: repeated(3, Resource),
  attributes: repeated(5, Attribute),
  id: optional(6, AgentID),
  domain: optional(10, DomainInfo),
});
export const AgentCapability = message({
  type: optional(
    1,
    enumeration({
      UNKNOWN: 0,
      MULTI_ROLE: 1,
      HIERARCHICAL_ROLE: 2,
      RESERVATION_REFINEMENT: 3,
      RESOURCE_PROVIDER: 4,
      RESIZE_VOLUME: 5,
      AGENT_OPERATION_FEEDBACK: 6,
      AGENT_DRAINING: 7,
      TASK_RESOURCE_LIMITS: 8,
    }),
  ),
});

export const DrainConfig = message({
  max_grace_period: optional(1, DurationInfo),
  mark_gone: optional(2, 'bool', { default: false }),
});
export const DrainInfo = message({
  state: required(1, enumeration({ UNKNOWN: 0, DRAINING: 1, DRAINED: 2 })),
  config: required(2, DrainConfig),
});

const PluginService = enumeration({ UNKNOWN: 0, CONTROLLER_SERVICE: 1, NODE_SERVICE: 2 });
const PluginInfo = message({
  type: required(1, 'string'),
  name: optional(2, 'string', { default: 'default' }),
  containers: repeated(
    3,
    message({
      services: repeated(1, PluginService),
      command: optional(2, CommandInfo),
      resources: repeated(3, Resource),
      container: optional(4, ContainerInfo),
    }),
  ),
  endpoints: repeated(
    4,
    message({ csi_service: required(1, PluginService), endpoint: required(2, 'string') }),
  ),
  target_path_root: optional(5, 'string'),
  target_path_exists: optional(6, 'bool'),
});
export const ResourceProviderInfo = message({
  id: optional(1, ResourceProviderID),
  attributes: repeated(2, Attribute),
  type: required(3, 'string'),
  name: required(4, 'string'),
  default_reservations: repeated(5, ReservationInfo),
  storage: optional(
    6,
    message({
      plugin: required(1, PluginInfo),
      reconciliation_interval_seconds: optional(2, 'double'),
    }),
  ),
});
