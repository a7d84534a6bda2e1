// Tests the worked example of infra/docs/sharing.md: the page says what is set and who runs how much then; both are read from it.
import { readFileSync } from 'node:fs';
import { frameworkKey, RoleName } from '@parley/protocol/ids';
import { Weight } from '@parley/protocol/sharing';
import { parseScalars } from '@parley/resources/parse';
import { normalise } from '@parley/resources/resources';
import { expect, test } from 'vitest';
import { ScriptedCluster } from './scripted-cluster.ts';
import { aFramework } from './scripted-master.ts';

const PAGE = new URL('../../../infra/docs/sharing.md', import.meta.url);
const page = readFileSync(PAGE, 'utf8');
const section = page.slice(page.indexOf('## A worked example'));

/** The lines of the section's first block, and the rows of its first table without its head. */
const block = (section.match(/^ {4}.+(?:\n {4}.+)*/m)?.[0] ?? '')
  .split('\n')
  .map((line) => line.trim());
const rows = (section.match(/^\|.+\|(?:\n\|.+\|)*/m)?.[0] ?? '')
  .split('\n')
  .slice(2)
  .map((row) => row.split('|').map((cell) => cell.trim()));

function amounts(text: string): Record<string, number> {
  const parsed = parseScalars(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.failure.message}`);
  return parsed.value;
}

const cluster = new ScriptedCluster();

for (const line of block) {
  const [kind, name = '', ...rest] = line.split(/\s+/);
  const value = (word: string): string => rest[rest.indexOf(word) + 1] ?? '';
  if (kind === 'agent')
    cluster.master.addAgent(name, normalise({ scalars: amounts(rest[0] ?? '') }));
  else if (kind === 'role') {
    cluster.master.setRole(name, {
      ...(rest.includes('weight') && { weight: Weight.parse(1000 * Number(value('weight'))) }),
      ...(rest.includes('guarantee') && { guarantee: amounts(value('guarantee')) }),
      ...(rest.includes('limit') && { limit: amounts(value('limit')) }),
    });
  } else if (kind === 'framework') {
    const role = value('in');
    const resources = normalise({ scalars: amounts(value('of')) });
    cluster.master.subscribe(name, role);
    cluster.master.need(name, role, [{ shape: 'task', resources, count: Number(value('needs')) }]);
  } else throw new Error(`the page begins a line with ${kind}`);
}

/** Everybody launches what it is promised at once, until nothing more is offered. */
const launched = new Map<string, number>();
for (let run = 0; run < 100; run += 1) {
  for (const { number, framework, promised } of cluster.settle()) {
    const count = promised.reduce((sum, one) => sum + one.count, 0);
    const key = frameworkKey(framework);
    launched.set(key, (launched.get(key) ?? 0) + count);
    cluster.master.launch(number);
  }
}

test.each(rows)('%s%s runs as many tasks as the page says', (_, name = '', __ = '', tasks = '') => {
  expect(launched.get(frameworkKey(aFramework(name)))).toBe(Number(tasks));
});

test('the table names every framework of the example', () => {
  expect(rows).toHaveLength(launched.size);
  expect(RoleName.safeParse(rows[0]?.[2]).success).toBe(true);
});
