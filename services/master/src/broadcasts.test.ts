// Tests the time that a new leader leaves for the reports of its cluster: it can answer so many messages a second.
import { decodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, test } from 'vitest';
import { aMaster, cluster } from './scripted-master.ts';

/** What the presence of a leader of so many agents and frameworks says. */
function reportWithinMs(reporters: number): number {
  const { actor } = aMaster({ view: { reporters: () => reporters } });
  actor.tick(0);
  for (const output of actor.takeOutputs()) {
    if (output.kind !== 'publish') continue;
    const presence = decodeMessage(SUBJECTS.presence, cluster, output.subject, output.bytes);
    if (presence.ok) return presence.value.body.reportWithinMs ?? Number.NaN;
  }
  throw new Error('the leader did not say that it is there');
}

test('standings, and the registrations of those that differ, are spread over so long that they stay below 10,000 messages a second', () => {
  expect(reportWithinMs(0)).toBe(0);
  for (const reporters of [1, 7, 500, 5000, 12_345, 50_000, 300_000]) {
    const withinMs = reportWithinMs(reporters);
    expect((1.25 * reporters * 1000) / withinMs, `${reporters}`).toBeLessThanOrEqual(10_000);
    // Nor is anybody kept waiting for longer than that takes, once there are more than a second has room for.
    const neededMs = (1.25 * reporters * 1000) / 10_000;
    expect(withinMs - 1, `${reporters}`).toBeLessThan(Math.max(neededMs, 1000));
  }
});

test('standings of a small cluster leave the new leader time for its work, and of a few are told at once', () => {
  expect([3, 50, 1000, 8000].map(reportWithinMs)).toEqual([3, 50, 1000, 1000]);
});

test('nobody waits for more than a minute with its report', () => {
  expect([480_001, 5_000_000].map(reportWithinMs)).toEqual([60_000, 60_000]);
});
