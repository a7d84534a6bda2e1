// Owns the table of agents that `status` and `agent list` print: a column for what only some clusters have is there
// where one agent has it.
import { formatBandwidth } from '@parley/resources/format';
import {
  type AgentSummary,
  describeAgentState,
  formatCpus,
  formatMemory,
} from './cluster-summary.ts';
import { formatTable } from './print.ts';

type Column = {
  readonly title: string;
  readonly cell: (agent: AgentSummary) => string | number;
  /** Absent: always. */
  readonly isThere?: (agent: AgentSummary) => boolean;
};

const COLUMNS: readonly Column[] = [
  { title: 'agent', cell: ({ agentId }) => agentId },
  { title: 'host', cell: ({ hostname }) => hostname },
  {
    title: 'zone',
    cell: ({ region, zone }) => (region === undefined ? '-' : `${region}/${zone}`),
    isThere: ({ region }) => region !== undefined,
  },
  { title: 'state', cell: describeAgentState },
  { title: 'tasks', cell: ({ tasks }) => tasks },
  { title: 'cpus', cell: allocatedOf('cpus', formatCpus) },
  { title: 'memory', cell: allocatedOf('mem', formatMemory) },
  {
    title: 'network',
    cell: allocatedOf('network_bandwidth', formatBandwidth),
    isThere: ({ total }) => (total['network_bandwidth'] ?? 0) > 0,
  },
];

/** Of each resource "allocated/total". */
export function agentTable(agents: readonly AgentSummary[]): string {
  const columns = COLUMNS.filter(({ isThere }) => isThere === undefined || agents.some(isThere));
  const rows = agents.map((agent) =>
    Object.fromEntries(columns.map(({ title, cell }) => [title, cell(agent)])),
  );
  return formatTable(
    columns.map(({ title }) => title),
    rows,
  );
}

function allocatedOf(name: string, format: (amount: number) => string): Column['cell'] {
  return ({ allocated, total }) => `${format(allocated[name] ?? 0)}/${format(total[name] ?? 0)}`;
}
