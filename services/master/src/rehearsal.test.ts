import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { systemClock as clock } from '@parley/actor/nats/system-clock';
import { expect, it } from 'vitest';
import { rehearse } from './rehearsal.ts';

const options = { clock, yieldToOthers: () => yieldToOthers() };

it('a rehearsal plays whole terms: every task is offered for, launched and ended', async () => {
  const rounds = 5;
  expect(await rehearse({ ...options, rounds, goesOn: () => true })).toBe(8 * rounds);
});

it('a rehearsal ends between two rounds when its master wins the lease', async () => {
  let left = 2;
  const goesOn = () => {
    left -= 1;
    return left >= 0;
  };
  expect(await rehearse({ ...options, rounds: 5, goesOn })).toBe(8 * 2);
});
