// Tests of what properties draw from, in the run of vitest that these tests are part of.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_SEED, parseSeed, SEED_VARIABLE, seedOf } from './property-seed.ts';

const whole = fc.integer();
const first = seedOf(process.env);
const drawn: number[][] = [];

function examples(): number[] {
  const seen: number[] = [];
  const property = fc.property(whole, (number) => {
    seen.push(number);
  });
  fc.assert(property, { numRuns: 30 });
  return seen;
}

test('a property draws the same examples in each run', () => {
  expect(examples()).toEqual(fc.sample(whole, { numRuns: 30, seed: first }));
  expect(examples()).toEqual(examples());
});

test('a test that is repeated draws other examples each time', { repeats: 2 }, ({ task }) => {
  const seed = first + (task.result?.repeatCount ?? 0);
  const mine = examples();
  expect(mine).toEqual(fc.sample(whole, { numRuns: 30, seed }));
  expect(drawn).not.toContainEqual(mine);
  drawn.push(mine);
});

test('the seed is the usual one, or the one that is told', () => {
  expect(seedOf({})).toBe(seedOf({ OTHER: '7' }));
  expect(seedOf({ [SEED_VARIABLE]: '7' })).toBe(7);
});

test.each(['', '-1', '1.5', 'x', String(MAX_SEED + 1)])('"%s" is no seed', (text) => {
  expect(() => parseSeed(text)).toThrow('must be a whole number');
});
