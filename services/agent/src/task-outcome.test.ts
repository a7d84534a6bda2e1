// Tests of what the end of a task that was told to stop is told as.
import { expect, test } from 'vitest';
import { endedBeforeStart, endedByKill } from './task-outcome.ts';

const stop = { reason: 'revoked', message: 'others use it now' } as const;

test('a task whose resources were taken back is killed as revoked, with why, whether it had started or not', () => {
  const told = { state: 'killed', reason: 'revoked', message: 'others use it now' };
  expect(endedByKill({ state: 'signaled', signal: 'SIGTERM' }, stop)).toEqual({
    ...told,
    signal: 'SIGTERM',
  });
  expect(endedBeforeStart(stop)).toEqual(told);
});

test('a task that its framework killed before it started never ran, which is why it ends', () => {
  expect(endedBeforeStart({ reason: 'framework' })).toMatchObject({
    state: 'killed',
    reason: 'killedBeforeStart',
  });
});
