import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Timeline } from './timeline.ts';

describe('Timeline', () => {
  it('weighs each value by the time that it held', () => {
    const timeline = new Timeline();
    timeline.record(0, 1);
    timeline.record(30, 0);
    expect(timeline.mean(40)).toBeCloseTo(0.75);
    expect(timeline.peak).toBe(1);
  });

  it('has no mean before time has passed', () => {
    const timeline = new Timeline();
    expect(timeline.mean(5)).toBeUndefined();
    timeline.record(5, 3);
    expect(timeline.mean(5)).toBeUndefined();
  });

  it('leaves out the time in which the quantity was not defined', () => {
    const timeline = new Timeline();
    timeline.record(0, 4);
    timeline.pause(10);
    timeline.record(1000, 8);
    expect(timeline.mean(1010)).toBe(6);
  });

  it('shows the course in equal stretches, unknown ones included', () => {
    const timeline = new Timeline();
    timeline.record(10, 1);
    timeline.record(20, 3);
    expect(timeline.course({ fromMs: 0, toMs: 40, count: 4 })).toEqual([undefined, 1, 3, 3]);
    expect(timeline.course({ fromMs: 0, toMs: 40, count: 1 })).toEqual([7 / 3]);
  });

  it('keeps the exact mean and bounds its pieces however much is recorded', () => {
    const records = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ max: 100 })), {
      minLength: 1,
      maxLength: 200,
    });
    void fc.assert(
      fc.property(records, (steps) => {
        const small = new Timeline(4);
        let atMs = 0;
        let integral = 0;
        for (const [elapsed, value] of steps) {
          small.record(atMs, value);
          integral += elapsed * value;
          atMs += elapsed;
        }
        expect(small.mean(atMs)).toBeCloseTo(integral / atMs, 6);
        const [whole] = small.course({ fromMs: 0, toMs: atMs, count: 1 });
        expect(whole).toBeCloseTo(integral / atMs, 6);
      }),
    );
  });
});
