// Tests of which entry a moment means.
import type { Journal } from '@parley/actor/journal';
import { succeed } from '@parley/protocol/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { entryOf, parseMoment } from './moments.ts';

/** Entries from `first` on, stored at these times. */
function aPast(first: number, times: readonly number[], knownUntilMs = 10_000) {
  const journal: Pick<Journal, 'entryAt'> = {
    entryAt: async (sequence) => {
      const storedMs = times[sequence - first];
      return succeed(
        storedMs === undefined ? undefined : { sequence, storedMs, bytes: new Uint8Array() },
      );
    },
  };
  const last = first + times.length - 1;
  const past = {
    first: { sequence: first, storedMs: times[0] ?? 0 },
    last: { sequence: last, storedMs: times.at(-1) ?? 0 },
    startSequence: first - 1,
    knownUntilMs,
  };
  return { journal, past };
}

test.each([
  ['17', { kind: 'entry', sequence: 17 }],
  ['first', { kind: 'first' }],
  ['last', { kind: 'last' }],
  ['90s', { kind: 'before', ms: 90_000 }],
  ['1.5h', { kind: 'before', ms: 5_400_000 }],
  ['2026-05-04T10:15:00Z', { kind: 'time', atMs: Date.UTC(2026, 4, 4, 10, 15) }],
  ['2026-05-04 10:15:00.250+02:00', { kind: 'time', atMs: Date.UTC(2026, 4, 4, 8, 15, 0, 250) }],
])('%s is a moment', (text, moment) => {
  expect(parseMoment(text)).toEqual(moment);
});

test.each(['', 'yesterday', '-3', '10', '10 m', '2026-13-40', '2026-05-04T25:00Z', '1e3'])(
  '"%s" is one only if it is a plain number',
  (text) => {
    expect(parseMoment(text)).toEqual(text === '10' ? { kind: 'entry', sequence: 10 } : undefined);
  },
);

test('a time means the last entry that was stored by then', async () => {
  const times = fc.array(fc.nat(50), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(
      times,
      fc.nat(60),
      fc.integer({ min: 1, max: 500 }),
      async (some, at, first) => {
        const sorted = some.toSorted((a, b) => a - b);
        const { journal, past } = aPast(first, sorted);
        const found = await entryOf(journal, past, { kind: 'time', atMs: at });
        const index = sorted.findLastIndex((storedMs) => storedMs <= at);
        if (index < 0) expect(found).toMatchObject({ failure: { code: 'unknownMoment' } });
        else expect(found).toEqual({ ok: true, value: first + index });
      },
    ),
  );
});

test('what is not kept, or not known yet, is refused with what is kept', async () => {
  const { journal, past } = aPast(5, [100, 200, 300], 400);
  const refused = async (text: string) => {
    const moment = parseMoment(text) ?? { kind: 'last' as const };
    const found = await entryOf(journal, past, moment);
    return found.ok ? found.value : found.failure;
  };
  const kept = 'entries 5 (1970-01-01T00:00:00.100Z) to 7 (1970-01-01T00:00:00.300Z) are kept';
  expect(await refused('3')).toEqual({
    code: 'unknownMoment',
    message: `there is no entry 3: ${kept}`,
  });
  expect(await refused('8')).toMatchObject({ message: `there is no entry 8: ${kept}` });
  expect(await refused('1969-12-31T00:00Z')).toMatchObject({ code: 'unknownMoment' });
  expect(await refused('1970-01-01T00:00:00.401Z')).toMatchObject({ code: 'unknownMoment' });
  // Before there were times at all.
  expect(await refused('999999999999999d')).toMatchObject({ code: 'unknownMoment' });
  expect(await refused(`${'9'.repeat(400)}h`)).toMatchObject({ code: 'unknownMoment' });
  // Nothing happened between the last entry and now: that is known.
  expect(await refused('1970-01-01T00:00:00.400Z')).toBe(7);
  expect(await refused('100ms')).toBe(6);
});
