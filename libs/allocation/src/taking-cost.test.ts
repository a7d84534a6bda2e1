import type { AgentId } from '@parley/protocol/ids';
import type { RevocableTask } from '@parley/protocol/revocations';
import { expect, test } from 'vitest';
import { agent, aTask, cpus } from './scripted-claims.ts';
import { CheapestFirst } from './taking-cost.ts';

type Victims = readonly RevocableTask[];
const victims = (...priorities: number[]): Victims =>
  priorities.map((priority, index) => aTask('rich', `t${index}`, { priority }));
const [a1, a2, a3] = [agent('a1'), agent('a2'), agent('a3')];
const total = { cpus: 100 };

const where = (...entries: (readonly [AgentId, Victims])[]) => new Map<AgentId, Victims>(entries);

/** Ids of the agents that come first, each time with what may be taken then. */
function firsts(rounds: readonly ReadonlyMap<AgentId, Victims>[]): (string | undefined)[] {
  const [before, ...others] = rounds;
  const first = new CheapestFirst([a1, a2, a3], total, (agentId) => before?.get(agentId));
  return [before, ...others].map((now) => first.next((agentId) => now?.get(agentId))?.agentId);
}

test('the agent comes first where no dearer task goes, then the least is taken, then the fewest tasks', () => {
  const dear = [a1, victims(5)] as const;
  const large = [a2, [aTask('rich', 'large', { resources: cpus(3) })]] as const;
  const many = [a2, victims(0, 0)] as const;
  const one = [a3, [aTask('rich', 'one', { resources: cpus(2) })]] as const;
  expect(firsts([where(dear, large, one)])).toEqual(['a3']);
  expect(firsts([where(dear, large)])).toEqual(['a2']);
  expect(firsts([where(dear, many, one)])).toEqual(['a3']);
});

test('one that has become dearer, or has nothing any more, gives way to the next', () => {
  const before = where([a1, victims(0)], [a2, victims(1)], [a3, victims(2)]);
  const dearer = where(...before, [a1, victims(3)]);
  const nothing = where(...[...dearer].filter(([agentId]) => agentId !== a2));
  expect(firsts([before, dearer, nothing, nothing])).toEqual(['a1', 'a2', 'a3', 'a3']);
  expect(firsts([before, new Map()])).toEqual(['a1', undefined]);
});
