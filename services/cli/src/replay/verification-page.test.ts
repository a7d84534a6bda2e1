// Tests of what is said of a verification, and that one which compared nothing is no proof.
import type { Verification } from '@parley/replay/verification';
import { expect, it } from 'vitest';
import { describeVerification, isSound, nothingCompared } from './verification-page.ts';

const found: Verification = {
  ...{ fromSequence: 1, toSequence: 64, entries: 64, inputs: 180 },
  ...{ snapshots: [], skipped: [], difference: undefined },
};

it('without a snapshot it says that nothing was compared, and why', () => {
  expect(nothingCompared(found)).toMatchObject({
    what: expect.stringContaining('nothing was compared'),
    why: 'there is no snapshot of a state within entries 1 to 64',
  });
  expect(describeVerification(found)).toBe('stepped 64 entries (1 to 64) with 180 inputs again\n');
});

it.each(['equal', 'different', 'damaged'] as const)(
  'a snapshot that is %s was looked at, and only an equal one is as it was',
  (verdict) => {
    const compared: Verification = { ...found, snapshots: [{ sequence: 60, verdict }] };
    expect(nothingCompared(compared)).toBeUndefined();
    expect(isSound(compared)).toBe(verdict === 'equal');
    expect(describeVerification(compared)).toMatch(/^snapshot 60: /m);
  },
);
