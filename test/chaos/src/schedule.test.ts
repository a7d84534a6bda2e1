// What a plan may hold, over many seeds.
import { expect, test } from 'vitest';
import { FAULT_KINDS, type PlannedFault } from './faults.ts';
import { layoutOf } from './layout.ts';
import { drawSchedule, endOf, isNodeFault } from './schedule.ts';

const layout = layoutOf('abcdef', 3);
const LONG_MS = 600_000;
const SHORT_MS = 30_000;
const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

const overlaps = (one: PlannedFault, other: PlannedFault): boolean =>
  one !== other && one.atMs < endOf(other) && other.atMs < endOf(one);

test('the same seed makes the same plan, another seed another one', () => {
  expect(drawSchedule(7, layout, LONG_MS)).toEqual(drawSchedule(7, layout, LONG_MS));
  expect(drawSchedule(8, layout, LONG_MS)).not.toEqual(drawSchedule(7, layout, LONG_MS));
});

test('every kind of fault happens in a long run, to every kind of process that it is for', () => {
  const plan = drawSchedule(1, layout, LONG_MS);
  expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
  const killed = new Set(plan.filter(({ kind }) => kind === 'kill').map(({ target }) => target));
  for (const name of [...layout.agents, ...layout.frameworks]) expect(killed).toContain(name);
  expect(killed).toContain('the leading master');
  expect(killed).toContain('the node that leads the journal');
});

test('all faults are over when their time is', () => {
  for (const seed of SEEDS) {
    for (const fault of drawSchedule(seed, layout, SHORT_MS)) {
      expect(endOf(fault)).toBeLessThanOrEqual(SHORT_MS);
    }
  }
});

test('nodes of NATS are harmed one after the other', () => {
  for (const seed of SEEDS) {
    const onNodes = drawSchedule(seed, layout, LONG_MS).filter(isNodeFault);
    for (const [index, fault] of onNodes.slice(1).entries()) {
      expect(fault.atMs).toBeGreaterThan(endOf(onNodes[index] ?? fault));
    }
  }
});

test('nobody is harmed twice at once, and few are at the same time', () => {
  for (const seed of SEEDS) {
    const plan = drawSchedule(seed, layout, SHORT_MS);
    for (const fault of plan) {
      const others = plan.filter((other) => overlaps(fault, other) && other.atMs <= fault.atMs);
      expect(others.length).toBeLessThan(3);
      expect(others.map(({ target }) => target)).not.toContain(fault.target);
    }
  }
});
