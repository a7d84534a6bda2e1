// Owns how what tasks use is shown to a person: a line for each agent, a table of tasks, and what is missing. Ids hold
// nothing that a terminal would obey: they were parsed when they came from the bus.
import { formatCpus } from './cluster-summary.ts';
import { formatTable } from './print.ts';
import type { UsageRow, UsageView } from './usage-board.ts';

const KIB = 1024;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `rows`: how many tasks there is room for. */
export function usagePage({ agents, rows: all, missing }: UsageView, rows: number): string {
  const totals = agents.map((agent) => ({
    agent: agent.agentId,
    units: agent.units,
    cpus: formatCpus(agent.cpuMillis),
    memory: bytes(agent.memoryBytes),
    read: known(agent.ioReadBytes, bytes),
    written: known(agent.ioWriteBytes, bytes),
    received: known(agent.receivedBytes, bytes),
    sent: known(agent.sentBytes, bytes),
  }));
  const shown = all.slice(0, rows);
  const left = all.length - shown.length;
  return [
    formatTable(
      ['agent', 'units', 'cpus', 'memory', 'read', 'written', 'received', 'sent'],
      totals,
    ),
    formatTable(
      [
        'task',
        'agent',
        'cpus',
        'cpu time',
        'throttled',
        'memory',
        'peak',
        'read',
        'written',
        'received',
        'sent',
        'pids',
      ],
      shown.map(cellsOf),
    ),
    ...(left > 0 ? [`${left} more\n`] : []),
    ...missing.map((agentId) => `${silenceOf(agentId)}\n`),
  ].join('\n');
}

export const silenceOf = (agentId: string): string =>
  `${agentId} tells nothing: it is away, is of an older release, or runs tasks without scopes`;

function cellsOf(row: UsageRow): Record<string, string | number> {
  return {
    task: row.kind === 'executor' ? `${row.name} (executor)` : row.name,
    agent: row.agentId,
    cpus: formatCpus(row.cpuMillis),
    'cpu time': seconds(row.cpuTotalUs),
    throttled: known(row.throttledUs, seconds),
    memory: bytes(row.memoryBytes),
    peak: known(row.memoryPeakBytes, bytes),
    read: known(row.ioReadBytes, bytes),
    written: known(row.ioWriteBytes, bytes),
    received: known(row.network?.inBytes, bytes),
    sent: known(row.network?.outBytes, bytes),
    pids: row.pids ?? '-',
  };
}

const known = (amount: number | undefined, format: (amount: number) => string): string =>
  amount === undefined ? '-' : format(amount);

const seconds = (microseconds: number): string => `${(microseconds / 1_000_000).toFixed(1)} s`;

function bytes(amount: number): string {
  let value = amount;
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
