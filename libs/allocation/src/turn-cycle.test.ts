// Tests whose turn it is: agents that have changed always, the others only as long as somebody still wants them.
import { normalise } from '@parley/resources/resources';
import { expect, test } from 'vitest';
import { AgentKinds } from './agent-kinds.ts';
import { Agent } from './agent-pool.ts';
import { ClusterTotals } from './cluster-totals.ts';
import { Framework } from './frameworks.ts';
import { aFramework, anAgentId, resourcesOf } from './scripted-master.ts';
import { TurnCycle } from './turn-cycle.ts';

const WAITING = new Framework(aFramework('waiting'));
const [A, B, C] = [anAgent('a', 1), anAgent('b', 3), anAgent('c', 2)];

/** Of 4 CPUs so many are left. */
function anAgent(name: string, left: number): Agent {
  const agent = new Agent(anAgentId(name), 0);
  agent.kind = new AgentKinds(new ClusterTotals()).of(resourcesOf(4, 4000));
  agent.left = { ...agent.left, unreserved: normalise(resourcesOf(left, 4000)) };
  return agent;
}

const aCycle = (): TurnCycle =>
  new TurnCycle({ touched: [A], others: [B, C], fresh: new Set([WAITING]) });

test('every agent gets a turn while the framework on whose behalf it is takes offers', () => {
  const cycle = aCycle();
  const turns = [1, 2, 3, 4].map(() => cycle.next('random', (framework) => framework === WAITING));
  expect(turns).toStrictEqual([A, B, C, undefined]);
  expect(cycle.isOver).toBe(true);
});

test('once it takes no more, agents that have not changed are left out', () => {
  const cycle = aCycle();
  expect(cycle.next('random', () => false)).toBe(A);
  expect(cycle.next('random', () => false)).toBeUndefined();
  expect(cycle.isOver).toBe(true);
});

test('the best fit begins with the fullest agent, spreading with the emptiest, and each has one turn', () => {
  const cycle = new TurnCycle({ touched: [A, B, C] });
  expect(cycle.next('bestFit', () => true)).toBe(A);
  expect(cycle.next('spread', () => true)).toBe(B);
  expect(cycle.next('random', () => true)).toBe(C);
  expect(cycle.next('bestFit', () => true)).toBeUndefined();
  expect(cycle.isOver).toBe(true);
});
