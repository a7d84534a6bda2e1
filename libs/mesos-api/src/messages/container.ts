// Owns what describes a container and a command in it, and what is told of a container that runs.
import { enumeration, message, optional, repeated, required } from '../message-type.ts';
import { LinuxCapability } from './linux-capability.ts';
import { Image, Volume } from './resource.ts';
import { ContainerID, Labels, Parameter, Secret } from './value.ts';

const Environment = message({
  variables: repeated(
    1,
    message({
      name: required(1, 'string'),
      type: optional(3, enumeration({ UNKNOWN: 0, VALUE: 1, SECRET: 2 }), { default: 'VALUE' }),
      value: optional(2, 'string'),
      secret: optional(4, Secret),
    }),
  ),
});

export const CommandInfo = message({
  uris: repeated(
    1,
    message({
      value: required(1, 'string'),
      executable: optional(2, 'bool'),
      extract: optional(3, 'bool', { default: true }),
      cache: optional(4, 'bool'),
      output_file: optional(5, 'string'),
    }),
  ),
  environment: optional(2, Environment),
  shell: optional(6, 'bool', { default: true }),
  value: optional(3, 'string'),
  arguments: repeated(7, 'string'),
  user: optional(5, 'string'),
});

export const NetworkProtocol = enumeration({ IPv4: 1, IPv6: 2 });
const PortMapping = message({
  host_port: required(1, 'uint32'),
  container_port: required(2, 'uint32'),
  protocol: optional(3, 'string'),
});

const NetworkInfo = message({
  ip_addresses: repeated(
    5,
    message({
      protocol: optional(1, NetworkProtocol, { default: 'IPv4' }),
      ip_address: optional(2, 'string'),
    }),
  ),
  name: optional(6, 'string'),
  groups: repeated(3, 'string'),
  labels: optional(4, Labels),
  port_mappings: repeated(7, PortMapping),
});

const CapabilityInfo = message({ capabilities: repeated(1, LinuxCapability) });

const LinuxInfo = message({
  capability_info: optional(1, CapabilityInfo, { isDeprecated: true }),
  bounding_capabilities: optional(2, CapabilityInfo),
  effective_capabilities: optional(3, CapabilityInfo),
  share_pid_namespace: optional(4, 'bool'),
  seccomp: optional(
    5,
    message({ profile_name: optional(1, 'string'), unconfined: optional(2, 'bool') }),
  ),
  ipc_mode: optional(6, enumeration({ UNKNOWN: 0, PRIVATE: 1, SHARE_PARENT: 2 })),
  shm_size: optional(7, 'uint32'),
  share_cgroups: optional(8, 'bool', { default: true }),
});

const RLimitInfo = message({
  rlimits: repeated(
    1,
    message({
      type: optional(
        1,
        enumeration({
          UNKNOWN: 0,
          RLMT_AS: 1,
          RLMT_CORE: 2,
          RLMT_CPU: 3,
          RLMT_DATA: 4,
          RLMT_FSIZE: 5,
          RLMT_LOCKS: 6,
          RLMT_MEMLOCK: 7,
          RLMT_MSGQUEUE: 8,
          RLMT_NICE: 9,
          RLMT_NOFILE: 10,
          RLMT_NPROC: 11,
          RLMT_RSS: 12,
          RLMT_RTPRIO: 13,
          RLMT_RTTIME: 14,
          RLMT_SIGPENDING: 15,
          RLMT_STACK: 16,
        }),
      ),
      hard: optional(2, 'uint64'),
      soft: optional(3, 'uint64'),
    }),
  ),
});

export const TTYInfo = message({
  window_size: optional(
    1,
    message({ rows: required(1, 'uint32'), columns: required(2, 'uint32') }),
  ),
});

const DockerInfo = message({
  image: required(1, 'string'),
  network: optional(2, enumeration({ HOST: 1, BRIDGE: 2, NONE: 3, USER: 4 }), { default: 'HOST' }),
  port_mappings: repeated(3, PortMapping),
  privileged: optional(4, 'bool', { default: false }),
  parameters: repeated(5, Parameter),
  force_pull_image: optional(6, 'bool'),
  volume_driver: optional(7, 'string', { isDeprecated: true }),
});

export const ContainerInfo = message({
  type: required(1, enumeration({ DOCKER: 1, MESOS: 2 })),
  volumes: repeated(2, Volume),
  hostname: optional(4, 'string'),
  docker: optional(3, DockerInfo),
  mesos: optional(5, message({ image: optional(1, Image) })),
  network_infos: repeated(7, NetworkInfo),
  linux_info: optional(8, LinuxInfo),
  rlimit_info: optional(9, RLimitInfo),
  tty_info: optional(10, TTYInfo),
});

export const ContainerStatus = message({
  container_id: optional(4, ContainerID),
  network_infos: repeated(1, NetworkInfo),
  cgroup_info: optional(
    2,
    message({ net_cls: optional(1, message({ classid: optional(1, 'uint32') })) }),
  ),
  executor_pid: optional(3, 'uint32'),
});
