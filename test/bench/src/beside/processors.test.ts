import { expect, test } from 'vitest';
import { halves } from './processors.ts';

test('each processor is in one half, and no half is empty', () => {
  expect(halves(2)).toEqual({ first: '0', second: '1' });
  expect(halves(5)).toEqual({ first: '0-1', second: '2-4' });
  expect(() => halves(1)).toThrow('two processors');
});
