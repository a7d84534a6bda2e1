// Owns constraints on agents as people write them: `attr('zone').in('a', 'b')` for one piece of work, `attribute(...)` for all
// of a framework. What a constraint means is in @parley/protocol/constraints.
import { type Constraint, unmetConstraint } from '@parley/protocol/constraints';
import type { Strategy } from './strategy.ts';

export type AttributeConstraints = {
  exists(): Constraint;
  notExists(): Constraint;
  in(...values: string[]): Constraint;
  /** Met by an agent without the attribute, too. */
  notIn(...values: string[]): Constraint;
  atLeast(value: number): Constraint;
  atMost(value: number): Constraint;
};

/** Of an attribute, `hostname`, `agentId`, or the fault domain: `region`, `zone`. */
export function attr(name: string): AttributeConstraints {
  return {
    exists: () => ({ name, operator: 'exists' }),
    notExists: () => ({ name, operator: 'notExists' }),
    in: (...values) => ({ name, operator: 'in', values }),
    notIn: (...values) => ({ name, operator: 'notIn', values }),
    atLeast: (value) => ({ name, operator: 'atLeast', value }),
    atMost: (value) => ({ name, operator: 'atMost', value }),
  };
}

/** Only agents that meet all of these. */
export function attribute(...constraints: readonly Constraint[]): Strategy {
  return {
    weight: 0,
    isHard: true,
    judge: ({ room }) => {
      const constraint = unmetConstraint(room, [...constraints]);
      return constraint === undefined
        ? { kind: 'score', score: 0 }
        : { kind: 'refuse', reason: { kind: 'constraint', constraint } };
    },
  };
}
