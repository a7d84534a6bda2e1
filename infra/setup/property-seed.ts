// Owns what tests draw their examples from: a number that stands here, so that a change is judged by itself and not by
// luck, or another one that is told. Pure; that a test draws from it is seeded-properties.ts.

/** Tells another seed, to one run of vitest. */
export const SEED_VARIABLE = 'PARLEY_TEST_SEED';

const USUAL_SEED = 1;
/** fast-check takes 32 bits with a sign; each repetition of a test adds one. */
export const MAX_SEED = 2 ** 30;

/** @throws {TypeError} when a seed is told that is none */
export function seedOf(env: Readonly<Record<string, string | undefined>>): number {
  const told = env[SEED_VARIABLE];
  return told === undefined ? USUAL_SEED : parseSeed(told);
}

/** @throws {TypeError} when it is no seed */
export function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed <= MAX_SEED) return seed;
  throw new TypeError(`seed ${text}: must be a whole number from 0 to ${MAX_SEED}`);
}
