import type { AgentRow, View } from '@parley/cluster-view/view';
import { emptyView } from '@parley/cluster-view/view';
import { expect, test } from 'vitest';
import { differencesOf } from './difference.ts';

const agent = (agentId: string, more: Partial<AgentRow> = {}): AgentRow => ({
  ...{ agentId, hostname: 'h', state: 'registered', condition: 'active' },
  ...{ total: { cpus: 1000, mem: 2000 }, allocated: {}, offered: {}, tasks: 0 },
  ...more,
});
function view(...agents: readonly AgentRow[]): View {
  const made = emptyView();
  for (const row of agents) made.agents.set(row.agentId, row);
  return made;
}

test('a view does not differ from itself, in whatever order its amounts are told', () => {
  const turned = agent('a', { total: { mem: 2000, cpus: 1000 } });
  expect(differencesOf(view(agent('a')), view(turned))).toStrictEqual([]);
});

test('what came, what went and which fields changed is told', () => {
  const after = view(agent('b', { tasks: 2, condition: 'draining' }), agent('c'));
  expect(differencesOf(view(agent('a'), agent('b')), after)).toStrictEqual([
    { list: 'agents', key: 'a', kind: 'went', fields: [] },
    {
      ...{ list: 'agents', key: 'b', kind: 'changed' },
      fields: [
        { name: 'condition', before: 'active', after: 'draining' },
        { name: 'tasks', before: '0', after: '2' },
      ],
    },
    { list: 'agents', key: 'c', kind: 'came', fields: [] },
  ]);
});
