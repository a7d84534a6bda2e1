// Owns constraints on agents: conditions over hostname, agent id and attributes that an agent must meet to be offered.
// Mesos docs, "Offer constraints"; ours are AND'ed, and compare numbers too.
import * as z from 'zod';
import { unreachable } from './unreachable.ts';

/**
 * An attribute's name; `hostname` and `agentId` name the agent itself (an attribute of that name is not seen), `region`
 * and `zone` its fault domain, where it has one.
 */
const Name = z.string().min(1).max(64);
const Value = z.string().max(1024);
const Values = z.array(Value).min(1).max(256);

export const Constraint = z.discriminatedUnion('operator', [
  z.object({ name: Name, operator: z.literal('exists') }),
  z.object({ name: Name, operator: z.literal('notExists') }),
  z.object({ name: Name, operator: z.literal('in'), values: Values }),
  /** Met by an agent without the attribute, too. */
  z.object({ name: Name, operator: z.literal('notIn'), values: Values }),
  /** Not met by a value that is no number. */
  z.object({ name: Name, operator: z.literal('atLeast'), value: z.number() }),
  z.object({ name: Name, operator: z.literal('atMost'), value: z.number() }),
]);
export type Constraint = z.infer<typeof Constraint>;

export const Constraints = z.array(Constraint).max(16);
export type Constraints = z.infer<typeof Constraints>;

/** What fails together: a zone (a rack, a room) of a region (a site). */
export const Domain = z.object({
  region: z.string().min(1).max(64),
  zone: z.string().min(1).max(64),
});
export type Domain = z.infer<typeof Domain>;

export type ConstrainedAgent = {
  readonly agentId: string;
  readonly hostname: string;
  /** Fault domain; absent where the agent names none. Mesos docs, "Regions and fault domains". */
  readonly domain?: Domain | undefined;
  readonly attributes: Readonly<Record<string, string>>;
};

/** The first constraint that the agent does not meet; undefined when it meets all. */
export function unmetConstraint(
  agent: ConstrainedAgent,
  constraints: Constraints,
): Constraint | undefined {
  return constraints.find((constraint) => !meets(agentValue(agent, constraint.name), constraint));
}

/** What a constraint of this name looks at; undefined where the agent has no such value, or it is not known. */
export function agentValue(agent: ConstrainedAgent, name: string): string | undefined {
  if (name === 'hostname') return agent.hostname;
  if (name === 'agentId') return agent.agentId;
  if (agent.domain !== undefined && (name === 'region' || name === 'zone')) {
    return agent.domain[name];
  }
  return Object.hasOwn(agent.attributes, name) ? agent.attributes[name] : undefined;
}

function meets(value: string | undefined, constraint: Constraint): boolean {
  switch (constraint.operator) {
    case 'exists':
      return value !== undefined;
    case 'notExists':
      return value === undefined;
    case 'in':
      return value !== undefined && constraint.values.includes(value);
    case 'notIn':
      return value === undefined || !constraint.values.includes(value);
    case 'atLeast':
      return numberOf(value) >= constraint.value;
    case 'atMost':
      return numberOf(value) <= constraint.value;
    default:
      return unreachable(constraint);
  }
}

const numberOf = (value: string | undefined): number =>
  value === undefined || value.trim() === '' ? Number.NaN : Number(value);
