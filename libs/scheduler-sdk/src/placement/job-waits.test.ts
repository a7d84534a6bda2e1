// Owns the rules of who waits for a place near to its data, for how long, and who chooses first.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobWaits, nearestFirst } from './job-waits.ts';

const agent = (agentId: string, attributes: Record<string, string> = {}) => ({
  agentId,
  hostname: `${agentId}.test`,
  attributes,
});
const work = (group: string, ...agents: string[]) => ({
  group,
  near: agents.length > 0 ? { agentId: agents } : {},
});

describe('the wait of a group', () => {
  it('begins with the first place that any of its work lets go', () => {
    const waits = new JobWaits();
    expect(waits.sinceMs(work('scan', 'a1'))).toBeUndefined();
    waits.letGo(work('scan', 'a1'), 10);
    waits.letGo(work('scan', 'a2'), 20);
    expect(waits.sinceMs(work('scan', 'a3'))).toBe(10);
  });

  it('is not that of another group, nor of work that is near to nothing', () => {
    const waits = new JobWaits();
    waits.letGo(work('scan', 'a1'), 10);
    expect(waits.sinceMs(work('other', 'a1'))).toBeUndefined();
    expect(waits.sinceMs(work('scan'))).toBeUndefined();
  });

  it('begins anew once a piece found its place, and stays over when one took another', () => {
    const waits = new JobWaits();
    waits.letGo(work('scan', 'a1'), 10);
    waits.placed(work('scan', 'a1'), agent('a9'));
    waits.placed(work('scan'), agent('a1'));
    expect(waits.sinceMs(work('scan', 'a2'))).toBe(10);
    waits.placed(work('scan', 'a1'), agent('a1'));
    expect(waits.sinceMs(work('scan', 'a2'))).toBeUndefined();
    waits.letGo(work('scan', 'a2'), 30);
    expect(waits.sinceMs(work('scan', 'a2'))).toBe(30);
  });

  it('does not begin anew with a place at its second level', () => {
    const waits = new JobWaits();
    const zoned = { group: 'scan', near: { agentId: ['a1'], zone: ['z1'] } };
    waits.letGo(zoned, 10);
    waits.placed(zoned, agent('a2', { zone: 'z1' }));
    expect(waits.sinceMs(zoned)).toBe(10);
  });

  it('is forgotten when a thousand other groups have begun to wait', () => {
    const waits = new JobWaits();
    for (let number = 0; number <= 1024; number += 1) waits.letGo(work(`g${number}`, 'a1'), number);
    expect(waits.sinceMs(work('g0', 'a1'))).toBeUndefined();
    expect(waits.sinceMs(work('g1', 'a1'))).toBe(1);
  });
});

describe('who chooses first', () => {
  const order = (items: readonly ReturnType<typeof work>[], ...agents: string[]) =>
    nearestFirst(
      items,
      agents.map((id) => agent(id)),
      (item) => item,
    );

  it('is of each group the work that is near to an agent that is offered, otherwise in its order', () => {
    const [one, two, three] = [work('scan', 'a1'), work('scan', 'a2'), work('scan', 'a3', 'a2')];
    expect(order([one, two, three], 'a2')).toStrictEqual([two, three, one]);
    expect(order([one, two, three], 'a9')).toStrictEqual([one, two, three]);
  });

  it('is never work of a later group in place of an earlier one', () => {
    const [first, other, near] = [work('a', 'a1'), work('b', 'a1'), work('b', 'a2')];
    expect(order([first, other, near], 'a2')).toStrictEqual([first, near, other]);
  });

  it('leaves nobody out, and each group the places that it had (property)', () => {
    const item = fc.record({
      group: fc.constantFrom('a', 'b', 'c'),
      near: fc.oneof(
        fc.constant({}),
        fc.record({ agentId: fc.subarray(['a1', 'a2', 'a3'], { minLength: 1 }) }),
      ),
    });
    fc.assert(
      fc.property(fc.array(item), fc.subarray(['a1', 'a2', 'a3']), (items, agents) => {
        const ordered = order(items as ReturnType<typeof work>[], ...agents);
        expect(ordered.map(({ group }) => group)).toStrictEqual(items.map(({ group }) => group));
        expect(new Set(ordered)).toStrictEqual(new Set(items));
      }),
    );
  });
});
