// Owns where a local cluster keeps what: one folder a cluster below `.parley`. Nothing here touches the disk.
import path from 'node:path';
import type { ClusterName } from '@parley/protocol/ids';

export type ClusterPaths = {
  readonly root: string;
  readonly nats: string;
  readonly credentials: string;
  readonly logs: string;
  /** State of the private systemd, where one is used. */
  readonly systemd: string;
  /** Which processes belong to the cluster, for whoever cleans up after a killed keeper. */
  readonly record: string;
  /** Which link signs a browser in; written by the gateway. */
  readonly signIn: string;
  /** What Node has compiled of the services: they start sooner when they are started again. */
  readonly compiled: string;
  agentWork(agentId: string): string;
  log(service: string): string;
};

/** In the folder of a cluster. */
export const SIGN_IN_FILE = 'sign-in.json';

/** Folders of `.parley` that are no clusters. */
const RESERVED: ReadonlySet<string> = new Set(['tools', 'contexts']);

export const isReservedName = (name: ClusterName): boolean => RESERVED.has(name);

export function clusterPaths(directory: string, cluster: ClusterName): ClusterPaths {
  const root = path.join(directory, cluster);
  const logs = path.join(root, 'logs');
  return {
    root,
    nats: path.join(root, 'nats'),
    credentials: path.join(root, 'credentials'),
    logs,
    systemd: path.join(root, 'systemd'),
    record: path.join(root, 'processes.json'),
    signIn: path.join(root, SIGN_IN_FILE),
    compiled: path.join(root, 'compiled'),
    agentWork: (agentId) => path.join(root, 'agents', agentId),
    log: (service) => path.join(logs, `${service}.log`),
  };
}
