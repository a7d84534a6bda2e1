// Tests of how lines of the past are printed.
import { FrameworkRef } from '@parley/protocol/ids';
import { ReplayLine } from '@parley/protocol/replay';
import { expect, it } from 'vitest';
import { jsonLine, LINES_HEAD, lineRow, storyRow } from './line-page.ts';

const line = ReplayLine.parse({
  ...{ sequence: 12, index: 0, storedMs: 1_700_000_000_123, coreTimeMs: 5 },
  ...{ part: 'input', kind: 'accept', text: 'framework alice/etl accepts offer o1-1' },
  ...{ agents: [], frameworks: [], tasks: [], offers: ['o1-1'] },
});

it('a line stands below its head, with its time in UTC and its entry', () => {
  expect(lineRow(line)).toBe(
    '2023-11-14T22:13:20.123Z        12  input     framework alice/etl accepts offer o1-1',
  );
  expect(lineRow(line).indexOf('framework')).toBe(LINES_HEAD.indexOf('WHAT HAPPENED'));
});

it('text that others wrote makes no line of its own and moves no cursor', () => {
  const text = 'failed: one\nTIME 13 input \u001b[2Jtwo';
  const shown = 'failed: one\\nTIME 13 input \\u001b[2Jtwo';
  expect(lineRow({ ...line, text }).endsWith(shown)).toBe(true);
  expect(storyRow({ ...line, text }).endsWith(shown)).toBe(true);
});

it('JSON holds all of a line, bytes as base64', () => {
  const framework = FrameworkRef.parse({ principal: 'alice', frameworkId: 'etl' });
  const detail = { data: Uint8Array.of(1, 2, 3), more: [Buffer.from('hi')], text: 'x' };
  const printed = jsonLine({ ...line, frameworks: [framework], detail });
  expect(printed).not.toContain('\n');
  expect(JSON.parse(printed)).toMatchObject({
    ...{ time: '2023-11-14T22:13:20.123Z', sequence: 12, kind: 'accept', offers: ['o1-1'] },
    frameworks: [framework],
    detail: { data: 'AQID', more: ['aGk='], text: 'x' },
  });
});
