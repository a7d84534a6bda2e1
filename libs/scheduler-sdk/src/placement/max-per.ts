// Owns the limit on how many tasks of a group may be where an attribute has the same value.
import { agentValue } from '@parley/protocol/constraints';
import { assert } from '@parley/protocol/unreachable';
import type { Strategy } from './strategy.ts';

/**
 * At most `max` wants of a group for each value of an attribute, of `hostname`, `agentId`, `region` or `zone`. Agents without the attribute
 * are refused. After a failover a task counts under an attribute once its agent has been seen in an offer; under `agentId` at once.
 */
export function maxPer(name: string, max: number): Strategy {
  assert(Number.isInteger(max) && max >= 1, 'maxPer: at least one is allowed');
  return {
    weight: 0,
    isHard: true,
    judge: ({ want, room }, { tally }) => {
      const value = agentValue(room, name);
      if (value === undefined)
        return {
          kind: 'refuse',
          reason: { kind: 'constraint', constraint: { name, operator: 'exists' } },
        };
      return tally.count(name, want.group, value) < max
        ? { kind: 'score', score: 0 }
        : { kind: 'refuse', reason: { kind: 'maxPer', name, value, max } };
    },
  };
}
