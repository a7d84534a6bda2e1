// Tests that nobody has a claim for what runs on nothing but revocable resources: giving ordinary ones back would not help.
import type { Fact } from '@parley/protocol/allocation';
import { FrameworkRef } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import type { RevocableUse } from '@parley/protocol/revocations';
import { expect, test } from 'vitest';
import { Knowledge } from './knowledge.ts';
import { LOOK_MS, Reclaimer } from './reclaimer.ts';
import { agent, cpus, role } from './scripted-claims.ts';

const [poor, rich] = ['poor', 'rich'].map((frameworkId) =>
  FrameworkRef.parse({ principal: 'team', frameworkId }),
) as [FrameworkRef, FrameworkRef];
const SHARES = { weight: 1000, limit: {} };

/** A full agent that another framework holds, and one that is guaranteed a part of it and has a need. */
function factsWith(revocable: RevocableUse | undefined): Fact[] {
  const needs = [
    {
      shape: 's',
      count: 3,
      resources: cpus(1),
      constraints: [],
      ...(revocable !== undefined && { revocable }),
    },
  ];
  return [
    {
      kind: 'settings',
      outstandingCapPermille: 500,
      reclaims: true,
      starvationMs: 5000,
      minAllocatable: { cpus: 1 },
      placement: 'random',
    },
    {
      kind: 'agent',
      agentId: agent('a1'),
      hostname: 'h',
      total: cpus(10),
      free: NO_RESOURCES,
      reservations: [],
      attributes: {},
    },
    { kind: 'framework', framework: rich, roles: [{ role, isSuppressed: true }] },
    { kind: 'usage', framework: rich, role, scalars: { cpus: 10 } },
    { kind: 'frameworkShare', framework: poor, ...SHARES, guarantee: { cpus: 3 } },
    {
      kind: 'framework',
      framework: poor,
      roles: [{ role, isSuppressed: false, needs }],
      takesRevocable: true,
    },
  ];
}

test.each([
  ['on ordinary resources', undefined, 1],
  ['on ordinary resources, too', 'also', 1],
  ['on nothing but revocable ones', 'only', 0],
] as const)('tasks of others are asked for where what it needs runs %s', (_, use, questions) => {
  const known = new Knowledge();
  const reclaimer = new Reclaimer(known);
  const facts = factsWith(use);
  known.hear(facts, { lastNumber: 0, nowMs: 0 });
  reclaimer.hear(facts, 0);
  expect(reclaimer.tick(LOOK_MS)).toHaveLength(questions);
});
