// Owns the decision of how much of this host each agent of a local cluster owns. Pure: the facts about the host
// come in. Reading them is in effects.ts.

export type HostCapacity = {
  readonly cpus: number;
  readonly memoryMib: number;
  /** Free where the cluster keeps its state. */
  readonly freeDiskMib: number;
};

export type AgentShare = {
  readonly id: string;
  readonly cpuMillis: number;
  readonly memoryMib: number;
  readonly diskMib: number;
  /** Inclusive at both ends. */
  readonly ports: readonly [begin: number, end: number];
};

export const AGENT_COUNT = 3;
/** One part for each agent, one for everything else on the host, the control plane included. */
const PARTS = AGENT_COUNT + 1;
const MAX_MEMORY_MIB = 2048;
const MAX_DISK_MIB = 10 * 1024;
const MIN_MEMORY_MIB = 128;
const MIN_DISK_MIB = 64;

/** Below the range from which Linux gives out ports by itself (32768 and up). */
const FIRST_PORT = 20_000;
const PORTS_AN_AGENT = 200;
/** More local clusters than this side by side would reach the ports that Linux gives out. */
export const MAX_LOCAL_CLUSTERS = 16;

/** `place`: 0 for the first local cluster of this clone, 1 for one beside it: their ports never overlap. */
export function shareHost(host: HostCapacity, place: number): AgentShare[] {
  const share = {
    cpuMillis: Math.floor((host.cpus * 1000) / PARTS),
    memoryMib: Math.min(Math.floor(host.memoryMib / PARTS), MAX_MEMORY_MIB),
    diskMib: Math.min(Math.floor(host.freeDiskMib / PARTS), MAX_DISK_MIB),
  };
  return Array.from({ length: AGENT_COUNT }, (_, index) => {
    const begin = FIRST_PORT + (place * AGENT_COUNT + index) * PORTS_AN_AGENT;
    return { id: `agent-${index + 1}`, ...share, ports: [begin, begin + PORTS_AN_AGENT - 1] };
  });
}

/** Why a share is too small to run anything, or undefined. */
export function shareFault(share: AgentShare): string | undefined {
  if (share.diskMib < MIN_DISK_MIB) {
    return `each agent would own ${share.diskMib} MiB of disk; ${MIN_DISK_MIB} MiB are the least`;
  }
  if (share.memoryMib < MIN_MEMORY_MIB) {
    return `each agent would own ${share.memoryMib} MiB of memory; ${MIN_MEMORY_MIB} MiB are the least`;
  }
  return undefined;
}

export function describeShare(share: AgentShare): string {
  const [begin, end] = share.ports;
  const cpus = (share.cpuMillis / 1000).toFixed(3).replace(/\.?0+$/, '');
  return `${share.id}: ${cpus} CPUs, ${share.memoryMib} MiB memory, ${share.diskMib} MiB disk, ports ${begin}-${end}`;
}
