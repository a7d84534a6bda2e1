// Tests of what may be typed about maintenance windows, and of how windows are shown.
import { expect, it } from 'vitest';
import type { MaintenanceSummary } from './cluster-summary.ts';
import { agentsArgument, startTime } from './maintenance-arguments.ts';
import { maintenanceTable } from './maintenance-report.ts';

it.each([
  ['now', 5000],
  ['+30m', 1_805_000],
  ['2026-12-01T02:00Z', Date.UTC(2026, 11, 1, 2)],
  ['2026-12-01T02:00:30+01:00', Date.UTC(2026, 11, 1, 1, 0, 30)],
])('a window may start at %s', (text, expected) => {
  expect(startTime(text, 5000)).toBe(expected);
});

it.each(['tomorrow', '2026-13-01T00:00Z', '+soon', '17'])(
  'a window does not start at %s',
  (text) => {
    expect(() => startTime(text, 5000)).toThrow(/must be/);
  },
);

it('agents are named with commas between them, and what is no id of one is told', () => {
  expect(agentsArgument('agent-1,agent-2')).toEqual(['agent-1', 'agent-2']);
  expect(() => agentsArgument('agent-1,,agent-2')).toThrow('"" is no id of an agent');
});

const aWindow = (changes: Partial<MaintenanceSummary> = {}): MaintenanceSummary => ({
  windowId: 'kernel',
  state: 'underWay',
  start: '2026-12-01T02:00:00.000Z',
  durationMs: 7_200_000,
  noticeMs: 900_000,
  agents: ['a1', 'a2', 'a3', 'a4'],
  emptied: 3,
  reason: '',
  by: 'olga',
  inverseOffers: { accepted: 2, declined: 1, unanswered: 4 },
  ...changes,
});

it('a window is shown with how many of its agents are empty and what frameworks answered', () => {
  const [header, row] = maintenanceTable([aWindow()]).split('\n');
  expect(header).toMatch(
    /^WINDOW +STATE +START +DURATION +AGENTS +EMPTIED +INVERSE OFFERS +REASON/,
  );
  expect(row).toMatch(
    /^kernel +under way +2026-12-01T02:00:00.000Z +2 h +a1,a2,a3 and 1 more +3\/4 +2 accepted, 1 declined, 4 open +-$/,
  );
});

it('where no window is planned nothing of windows is shown', () => {
  expect(maintenanceTable([])).toBe('');
});
