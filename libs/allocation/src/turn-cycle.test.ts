// Tests whose turn it is: agents that have changed always, the others only as long as somebody still wants them.
import { frameworkKey } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { aFramework, anAgentId } from './scripted-master.ts';
import { TurnCycle } from './turn-cycle.ts';

const [A, B, C] = ['a', 'b', 'c'].map(anAgentId);
const WAITING = frameworkKey(aFramework('waiting'));

function aCycle(): TurnCycle {
  const [touched, others] = [[A], [B, C]].map((agents) => agents.flatMap((agent) => agent ?? []));
  return new TurnCycle({
    ...(touched && { touched }),
    ...(others && { others }),
    fresh: new Set([WAITING]),
  });
}

test('every agent gets a turn while the framework on whose behalf it is takes offers', () => {
  const cycle = aCycle();
  const turns = [1, 2, 3, 4].map(() => cycle.next((framework) => framework === WAITING));
  expect(turns).toStrictEqual([A, C, B, undefined]);
  expect(cycle.isOver).toBe(true);
});

test('once it takes no more, agents that have not changed are left out', () => {
  const cycle = aCycle();
  expect(cycle.next(() => false)).toBe(A);
  expect(cycle.next(() => false)).toBeUndefined();
  expect(cycle.isOver).toBe(true);
});
