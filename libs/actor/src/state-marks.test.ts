import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type MarkVerdict, StateMarks } from './state-marks.ts';

test('a difference is found whoever is ahead, and equal states never differ', () => {
  const turn = fc.record({
    leads: fc.integer({ min: 0, max: 300 }),
    follows: fc.integer({ min: 0, max: 300 }),
  });
  void fc.assert(
    fc.property(
      fc.array(turn, { minLength: 1, maxLength: 20 }),
      fc.option(fc.integer({ min: 1, max: 3000 })),
      (turns, wrongFrom) => {
        const marks = new StateMarks();
        const verdicts: MarkVerdict[] = [];
        let leader = 0;
        let own = 0;
        const hash = (sequence: number, isOwn: boolean) =>
          isOwn && wrongFrom !== null && sequence >= wrongFrom ? `bad ${sequence}` : `${sequence}`;
        for (const { leads, follows } of [...turns, { leads: 128, follows: 10_000 }]) {
          leader += leads;
          const marked = leader - (leader % 64);
          if (marked > 0)
            verdicts.push(marks.told({ sequence: marked, hash: hash(marked, false) }));
          const end = Math.min(own + follows, leader);
          while (own < end) {
            own += 1;
            const sequence = own;
            verdicts.push(marks.stepped(sequence, () => hash(sequence, true)));
          }
        }
        const lastMark = leader - (leader % 64);
        const mustDiffer = wrongFrom !== null && wrongFrom <= lastMark;
        expect(verdicts.includes('different')).toBe(mustDiffer);
        if (!mustDiffer) expect(marks.agreedSequence).toBe(lastMark);
        else expect(marks.agreedSequence ?? 0).toBeLessThan(wrongFrom);
      },
    ),
  );
});

test('the state is hashed only where it is compared', () => {
  const marks = new StateMarks();
  let asked = 0;
  for (let sequence = 1; sequence <= 640; sequence += 1) {
    marks.stepped(sequence, () => {
      asked += 1;
      return 'x';
    });
  }
  expect(asked).toBe(10);
});
