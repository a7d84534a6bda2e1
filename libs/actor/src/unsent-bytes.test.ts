import { expect, test } from 'vitest';
import { MAX_UNSENT_BYTES, UnsentBytes } from './unsent-bytes.ts';

const MIB = 1024 * 1024;

test('little is sent without any ping, and more asks for one at a time', () => {
  const unsent = new UnsentBytes();
  expect(unsent.add(1000)).toBeUndefined();
  expect(unsent.add(MIB)).toBe(MIB + 1000);
  expect(unsent.add(5 * MIB)).toBeUndefined();
  expect(unsent.pending).toBe(6 * MIB + 1000);
  unsent.answered(MIB + 1000);
  expect(unsent.pending).toBe(5 * MIB);
  expect(unsent.add(1)).toBe(6 * MIB + 1001);
});

test('a server that takes nothing fills it up, and it is empty again with the next connection', () => {
  const unsent = new UnsentBytes();
  unsent.add(MAX_UNSENT_BYTES);
  expect(unsent.isFull).toBe(false);
  unsent.add(1);
  expect(unsent.isFull).toBe(true);
  unsent.answered(undefined);
  expect([unsent.isFull, unsent.pending]).toEqual([false, 0]);
});
