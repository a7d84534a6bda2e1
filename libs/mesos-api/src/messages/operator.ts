// Owns what the operators' calls on master and agent have in common, maintenance and quota.
import { enumeration, map, message, optional, repeated, required } from '../message-type.ts';
import { Resource } from './resource.ts';
import { DurationInfo, FrameworkID, MachineID, Scalar, TimeInfo, Unavailability } from './value.ts';

export const commonCalls = {
  get_metrics: optional(2, message({ timeout: optional(1, DurationInfo) })),
  set_logging_level: optional(
    3,
    message({ level: required(1, 'uint32'), duration: required(2, DurationInfo) }),
  ),
  list_files: optional(4, message({ path: required(1, 'string') })),
  read_file: optional(
    5,
    message({
      path: required(1, 'string'),
      offset: required(2, 'uint64'),
      length: optional(3, 'uint64'),
    }),
  ),
};

const FileInfo = message({
  path: required(1, 'string'),
  nlink: optional(2, 'int32'),
  size: optional(3, 'uint64'),
  mtime: optional(4, TimeInfo),
  mode: optional(5, 'uint32'),
  uid: optional(6, 'string'),
  gid: optional(7, 'string'),
});
const VersionInfo = message({
  version: required(1, 'string'),
  build_date: optional(2, 'string'),
  build_time: optional(3, 'double'),
  build_user: optional(4, 'string'),
  git_sha: optional(5, 'string'),
  git_branch: optional(6, 'string'),
  git_tag: optional(7, 'string'),
});
const Flag = message({ name: required(1, 'string'), value: optional(2, 'string') });
const Metric = message({ name: required(1, 'string'), value: optional(2, 'double') });

export const commonResponses = {
  get_health: optional(2, message({ healthy: required(1, 'bool') })),
  get_flags: optional(3, message({ flags: repeated(1, Flag) })),
  get_version: optional(4, message({ version_info: required(1, VersionInfo) })),
  get_metrics: optional(5, message({ metrics: repeated(1, Metric) })),
  get_logging_level: optional(6, message({ level: required(1, 'uint32') })),
  list_files: optional(7, message({ file_infos: repeated(1, FileInfo) })),
  read_file: optional(8, message({ size: required(1, 'uint64'), data: required(2, 'bytes') })),
};

export const Role = message({
  name: required(1, 'string'),
  weight: required(2, 'double'),
  frameworks: repeated(3, FrameworkID),
  resources: repeated(4, Resource),
});

export const Schedule = message({
  windows: repeated(
    1,
    message({
      machine_ids: repeated(1, MachineID),
      unavailability: required(2, Unavailability),
    }),
  ),
});
const InverseOfferStatus = message({
  status: required(1, enumeration({ UNKNOWN: 1, ACCEPT: 2, DECLINE: 3 })),
  framework_id: required(2, FrameworkID),
  timestamp: required(3, TimeInfo),
});
export const ClusterStatus = message({
  draining_machines: repeated(
    1,
    message({ id: required(1, MachineID), statuses: repeated(2, InverseOfferStatus) }),
  ),
  down_machines: repeated(2, MachineID),
});

export const QuotaRequest = message({
  force: optional(1, 'bool'),
  role: optional(2, 'string'),
  guarantee: repeated(3, Resource),
});
export const QuotaConfig = message({
  role: required(1, 'string'),
  guarantees: map(2, Scalar),
  limits: map(3, Scalar),
});
export const QuotaStatus = message({
  infos: repeated(
    1,
    message({
      role: optional(1, 'string'),
      principal: optional(2, 'string'),
      guarantee: repeated(3, Resource),
    }),
  ),
  configs: repeated(2, QuotaConfig),
});
