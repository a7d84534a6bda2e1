// Tests of what the table of agents shows.
import { expect, it } from 'vitest';
import { agentTable } from './agent-table.ts';
import type { AgentSummary } from './cluster-summary.ts';

const anAgent = (patch: Partial<AgentSummary> = {}): AgentSummary => ({
  agentId: 'a1',
  hostname: 'h1',
  state: 'registered',
  region: undefined,
  zone: undefined,
  isDeactivated: false,
  drainReason: undefined,
  total: { cpus: 4000, mem: 2_048_000 },
  allocated: { cpus: 500 },
  offered: {},
  revocable: { total: {}, allocated: {} },
  tasks: 1,
  ...patch,
});

const linesOf = (...agents: AgentSummary[]): string[] => agentTable(agents).trimEnd().split('\n');

it('an agent is shown with what is allocated of its CPUs and memory', () => {
  expect(linesOf(anAgent())).toEqual([
    'AGENT  HOST  STATE       TASKS  CPUS       MEMORY',
    'a1     h1    registered  1      0.50/4.00  0 MiB/2.00 GiB',
  ]);
});

it('network bandwidth has a column where one agent has some', () => {
  const total = { cpus: 4000, mem: 2_048_000, network_bandwidth: 1_000_000 };
  const allocated = { network_bandwidth: 250_000 };
  const [header, first, second] = linesOf(anAgent({ total, allocated }), anAgent());
  expect(header).toMatch(/MEMORY +NETWORK$/);
  expect(first).toMatch(/250 Mbit\/s\/1 Gbit\/s$/);
  expect(second).toMatch(/0 Mbit\/s\/0 Mbit\/s$/);
});

it('the fault domain has a column where one agent names its own', () => {
  const [header, first, second] = linesOf(anAgent({ region: 'eu', zone: 'eu-1' }), anAgent());
  expect(header).toMatch(/^AGENT +HOST +ZONE +STATE/);
  expect(first).toMatch(/^a1 +h1 +eu\/eu-1 +registered/);
  expect(second).toMatch(/^a1 +h1 +- +registered/);
});

it('an agent that is not to be offered is shown as deactivated, or as draining with what for', () => {
  const stateIn = (patch: Partial<AgentSummary>) => linesOf(anAgent(patch))[1];
  expect(stateIn({ isDeactivated: true })).toContain('registered (deactivated)');
  expect(stateIn({ isDeactivated: true, drainReason: '' })).toContain('registered (draining)');
  expect(stateIn({ drainReason: 'a new disk' })).toContain('registered (draining: a new disk)');
  expect(stateIn({ drainReason: '', isEmptied: true })).toContain('registered (drained)');
  expect(stateIn({ maintenance: 'w1' })).toContain('registered (maintenance w1)');
});

it('what an agent lends has a column where one agent does', () => {
  const total = { cpus: 2000, mem: 1_024_000 };
  const lends = anAgent({ revocable: { total, allocated: { cpus: 500 } } });
  const [header, first, second] = linesOf(lends, anAgent());
  expect(header).toMatch(/REVOCABLE$/);
  expect(first).toMatch(/cpus 0\.5\/2, mem 0 MiB\/1 GiB$/);
  expect(second).toMatch(/-$/);
});
