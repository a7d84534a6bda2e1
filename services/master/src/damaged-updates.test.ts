import { MAX_DAMAGED_UPDATES } from '@parley/protocol/broadcasts';
import { PrincipalName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { DamagedUpdates } from './damaged-updates.ts';

const alice = PrincipalName.parse('alice');

test('the newest damaged updates of a stream are remembered, and none of a stream before it', () => {
  const damaged = new DamagedUpdates();
  expect(damaged.of(alice, 7)).toBeUndefined();
  for (let sequence = 1; sequence <= MAX_DAMAGED_UPDATES + 5; sequence += 1) {
    damaged.add(alice, 7, sequence);
  }
  damaged.add(alice, 7, 10);
  const known = damaged.of(alice, 7) ?? [];
  expect([known.length, known[0], known.at(-1)]).toEqual([MAX_DAMAGED_UPDATES, 6, 10]);
  expect(damaged.of(PrincipalName.parse('bob'), 7)).toBeUndefined();
  damaged.add(alice, 8, 1);
  expect([damaged.of(alice, 7), damaged.of(alice, 8)]).toEqual([undefined, [1]]);
});
