// Tests the ordered set and the queue of expiries against plain sorting.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExpiryHeap } from './expiry-heap.ts';
import { OrderedIndex } from './ordered-index.ts';

describe('the ordered index', () => {
  test('after any insertions and removals it iterates in order over what is inside', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 })), (numbers) => {
        const index = new OrderedIndex<number>((a, b) => a - b);
        const inside = new Set<number>();
        for (const number of numbers) {
          if (inside.delete(number)) index.remove(number);
          else {
            inside.add(number);
            index.insert(number);
          }
          expect([...index]).toStrictEqual([...inside].toSorted((a, b) => a - b));
          expect(index.size).toBe(inside.size);
        }
      }),
    );
  });

  test('inserting twice and removing what is not inside are defects', () => {
    const index = new OrderedIndex<number>((a, b) => a - b);
    index.insert(1);
    expect(() => index.insert(1)).toThrow('inserted once');
    expect(() => index.remove(2)).toThrow('is inside');
  });
});

describe('the expiry heap', () => {
  test('it gives what is due in order of time, without what was cancelled', () => {
    const arbitraryItem = fc.record({ expiresMs: fc.nat({ max: 50 }), isDropped: fc.boolean() });
    fc.assert(
      fc.property(fc.array(arbitraryItem), fc.nat({ max: 50 }), (specifications, nowMs) => {
        const heap = new ExpiryHeap<{ expiresMs: number; isCancelled: boolean }>();
        const kept: number[] = [];
        for (const { expiresMs, isDropped } of specifications) {
          const item = { expiresMs, isCancelled: false };
          heap.push(item);
          if (isDropped) heap.cancel(item);
          else kept.push(expiresMs);
          expect(heap.size).toBe(kept.length);
        }
        const popped: number[] = [];
        for (let item = heap.popExpired(nowMs); item; item = heap.popExpired(nowMs)) {
          popped.push(item.expiresMs);
        }
        const due = kept.filter((expiresMs) => expiresMs <= nowMs);
        expect(popped).toStrictEqual(due.toSorted((a, b) => a - b));
        expect(heap.size).toBe(kept.length - due.length);
      }),
    );
  });
});
