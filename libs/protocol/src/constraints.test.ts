import { expect, it } from 'vitest';
import { type Constraint, unmetConstraint } from './constraints.ts';

const agent = {
  agentId: 'a1',
  hostname: 'h1.example',
  attributes: { zone: 'a', cores: '16', kind: 'fast', hostname: 'shadow' },
};
const meets = (constraint: Constraint): boolean =>
  unmetConstraint(agent, [constraint]) === undefined;

it('an agent meets what its attributes say', () => {
  expect(meets({ name: 'zone', operator: 'exists' })).toBe(true);
  expect(meets({ name: 'zone', operator: 'notExists' })).toBe(false);
  expect(meets({ name: 'rack', operator: 'notExists' })).toBe(true);
  expect(meets({ name: 'zone', operator: 'in', values: ['b', 'a'] })).toBe(true);
  expect(meets({ name: 'zone', operator: 'in', values: ['b'] })).toBe(false);
  expect(meets({ name: 'zone', operator: 'notIn', values: ['a'] })).toBe(false);
  expect(meets({ name: 'rack', operator: 'notIn', values: ['a'] })).toBe(true);
});

it('numbers are compared as numbers, and what is none meets no bound', () => {
  expect(meets({ name: 'cores', operator: 'atLeast', value: 9 })).toBe(true);
  expect(meets({ name: 'cores', operator: 'atMost', value: 9 })).toBe(false);
  expect(meets({ name: 'kind', operator: 'atLeast', value: 0 })).toBe(false);
  expect(meets({ name: 'rack', operator: 'atMost', value: 1000 })).toBe(false);
});

it('hostname and agentId are those of the agent, whatever attributes are called', () => {
  expect(meets({ name: 'hostname', operator: 'in', values: ['h1.example'] })).toBe(true);
  expect(meets({ name: 'agentId', operator: 'in', values: ['a1'] })).toBe(true);
});

it('region and zone are those of the fault domain where the agent has one, else attributes', () => {
  const placed = { ...agent, domain: { region: 'eu', zone: 'eu-1' } };
  const zone: Constraint = { name: 'zone', operator: 'in', values: ['eu-1'] };
  const region: Constraint = { name: 'region', operator: 'exists' };
  expect(unmetConstraint(placed, [zone, region])).toBeUndefined();
  expect(meets(zone)).toBe(false);
  expect(meets(region)).toBe(false);
});

it('all constraints have to be met, and the first unmet one is named', () => {
  const unmet = { name: 'rack', operator: 'exists' } as const;
  expect(unmetConstraint(agent, [{ name: 'zone', operator: 'exists' }, unmet])).toBe(unmet);
  expect(unmetConstraint(agent, [])).toBeUndefined();
});
