import type { FrameworkComparison } from '@parley/cluster/framework-report';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, test } from 'vitest';
import { FrameworkCensus } from './framework-census.ts';
import { aMaster, cluster, epoch, ref } from './scripted-master.ts';

const SAME: FrameworkComparison = {
  rolesDiffer: false,
  lostCalls: [],
  openCalls: 0,
  answeredCalls: 0,
};
const report = {
  epoch,
  callerSession: 'caller',
  lastCall: 9,
  subscribedBy: 1,
  roles: [],
  openCalls: [],
  acknowledgedCalls: [],
};
const reported = (callerSession = 'caller') => ({
  framework: ref,
  session: 1,
  report: { ...report, callerSession },
});

test('a call that is lost is counted once, however often it is reported, and shouted about', () => {
  const census = new FrameworkCensus();
  census.compared(reported(), SAME);
  expect(census.takeLines()).toEqual([]);
  census.compared(reported(), { ...SAME, lostCalls: [4, 6] });
  census.compared(reported(), { ...SAME, lostCalls: [4, 6] });
  expect(census.takeLines()).toMatchObject([
    { level: 'error', fields: { framework: 'alice/f1', lost: 2, calls: [4, 6] } },
  ]);
  census.compared(reported(), { ...SAME, lostCalls: [6, 7] });
  // Of another process of the same framework.
  census.compared(reported('other'), { ...SAME, lostCalls: [4] });
  expect(census.now.lostCalls).toBe(4);
  expect(census.takeLines()[0]?.message).toContain('ALARM');
});

test('roles that differ are asked for a few times, and count again only after they were equal', () => {
  const census = new FrameworkCensus();
  const asked = (rolesDiffer: boolean) => census.compared(reported(), { ...SAME, rolesDiffer });
  expect([true, true, true, true, true].map(asked)).toEqual([true, true, true, false, false]);
  expect(census.now.differingRoles).toBe(1);
  expect([false, true].map(asked)).toEqual([false, true]);
  expect(census.now.differingRoles).toBe(2);
  expect(census.takeLines().map(({ level }) => level)).toEqual(['warn', 'warn']);
});

test('a report that names no roles, since they are about to be told, is not the end of a difference', () => {
  const census = new FrameworkCensus();
  const { roles: _, ...silent } = report;
  const asked = [1, 2, 3, 4, 5].map(() => {
    const isAsked = census.compared(reported(), { ...SAME, rolesDiffer: true });
    census.compared({ ...reported(), report: silent }, SAME);
    return isAsked;
  });
  expect(asked).toEqual([true, true, true, false, false]);
  expect(census.now.differingRoles).toBe(1);
});

test('open calls are those of the first report of each process', () => {
  const census = new FrameworkCensus();
  census.compared(reported(), { ...SAME, openCalls: 3, answeredCalls: 1 });
  census.compared(reported(), { ...SAME, openCalls: 5, answeredCalls: 5 });
  census.compared(reported('other'), { ...SAME, openCalls: 1 });
  expect(census.now).toMatchObject({ openCalls: 4, answeredCalls: 1 });
});

test('a framework whose roles are others in the books is asked for them by the next words of the leader to it', () => {
  const { actor } = aMaster({
    view: { compareReport: () => ({ ...SAME, rolesDiffer: true, lostCalls: [2] }) },
  });
  const tells = (more: object) => {
    const body = { session: 3, confirmed: 0, ...more };
    const beat = encodeMessage(SUBJECTS.frameworkHeartbeat, cluster, ref, body);
    actor.received(beat.subject, beat.bytes, undefined, 0);
    return actor.takeOutputs().flatMap((output) => {
      if (output.kind !== 'publish') return [];
      const { subject, bytes } = output;
      const message = decodeMessage(SUBJECTS.leaderHeartbeat, cluster, subject, bytes);
      return message.ok ? [message.value] : [];
    });
  };
  // One of an earlier release reports nothing.
  expect(tells({})).toEqual([]);
  expect(tells({ report })).toMatchObject([{ epoch, body: { session: 3, wantsRoles: true } }]);
  expect(actor.census).toMatchObject({ differingRoles: 1, lostCalls: 1 });
  // One that has heard a later leader speaks of that one's books.
  const later = { ...epoch, revision: epoch.revision + 1 };
  expect(tells({ report: { ...report, epoch: later, callerSession: 'other' } })).toEqual([]);
  expect(actor.census).toMatchObject({ differingRoles: 1, lostCalls: 1 });
  actor.tick(0);
  const levels = actor.takeOutputs().flatMap((one) => (one.kind === 'log' ? [one.level] : []));
  expect(levels).toEqual(['error', 'warn']);
});
