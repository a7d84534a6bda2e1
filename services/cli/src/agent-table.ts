// Owns the table of agents that `status` and `agent list` print: a column for what only some clusters have is there
// where one agent has it.
import { formatBandwidth, formatScalar } from '@parley/resources/format';
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
  {
    title: 'revocable',
    cell: ({ revocable }) => describeRevocable(revocable),
    isThere: ({ revocable }) => namesOf(revocable).length > 0,
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

/** `cpus 0.5/2, mem 128 MiB/1 GiB`: as the others, of what it lends. */
function describeRevocable(revocable: AgentSummary['revocable']): string {
  const parts = namesOf(revocable).map((name) => {
    const [allocated, total] = [revocable.allocated[name] ?? 0, revocable.total[name] ?? 0];
    return `${name} ${formatScalar(name, allocated)}/${formatScalar(name, total)}`;
  });
  return parts.length === 0 ? '-' : parts.join(', ');
}

const namesOf = ({ total, allocated }: AgentSummary['revocable']): string[] =>
  [...new Set([...Object.keys(total), ...Object.keys(allocated)])].sort();

function allocatedOf(name: string, format: (amount: number) => string): Column['cell'] {
  return ({ allocated, total }) => `${format(allocated[name] ?? 0)}/${format(total[name] ?? 0)}`;
}
