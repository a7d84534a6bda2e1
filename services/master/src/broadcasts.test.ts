// Tests the time that a new leader leaves for the reports of its cluster: it can answer so many messages a second; and how often
// it says what every agent hears.
import { decodeMessage } from '@parley/protocol/message';
import { subjectOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, test } from 'vitest';
import { aMaster, cluster } from './scripted-master.ts';

const presenceSubject = subjectOf(SUBJECTS.presence, cluster, {});
const watermarksSubject = subjectOf(SUBJECTS.watermarks, cluster, {});

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

/** Seconds from one to the next of each kind, for a leader of so many agents. */
function secondsBetween(agents: number): { presence: number; watermarks: number } {
  const { actor } = aMaster({ view: { registeredAgentCount: () => agents } });
  const said = { presence: [] as number[], watermarks: [] as number[] };
  for (let nowMs = 0; nowMs <= 120_000; nowMs += 1000) {
    actor.tick(nowMs);
    for (const output of actor.takeOutputs()) {
      if (output.kind !== 'publish') continue;
      if (output.subject === presenceSubject) said.presence.push(nowMs / 1000);
      if (output.subject === watermarksSubject) said.watermarks.push(nowMs / 1000);
    }
  }
  const between = ([first = 0, second = 0]: number[]): number => second - first;
  return { presence: between(said.presence), watermarks: between(said.watermarks) };
}

test('every agent hears every five seconds that there is a leader, and how far updates are journalled as often while they are few', () => {
  for (const agents of [0, 1, 1000, 10_000]) {
    expect(secondsBetween(agents), `${agents}`).toEqual({ presence: 5, watermarks: 5 });
  }
});

test('watermarks of thousands of agents are so far apart that 2,000 a second are delivered', () => {
  expect(secondsBetween(20_000)).toEqual({ presence: 5, watermarks: 10 });
  expect(secondsBetween(50_000)).toEqual({ presence: 5, watermarks: 25 });
});
