// Tests which snapshots stay and how far a journal may be purged, over a made-up history.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { purgeBase, retained } from './snapshot-retention.ts';

const limits = { kept: 3, historyEveryMs: 60 };
const every = (count: number, ms: number) =>
  Array.from({ length: count }, (_, index) => ({
    sequence: (index + 1) * 10,
    storedMs: index * ms,
    bytes: 1,
  })).toReversed();
const sequences = (snapshots: Iterable<{ sequence: number }>) =>
  [...snapshots].map(({ sequence }) => sequence).sort((a, b) => a - b);

describe('what is kept', () => {
  test('the newest three, the one below the journal, and between them one an hour', () => {
    // Every 20 ms one, an hour being 60: 10, 20, ..., 200.
    expect(sequences(retained(every(20, 20), 1, limits))).toEqual([
      10, 40, 70, 100, 130, 160, 180, 190, 200,
    ]);
    // The journal begins behind 70: nothing before it is of use.
    expect(sequences(retained(every(20, 20), 71, limits))).toEqual([
      70, 100, 130, 160, 180, 190, 200,
    ]);
    expect(sequences(retained(every(20, 20), 181, limits))).toEqual([180, 190, 200]);
  });

  test('as new ones come in, those that were kept for the history stay until the history has passed them', () => {
    const all = every(40, 20).toReversed();
    let kept: typeof all = [];
    for (const [index, snapshot] of all.entries()) {
      kept = [...retained([snapshot, ...kept], 1, limits)].sort((a, b) => b.sequence - a.sequence);
      expect(kept.length).toBeLessThanOrEqual(3 + Math.ceil((index * 20) / 60) + 1);
    }
    expect(sequences(kept)).toEqual(sequences(retained(every(40, 20), 1, limits)));
  });

  test('where room is short the history makes it, the oldest first and the one below the journal last', () => {
    expect(sequences(retained(every(20, 20), 71, limits, 5))).toEqual([70, 160, 180, 190, 200]);
    expect(sequences(retained(every(20, 20), 71, limits, 3))).toEqual([180, 190, 200]);
    expect(sequences(retained(every(20, 20), 71, limits, 0))).toEqual([180, 190, 200]);
  });
});

describe('where the journal may begin', () => {
  const at = (ageLimit: number, sizeLimit: number, newest = 180) =>
    purgeBase(every(20, 20), { firstSequence: 21, ageLimit, sizeLimit, newest })?.sequence;

  test('behind the last snapshot before the window, and never above what may be relied on', () => {
    expect(at(101, 0)).toBe(100);
    expect(at(100, 0)).toBe(90);
    expect(at(1000, 0)).toBe(180);
    expect(at(30, 0)).toBeUndefined();
    expect(at(31, 0)).toBe(30);
  });

  test('further than the window when the journal is too large, but no further than needed', () => {
    expect(at(31, 95)).toBe(100);
    expect(at(31, 101)).toBe(100);
    expect(at(31, 1000)).toBe(180);
    expect(at(151, 95)).toBe(150);
  });

  test('whatever is kept and wherever the journal is purged to, its first entry follows a kept snapshot', () => {
    void fc.assert(
      fc.property(fc.nat(250), fc.nat(250), fc.integer({ min: 4, max: 20 }), (age, size, count) => {
        const snapshots = every(count, 20);
        const newest = snapshots[limits.kept - 1]?.sequence ?? 0;
        const base = purgeBase(snapshots, {
          firstSequence: 1,
          ageLimit: age,
          sizeLimit: size,
          newest,
        });
        const firstSequence = (base?.sequence ?? 0) + 1;
        const kept = sequences(retained(snapshots, firstSequence, limits));
        expect(firstSequence === 1 || kept.includes(firstSequence - 1)).toBe(true);
        expect(firstSequence).toBeLessThanOrEqual(newest + 1);
      }),
    );
  });
});
