// Names of units: valid, different for different tasks, and spread over the slices.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  executorUnitNameFor,
  isSafeId,
  isUnitName,
  SLICE_COUNT,
  sliceOf,
  unitNameFor,
} from './unit-name.ts';

const anId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const anIdentity = fc.record({
  cluster: anId,
  agentId: anId,
  principal: anId,
  frameworkId: anId,
  taskId: anId,
});

it('every task gets a valid unit name, however long its ids', () => {
  fc.assert(fc.property(anIdentity, (identity) => isUnitName(unitNameFor(identity))));
});

it('moving a character from one id to its neighbour gives another name', () => {
  const one = {
    cluster: 'prod',
    agentId: 'agent-1',
    principal: 'a-b',
    frameworkId: 'c',
    taskId: 't',
  };
  const other = {
    cluster: 'prod',
    agentId: 'agent-1',
    principal: 'a',
    frameworkId: 'b-c',
    taskId: 't',
  };
  expect(unitNameFor(one)).not.toBe(unitNameFor(other));
});

it('two tasks whose long ids differ only at the end get different names', () => {
  const start = 'x'.repeat(63);
  const one = {
    cluster: 'prod',
    agentId: 'agent-1',
    principal: 'p',
    frameworkId: 'f',
    taskId: `${start}1`,
  };
  expect(unitNameFor(one)).not.toBe(unitNameFor({ ...one, taskId: `${start}2` }));
});

it('two clusters whose agents on one host have the same id share no unit', () => {
  fc.assert(
    fc.property(anIdentity, anId, fc.nat(), (one, cluster, incarnation) => {
      fc.pre(cluster !== one.cluster);
      expect(unitNameFor({ ...one, cluster })).not.toBe(unitNameFor(one));
      const executor = { ...one, executorId: one.taskId, incarnation };
      expect(executorUnitNameFor({ ...executor, cluster })).not.toBe(executorUnitNameFor(executor));
    }),
  );
});

it('an executor shares its unit with no task of its name and with no later executor of its id', () => {
  fc.assert(
    fc.property(anIdentity, fc.nat(), ({ taskId: executorId, ...place }, incarnation) => {
      const unit = executorUnitNameFor({ ...place, executorId, incarnation });
      expect(isUnitName(unit)).toBe(true);
      expect(unit).not.toBe(unitNameFor({ ...place, taskId: executorId }));
      const next = { ...place, executorId, incarnation: incarnation + 1 };
      expect(unit).not.toBe(executorUnitNameFor(next));
    }),
  );
});

it.each(['', 'a/b', '..', '.hidden', 'a b', 'a;b', 'ü', '-p', 'x'.repeat(201)])(
  'the name %j is refused for a unit',
  (name) => {
    expect(isUnitName(name)).toBe(false);
  },
);

it.each(['', '.', '..', 'a/b', 'a.b', 'x'.repeat(65), 'a\n'])('the id %j is refused', (id) => {
  expect(isSafeId(id)).toBe(false);
});

it('a thousand units are spread over all child slices', () => {
  const units = Array.from({ length: 1_000 }, (_, index) => `unit-${index}`);
  const slices = new Set(units.map((unit) => sliceOf(unit)));
  expect(slices.size).toBe(SLICE_COUNT);
  expect([...slices].every((slice) => /^parley-tasks-\d+\.slice$/.test(slice))).toBe(true);
});
