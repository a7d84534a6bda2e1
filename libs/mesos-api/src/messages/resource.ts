// Owns resources, and the volumes and images that resources and containers name.
import { enumeration, map, message, optional, repeated, required } from '../message-type.ts';
import {
  Credential,
  Labels,
  Parameters,
  Ranges,
  ResourceProviderID,
  Scalar,
  Secret,
  StringSet,
  ValueType,
} from './value.ts';

export const Image = message({
  type: required(1, enumeration({ APPC: 1, DOCKER: 2 })),
  appc: optional(
    2,
    message({
      name: required(1, 'string'),
      id: optional(2, 'string'),
      labels: optional(3, Labels),
    }),
  ),
  docker: optional(
    3,
    message({
      name: required(1, 'string'),
      credential: optional(2, Credential, { isDeprecated: true }),
      config: optional(3, Secret),
    }),
  ),
  cached: optional(4, 'bool', { default: true }),
});

const VolumeCapability = message({
  block: optional(1, message({})),
  mount: optional(
    2,
    message({ fs_type: optional(1, 'string'), mount_flags: repeated(2, 'string') }),
  ),
  access_mode: required(
    3,
    message({
      mode: required(
        1,
        enumeration({
          UNKNOWN: 0,
          SINGLE_NODE_WRITER: 1,
          SINGLE_NODE_READER_ONLY: 2,
          MULTI_NODE_READER_ONLY: 3,
          MULTI_NODE_SINGLE_WRITER: 4,
          MULTI_NODE_MULTI_WRITER: 5,
        }),
      ),
    }),
  ),
});

const CsiVolume = message({
  plugin_name: required(1, 'string'),
  static_provisioning: optional(
    2,
    message({
      volume_id: required(1, 'string'),
      volume_capability: required(2, VolumeCapability),
      node_stage_secrets: map(3, Secret),
      node_publish_secrets: map(4, Secret),
      volume_context: map(5, 'string'),
    }),
  ),
});

const VolumeSource = message({
  type: optional(
    1,
    enumeration({
      UNKNOWN: 0,
      DOCKER_VOLUME: 1,
      HOST_PATH: 4,
      SANDBOX_PATH: 2,
      SECRET: 3,
      CSI_VOLUME: 5,
    }),
  ),
  docker_volume: optional(
    2,
    message({
      driver: optional(1, 'string'),
      name: required(2, 'string'),
      driver_options: optional(3, Parameters),
    }),
  ),
  host_path: optional(
    5,
    message({
      path: required(1, 'string'),
      mount_propagation: optional(
        2,
        message({
          mode: optional(1, enumeration({ UNKNOWN: 0, HOST_TO_CONTAINER: 1, BIDIRECTIONAL: 2 })),
        }),
      ),
    }),
  ),
  sandbox_path: optional(
    3,
    message({
      type: optional(1, enumeration({ UNKNOWN: 0, SELF: 1, PARENT: 2 })),
      path: required(2, 'string'),
    }),
  ),
  secret: optional(4, Secret),
  csi_volume: optional(6, CsiVolume),
});

export const Volume = message({
  mode: required(3, enumeration({ RW: 1, RO: 2 })),
  container_path: required(1, 'string'),
  host_path: optional(2, 'string'),
  image: optional(4, Image),
  source: optional(5, VolumeSource),
});

export const DiskSourceType = enumeration({ UNKNOWN: 0, PATH: 1, MOUNT: 2, BLOCK: 3, RAW: 4 });
export const DiskSource = message({
  type: required(1, DiskSourceType),
  path: optional(2, message({ root: optional(1, 'string') })),
  mount: optional(3, message({ root: optional(1, 'string') })),
  vendor: optional(7, 'string'),
  id: optional(4, 'string'),
  metadata: optional(5, Labels),
  profile: optional(6, 'string'),
});
export const DiskPersistence = message({
  id: required(1, 'string'),
  principal: optional(2, 'string'),
});

export const AllocationInfo = message({ role: optional(1, 'string') });
export const ReservationInfo = message({
  type: optional(4, enumeration({ UNKNOWN: 0, STATIC: 1, DYNAMIC: 2 })),
  role: optional(3, 'string'),
  principal: optional(1, 'string'),
  labels: optional(2, Labels),
});

export const Resource = message({
  provider_id: optional(12, ResourceProviderID),
  name: required(1, 'string'),
  type: required(2, ValueType),
  scalar: optional(3, Scalar),
  ranges: optional(4, Ranges),
  set: optional(5, StringSet),
  role: optional(6, 'string', { default: '*', isDeprecated: true }),
  allocation_info: optional(11, AllocationInfo),
  reservation: optional(8, ReservationInfo),
  reservations: repeated(13, ReservationInfo),
  disk: optional(
    7,
    message({
      persistence: optional(1, DiskPersistence),
      volume: optional(2, Volume),
      source: optional(3, DiskSource),
    }),
  ),
  revocable: optional(9, message({})),
  shared: optional(10, message({})),
});
