// Owns how the use of a container reads for Mesos's tools: its ResourceStatistics, out of what the agent tells of its scope
// and what the books say that it holds. What is not known is left out.
import { MILLI } from '@parley/protocol/resources';
import type { Measured, Usage } from '../usage-board.ts';
import type { Part } from './parts.ts';

const MIB = 1024 * 1024;
const US = 1_000_000;

/** `measured`: of each scope that the container is made of. `nowWallMs`: for one of which nothing is told. */
export function statisticsOf(
  parts: readonly Part[],
  measured: readonly Measured[],
  nowWallMs: number,
) {
  const wallTimeMs = measured.length === 0 ? nowWallMs : Math.max(...measured.map(timeOf));
  return { timestamp: wallTimeMs / 1000, ...limitsOf(parts), ...useOf(measured.map(usageOf)) };
}

const timeOf = ({ wallTimeMs }: Measured): number => wallTimeMs;
const usageOf = ({ usage }: Measured): Usage => usage;

function limitsOf(parts: readonly Part[]) {
  const sum = (name: string): number =>
    parts.reduce((total, { resources }) => total + (resources.scalars[name] ?? 0), 0) / MILLI;
  const disk = sum('disk');
  return {
    cpus_limit: sum('cpus'),
    mem_limit_bytes: Math.round(sum('mem') * MIB),
    ...(disk > 0 && { disk_limit_bytes: Math.round(disk * MIB) }),
  };
}

/** Time in the system is not told apart: all of it counts as the user's. */
function useOf(usages: readonly Usage[]) {
  if (usages.length === 0) return {};
  const memory = sumOf(usages, ({ memoryBytes }) => memoryBytes) ?? 0;
  const throttled = sumOf(usages, ({ throttledUs }) => throttledUs);
  const threads = sumOf(usages, ({ pids }) => pids);
  return {
    cpus_user_time_secs: (sumOf(usages, ({ cpuTotalUs }) => cpuTotalUs) ?? 0) / US,
    cpus_system_time_secs: 0,
    ...(throttled !== undefined && { cpus_throttled_time_secs: throttled / US }),
    mem_rss_bytes: memory,
    mem_total_bytes: memory,
    ...(threads !== undefined && { threads }),
    ...trafficOf(usages),
  };
}

function trafficOf(usages: readonly Usage[]) {
  const links = usages.flatMap(({ network }) => network ?? []);
  if (links.length === 0) return {};
  const sum = (name: keyof (typeof links)[number]): number =>
    links.reduce((total, link) => total + link[name], 0);
  return {
    net_rx_bytes: sum('inBytes'),
    net_rx_packets: sum('inPackets'),
    net_tx_bytes: sum('outBytes'),
    net_tx_packets: sum('outPackets'),
  };
}

/** Undefined: none of them tells. */
function sumOf(
  usages: readonly Usage[],
  pick: (usage: Usage) => number | undefined,
): number | undefined {
  const told = usages.map(pick).filter((value) => value !== undefined);
  return told.length === 0 ? undefined : told.reduce((total, value) => total + value, 0);
}
