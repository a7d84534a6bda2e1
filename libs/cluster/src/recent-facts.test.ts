import type { Fact } from '@parley/protocol/allocation';
import { normalise } from '@parley/resources/resources';
import { expect, test } from 'vitest';
import { takeoverEffects } from './cluster-core.ts';
import { RecentFacts } from './recent-facts.ts';
import { aCluster, aFramework, anAgentId, aRole, of, some } from './scripted-cluster.ts';

const decided = (proposalNumber: number): Fact => ({ kind: 'decided', proposalNumber });

test('a new leader tells the facts of the last entries once more, as one message in their order', () => {
  const cluster = aCluster(some(4));
  const told = [
    ...of(cluster.register(anAgentId('a2'), some(2)), 'facts'),
    ...of(cluster.subscribe(aFramework('f2')), 'facts'),
  ];
  const [recap] = of(takeoverEffects(cluster.state), 'facts');
  expect(recap?.sequence).toBe(told.at(-1)?.sequence);
  expect(recap?.previous).toBeLessThan(told[0]?.previous ?? 0);
  const facts = told.flatMap((one) => one.facts);
  expect(recap?.facts.slice(-facts.length)).toEqual(facts);
});

test('only so many entries and so many facts are kept, and what is kept has no gap', () => {
  const recent = new RecentFacts();
  const now = { sequence: 7, coreTimeMs: 0 };
  expect(recent.asOne(now)).toEqual({ kind: 'facts', sequence: 7, previous: 7, facts: [] });
  for (let sequence = 1; sequence <= 100; sequence += 1) {
    const facts = [decided(sequence)];
    recent.add({ kind: 'facts', sequence, previous: sequence - 1, facts }, 0);
  }
  expect(recent.asOne(now)).toMatchObject({ sequence: 100, previous: 36, facts: { length: 64 } });
  const many = Array.from({ length: 3990 }, (_, index) => decided(index));
  recent.add({ kind: 'facts', sequence: 101, previous: 100, facts: many }, 0);
  expect(recent.asOne(now)).toMatchObject({ sequence: 101, previous: 90, facts: { length: 4000 } });
  recent.add({ kind: 'facts', sequence: 102, previous: 101, facts: [...many, ...many] }, 0);
  expect(recent.asOne({ ...now, sequence: 102 })).toMatchObject({ previous: 102, facts: [] });
});

test('a refusal that is told again lasts as long as it would have, and one that is over does not begin anew', () => {
  const recent = new RecentFacts();
  const refused = (refuseMs: number): Fact => ({
    ...{ kind: 'refused', framework: aFramework(), role: aRole('r'), agentId: anAgentId() },
    ...{ resources: normalise(some(1)), refuseMs },
  });
  recent.add({ kind: 'facts', sequence: 1, previous: 0, facts: [refused(5000)] }, 1000);
  recent.add({ kind: 'facts', sequence: 2, previous: 1, facts: [refused(3_600_000)] }, 2000);
  const { facts } = recent.asOne({ sequence: 2, coreTimeMs: 6000 });
  expect(facts).toEqual([refused(3_596_000)]);
});
