import type { Fact } from '@parley/protocol/allocation';
import { expect, test } from 'vitest';
import { takeoverEffects } from './cluster-core.ts';
import { RecentFacts } from './recent-facts.ts';
import { aCluster, aFramework, anAgentId, of, some } from './scripted-cluster.ts';

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
  expect(recent.asOne()).toBeUndefined();
  for (let sequence = 1; sequence <= 100; sequence += 1) {
    const facts = [decided(sequence)];
    recent.add({ kind: 'facts', sequence, previous: sequence - 1, facts });
  }
  expect(recent.asOne()).toMatchObject({ sequence: 100, previous: 36, facts: { length: 64 } });
  const many = Array.from({ length: 3990 }, (_, index) => decided(index));
  recent.add({ kind: 'facts', sequence: 101, previous: 100, facts: many });
  expect(recent.asOne()).toMatchObject({ sequence: 101, previous: 90, facts: { length: 4000 } });
  recent.add({ kind: 'facts', sequence: 102, previous: 101, facts: [...many, ...many] });
  expect(recent.asOne()).toBeUndefined();
});
