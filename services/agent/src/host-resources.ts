// Owns what an agent offers when it is not told: the defaults of Mesos ("Agent configuration", --resources), from
// facts about the host. Pure; config.ts gathers the facts.
import { MILLI, type Resources } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';

export type HostSize = {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Of the file system that holds the work directory. */
  readonly diskBytes: number;
  /** Of its network link; undefined where nobody tells. */
  readonly linkMbit: number | undefined;
  readonly gpus: number;
};

/** Thousandths of a CPU, a MiB or a Mbit/s, as `Resources` has them. */
export type StatedResources = {
  readonly cpus?: number;
  readonly mem?: number;
  readonly disk?: number;
  readonly gpus?: number;
  readonly networkBandwidth?: number;
  readonly ports?: Resources['ports'];
};

/** What the host keeps for its own services, in the units of `StatedResources`. */
export type SystemReserve = {
  readonly cpus?: number;
  readonly mem?: number;
  readonly disk?: number;
};

const MIB = 1024 * 1024;
const GIB_IN_MIB = 1024;

/**
 * Every CPU and graphics processor; ports 31000 to 32000; the whole of the network link, where its speed is known; all
 * memory and disk but what is reserved for the system: 1 GiB of memory and 5 GiB of disk, or half where there is
 * little, unless `reserve` says otherwise.
 */
export function hostResources(
  size: HostSize,
  stated: StatedResources,
  reserve: SystemReserve = {},
): Resources {
  const memoryMib = Math.floor(size.memoryBytes / MIB);
  const diskMib = Math.floor(size.diskBytes / MIB);
  const memory = leftOf(memoryMib * MILLI, reserve.mem, GIB_IN_MIB * MILLI);
  const disk = leftOf(diskMib * MILLI, reserve.disk, 5 * GIB_IN_MIB * MILLI);
  return normalise({
    scalars: {
      cpus: stated.cpus ?? leftOf(size.cpus * MILLI, reserve.cpus, 0),
      mem: stated.mem ?? memory,
      disk: stated.disk ?? disk,
      gpus: stated.gpus ?? size.gpus * MILLI,
      network_bandwidth: stated.networkBandwidth ?? (size.linkMbit ?? 0) * MILLI,
    },
    ports: stated.ports ?? [[31_000, 32_000]],
  });
}

function leftOf(total: number, reserved: number | undefined, usual: number): number {
  if (reserved !== undefined) return Math.max(0, total - reserved);
  return total >= 2 * usual ? total - usual : Math.floor(total / 2 / MILLI) * MILLI;
}
