// Tests infra/docs/explaining.md: what it shows is what `parley explain` prints, and every word is in its tables.
import { readFileSync } from 'node:fs';
import { ScriptedCluster } from '@parley/allocation/scripted-cluster';
import { aFramework, resourcesOf } from '@parley/allocation/scripted-master';
import { AgentReason, ClientState } from '@parley/protocol/explanations';
import { RoleName } from '@parley/protocol/ids';
import { describe, expect, test } from 'vitest';
import { describeFrameworkWait, describeReason, STATES } from './explanation-page.ts';

const PAGE = new URL('../../../infra/docs/explaining.md', import.meta.url);
const page = readFileSync(PAGE, 'utf8');
const rowsUnder = (title: string): string[][] => {
  const section = page.slice(page.indexOf(`## ${title}`));
  const table = section.match(/^\|.+\|(?:\n\|.+\|)*/m)?.[0] ?? '';
  return table
    .split('\n')
    .slice(2)
    .map((row) => row.split('|').map((cell) => cell.trim()));
};

test('the example is what is printed', () => {
  const cluster = new ScriptedCluster();
  const { master } = cluster;
  for (let number = 1; number <= 5; number += 1) {
    master.addAgent(`agent-${number}`, resourcesOf(4, 2048), { attributes: { zone: 'a' } });
  }
  for (const name of ['agent-6', 'agent-7']) {
    master.addAgent(name, resourcesOf(4, 4096), { attributes: { zone: 'b' } });
  }
  master.subscribe('others', 'others');
  for (const { number, agentId, framework, role, resources } of cluster.settle()) {
    master.launch(number);
    const left = agentId === 'agent-5' ? resourcesOf(3, 1228.8) : resourcesOf(3, 1024);
    const isInA = resources.scalars['mem'] === 2_048_000;
    master.giveBack({ framework, agentId, role }, isInA ? left : resourcesOf(3, 3072));
  }
  master.disconnect('others');
  master.subscribe('batch', 'eng');
  const inA = [{ name: 'zone', operator: 'in' as const, values: ['a'] }];
  const resources = resourcesOf(2, 2048);
  master.need('batch', 'eng', [{ shape: 'task', resources, count: 3, constraints: inA }]);
  expect(cluster.settle()).toStrictEqual([]);
  const request = { of: 'framework', framework: aFramework('batch') } as const;
  const explanation = cluster.allocator.explain(request, cluster.nowMs);
  if (explanation === undefined) throw new Error('everything is known');
  const printed = describeFrameworkWait({
    ...explanation,
    leftOutAgents: { draining: 1 },
    overcommittedAgents: 0,
  });
  const section = page.slice(page.indexOf('## An example'));
  const block = section.match(/^ {4}\$ .+\n((?: {4}.+\n|\n(?= {4}))*)/m)?.[1] ?? '';
  expect(printed).toBe(block.replaceAll(/^ {4}/gm, ''));
});

describe('there is a line for', () => {
  const rows = rowsUnder('How a framework stands');
  const reasonRows = rowsUnder('What speaks against agents');

  test.each(ClientState.options)('the state %s', (state) => {
    const said = rows.filter(([, key]) => key === `\`${state}\``).map(([, , says]) => says);
    expect(said).toContain(STATES[state]);
  });

  const mem = { resource: 'mem', best: 1_024_000, needed: 2_048_000 };
  const more: Record<AgentReason['kind'], object> = {
    constraint: { constraint: { name: 'zone', operator: 'in', values: ['a'] } },
    tooSmall: mem,
    lacks: mem,
    ports: {},
    nothingFree: {},
    kept: {},
    refused: { endsInMs: 90_000 },
    limit: { ...mem, of: { role: RoleName.parse('eng') } },
    headroom: mem,
    offerCap: {},
    standsBack: {},
  };

  test.each(Object.entries(more))('the reason %s', (kind, fields) => {
    const said = reasonRows.filter(([, key]) => key === `\`${kind}\``).map(([, , says]) => says);
    const reason = AgentReason.parse({ kind, count: 2, ...fields });
    expect(said).toStrictEqual([describeReason(reason)]);
  });
});
