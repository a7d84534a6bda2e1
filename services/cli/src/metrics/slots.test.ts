import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countSlots, SlotMeter, slotsThatFit } from './slots.ts';

const slot = { cpus: 100, mem: 400 };

describe('slotsThatFit', () => {
  it('is decided by the scarcest resource', () => {
    expect(slotsThatFit({ cpus: 1000, mem: 900 }, slot)).toBe(2);
    expect(slotsThatFit({ cpus: 99, mem: 9000 }, slot)).toBe(0);
    expect(slotsThatFit({ cpus: 1000 }, slot)).toBe(0);
  });

  it('is zero for a slot that asks for nothing', () => {
    expect(slotsThatFit({ cpus: 1000 }, {})).toBe(0);
  });
});

describe('countSlots', () => {
  it('counts a slot as in use once it does not fit any more, also through another kind of task', () => {
    const total = { cpus: 500, mem: 2000 };
    const agents = [
      { total, allocated: {} },
      { total, allocated: { cpus: 250, mem: 32 } },
    ];
    expect(countSlots(agents, slot)).toEqual({ slots: 10, inUse: 3 });
  });

  it('never adds agents up: remainders on two agents make no slot', () => {
    const agents = [
      { total: { cpus: 60, mem: 400 }, allocated: {} },
      { total: { cpus: 60, mem: 400 }, allocated: {} },
    ];
    expect(countSlots(agents, slot)).toEqual({ slots: 0, inUse: 0 });
  });

  it('stays between nothing and all slots, and grows with what is allocated', () => {
    const amount = fc.integer({ min: 0, max: 2000 });
    void fc.assert(
      fc.property(amount, amount, amount, (cpus, mem, more) => {
        const total = { cpus: 2000, mem: 4000 };
        const before = countSlots([{ total, allocated: { cpus, mem } }], slot);
        const after = countSlots([{ total, allocated: { cpus, mem: mem + more } }], slot);
        expect(before.inUse).toBeGreaterThanOrEqual(0);
        expect(after.inUse).toBeGreaterThanOrEqual(before.inUse);
        expect(after.inUse).toBeLessThanOrEqual(after.slots);
      }),
    );
  });
});

describe('SlotMeter', () => {
  it('takes peak and mean only over the time in which tasks waited', () => {
    const meter = new SlotMeter();
    meter.record(0, { slots: 10, inUse: 2 }, false);
    meter.record(10, { slots: 10, inUse: 6 }, true);
    meter.record(20, { slots: 10, inUse: 8 }, true);
    meter.record(30, { slots: 10, inUse: 10 }, false);
    expect(meter.report(100)).toEqual({ slots: 10, peak: 8, mean: 7, waitedMs: 20 });
  });

  it('has neither while no task ever waited', () => {
    const meter = new SlotMeter();
    meter.record(0, { slots: 4, inUse: 4 }, false);
    expect(meter.report(50)).toEqual({ slots: 4, peak: undefined, mean: undefined, waitedMs: 0 });
  });
});
