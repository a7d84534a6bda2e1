import { PrincipalName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { judgeUpdate } from './update-writer.ts';

const principal = PrincipalName.parse('alice');

test.each([
  ['forgotten when the watermark covers it', 5, 7, 5, 'forget'],
  ['kept while the watermark is below it', 5, 7, 4, 'keep'],
  ['written again when the stream was made anew since', 5, 8, 9, 'writeAgain'],
  ['written again when no watermark was known at the time', 5, undefined, 9, 'writeAgain'],
] as const)('an acknowledged update is %s', (_, sequence, createdMs, covered, judgement) => {
  const watermark = { principal, createdMs: 7, sequence: covered };
  expect(judgeUpdate({ sequence, createdMs }, watermark)).toBe(judgement);
});
