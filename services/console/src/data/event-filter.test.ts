import { expect, test } from 'vitest';
import { agentFilter, fitsEvent } from './event-filter.ts';

const told = (agentId: string) => ({
  text: `Agent ${agentId} has registered`,
  event: { type: 'agentRegistered', agentId },
});

test('events of an agent are not those of an agent whose name begins likewise', () => {
  expect(fitsEvent(told('a1'), agentFilter('a1'))).toBe(true);
  expect(fitsEvent(told('a10'), agentFilter('a1'))).toBe(false);
});

test.each([
  ['', true],
  ['agent A1', true],
  ['AGENTREGISTERED', true],
  ['agentReg', false],
  ['a2', false],
])('the filter "%s" is a part of the words or a whole type', (filter, fits) => {
  expect(fitsEvent(told('a1'), filter)).toBe(fits);
});
