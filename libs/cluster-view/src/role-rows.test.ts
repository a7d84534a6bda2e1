// Tests that the roles of a view are those of the books, as far as events tell them.
import { rolesOf as rolesOfBooks } from '@parley/cluster/role-summary';
import { aFramework, anAgentId, ScriptedCluster, some } from '@parley/cluster/scripted-cluster';
import { expect, test } from 'vitest';
import { rolesOf } from './role-rows.ts';
import { viewOf } from './view-of-state.ts';

const NOW = { sequence: 9, index: 9, coreTimeMs: 9 };

function aCluster(): ScriptedCluster {
  const on = new ScriptedCluster();
  on.startTerm();
  on.register(anAgentId('a1'), some(16));
  on.share([
    { kind: 'role', role: 'eng', weight: 2000, limit: { cpus: 12_000 } },
    { kind: 'role', role: 'ops', guarantee: { cpus: 1000 } },
  ]);
  return on;
}

test('where each framework is in one role they are those of the books', () => {
  const on = aCluster();
  for (const [name, role] of [
    ['web', 'eng'],
    ['db', 'eng/team/x'],
  ] as const) {
    const framework = aFramework(name);
    on.subscribe(framework, { roles: [role] });
    on.launch(framework, `of-${name}`, some(2), anAgentId('a1'), { role });
    on.offer(framework, some(1), anAgentId('a1'), { role });
  }
  const seen = rolesOf(viewOf(on.state, NOW));
  expect(seen.map(({ role }) => role)).toStrictEqual(['eng', 'eng/team', 'eng/team/x', 'ops']);
  const books = rolesOfBooks(on.state).map(
    ({ minAllocatable: _m, placement: _p, dominantShare: { share, resource }, ...one }) => ({
      ...one,
      dominantShare: { share, resource: resource ?? null },
    }),
  );
  expect(seen).toStrictEqual(books);
});

test('what a framework in several roles holds counts in the roles that all of them are in', () => {
  const on = aCluster();
  const framework = aFramework('both');
  on.subscribe(framework, { roles: ['eng/a', 'eng/b'] });
  on.launch(framework, 't', some(2), anAgentId('a1'), { role: 'eng/a' });
  const held = rolesOf(viewOf(on.state, NOW)).map(({ role, allocated }) => [
    role,
    allocated['cpus'],
  ]);
  expect(held).toStrictEqual([
    ['eng', 2000],
    ['eng/a', undefined],
    ['eng/b', undefined],
    ['ops', undefined],
  ]);
});

test('what is set back to what it is by default is nothing that is set', () => {
  const on = aCluster();
  on.share([
    { kind: 'role', role: 'eng', weight: null, limit: null },
    { kind: 'role', role: 'ops', guarantee: null },
  ]);
  expect(rolesOf(viewOf(on.state, NOW))).toStrictEqual([]);
});
