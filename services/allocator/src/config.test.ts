// Tests of what an allocator is started with.
import { expect, test } from 'vitest';
import { readInterval } from './config.ts';

test.each([
  [undefined, 0],
  ['0', 0],
  ['0ms', 0],
  ['250ms', 250],
  ['2s', 2000],
  ['10000ms', 10_000],
  ['10s', 10_000],
])('--allocation-interval %s is %i ms', (text, intervalMs) => {
  expect(readInterval({ 'allocation-interval': text })).toStrictEqual({
    ok: true,
    value: intervalMs,
  });
});

test.each(['', '100', '-1s', '1.5s', '1m', '10001ms', '11s', '1e3ms', 'soon'])(
  '--allocation-interval %s is refused by name, with what it must be',
  (text) => {
    expect(readInterval({ 'allocation-interval': text })).toMatchObject({
      ok: false,
      failure: {
        code: 'malformed',
        message: `--allocation-interval ${text}: must be 0, or a time such as 100ms or 2s, up to 10s`,
      },
    });
  },
);
