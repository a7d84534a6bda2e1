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
};

/** Thousandths of a CPU, a MiB or a Mbit/s, as `Resources` has them. */
export type StatedResources = {
  readonly cpus?: number;
  readonly mem?: number;
  readonly disk?: number;
  readonly networkBandwidth?: number;
  readonly ports?: Resources['ports'];
};

const MIB = 1024 * 1024;
const GIB_IN_MIB = 1024;

/**
 * All but 1 GiB of memory and 5 GiB of disk, or half where there is little; every CPU; ports 31000 to
 * 32000; the whole of the network link, where its speed is known.
 */
export function hostResources(size: HostSize, stated: StatedResources): Resources {
  const memoryMib = Math.floor(size.memoryBytes / MIB);
  const diskMib = Math.floor(size.diskBytes / MIB);
  return normalise({
    scalars: {
      cpus: stated.cpus ?? size.cpus * MILLI,
      mem: stated.mem ?? withoutReserve(memoryMib, GIB_IN_MIB) * MILLI,
      disk: stated.disk ?? withoutReserve(diskMib, 5 * GIB_IN_MIB) * MILLI,
      network_bandwidth: stated.networkBandwidth ?? (size.linkMbit ?? 0) * MILLI,
    },
    ports: stated.ports ?? [[31_000, 32_000]],
  });
}

function withoutReserve(totalMib: number, reserveMib: number): number {
  return totalMib >= 2 * reserveMib ? totalMib - reserveMib : Math.floor(totalMib / 2);
}
