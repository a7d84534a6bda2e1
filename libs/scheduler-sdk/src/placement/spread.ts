// Owns spreading: places are the better the fewer tasks of the same group are where an attribute has the same value, so that
// the loss of one zone or host takes few of them.
import { agentValue } from '@parley/protocol/constraints';
import type { Strategy } from './strategy.ts';

/** By an attribute, `hostname`, `agentId`, or the fault domain: `region`, `zone`. Agents without the attribute score lowest. */
export function spread(name: string, weight = 1): Strategy {
  return {
    weight,
    isHard: false,
    judge: ({ want, room }, { tally }) => {
      const value = agentValue(room, name);
      const score = value === undefined ? 0 : 1 / (1 + tally.count(name, want.group, value));
      return { kind: 'score', score };
    },
  };
}
