import { encode } from '@parley/protocol/codec';
import { expect, test } from 'vitest';
import { type EntryHead, encodeEntry } from './journal-entry.ts';
import { Replica } from './replica.ts';
import { type TallyEffect, type TallyInput, type TallyState, tallyCore } from './tally-core.ts';

const plainHead = {
  rulesVersion: 3,
  epoch: { bucketCreatedMs: 5, revision: 1 },
  nonce: 'n',
  coreTimeMs: 0,
  wallTimeMs: 0,
};

function anEntry(inputs: readonly unknown[], head: Partial<EntryHead> = {}): Uint8Array {
  return encodeEntry({ ...plainHead, ...head }, inputs.map(encode));
}
/** As releases wrote them that knew no checksum. */
const anOldEntry = (inputs: readonly unknown[], rulesVersion = 3): Uint8Array =>
  encode({ ...plainHead, rulesVersion, inputs });
const add = (key: string, amount: number): TallyInput => ({ kind: 'add', key, amount });

test('an entry yields the effects of its inputs in order, then those of the whole', () => {
  const replica = new Replica(tallyCore());
  const result = replica.apply(1, anEntry([add('a', 2), add('a', 3)], { coreTimeMs: 9 }));
  expect(result).toMatchObject({
    kind: 'applied',
    effects: [
      { key: 'a', total: 2, atMs: 9 },
      { key: 'a', total: 5, atMs: 9 },
      { key: 'entry', total: 1, atMs: 9 },
    ],
  });
  expect(replica.sequence).toBe(1);
});

test('core time never decreases, whatever an entry says', () => {
  const replica = new Replica(tallyCore());
  replica.apply(1, anEntry([add('a', 1)], { coreTimeMs: 100 }));
  const result = replica.apply(2, anEntry([add('a', 1)], { coreTimeMs: 40 }));
  expect(result).toMatchObject({ context: { coreTimeMs: 100 } });
  expect(replica.coreTimeMs).toBe(100);
});

test('an input that makes a step throw breaks the replica, and a skip list leaves it out', () => {
  const bytes = anEntry([add('a', 1), { kind: 'poison', key: 'a' }, add('a', 2)]);
  const broken = new Replica(tallyCore());
  expect(broken.apply(1, bytes)).toMatchObject({ kind: 'broken', skip: { sequence: 1, index: 1 } });
  expect(() => broken.apply(1, bytes)).toThrow('must be rebuilt');

  const fresh = new Replica(tallyCore());
  fresh.skip({ sequence: 1, index: 1 });
  expect(fresh.apply(1, bytes)).toMatchObject({
    kind: 'applied',
    skipped: [{ sequence: 1, index: 1, input: { kind: 'poison', key: 'a' } }],
  });
  expect(fresh.state.totals.get('a')).toBe(3);
});

test('a full stack is not blamed on the input: it ends the process', () => {
  const replica = new Replica(tallyCore());
  expect(() => replica.apply(1, anEntry([{ kind: 'recurse' }]))).toThrow(RangeError);
});

test('an input that does not parse is left out and the rest is stepped', () => {
  const replica = new Replica(tallyCore());
  const result = replica.apply(1, anEntry([{ kind: 'unheard-of' }, add('a', 1)]));
  expect(result).toMatchObject({ kind: 'applied', skipped: [{ index: 0 }] });
  expect(replica.state.totals.get('a')).toBe(1);
});

test('an entry that is no entry, or not the one that was written, is never passed over', () => {
  const replica = new Replica(tallyCore());
  const whole = anEntry([add('a', 1)]);
  const flipped = whole.map((byte, at) => (at === whole.length - 1 ? byte ^ 1 : byte));
  for (const bytes of [encode('rubbish'), flipped, whole.subarray(0, -1), new Uint8Array(0)]) {
    expect(replica.apply(1, bytes)).toMatchObject({
      kind: 'corrupt',
      sequence: 1,
      message: expect.stringContaining('entry 1 of the journal is damaged'),
    });
  }
  expect([replica.sequence, replica.state.totals.size]).toEqual([0, 0]);
  expect(replica.apply(1, whole)).toMatchObject({ kind: 'applied' });
});

test('a whole entry in a place that is not its own, or after another one, is damage too', () => {
  const replica = new Replica(tallyCore());
  expect(replica.apply(1, anEntry([], { sequence: 2 }))).toMatchObject({
    kind: 'corrupt',
    message: expect.stringContaining('it was written as entry 2'),
  });
  expect(replica.apply(1, anEntry([add('a', 1)], { sequence: 1 }))).toMatchObject({
    kind: 'applied',
  });
  const previous = replica.entryChecksum ?? '';
  expect(replica.apply(2, anEntry([], { previous: previous.replace(/./, 'x') }))).toMatchObject({
    kind: 'corrupt',
    message: expect.stringContaining('after another entry than the one before it'),
  });
  expect(replica.apply(2, anEntry([], { previous }))).toMatchObject({ kind: 'applied' });
});

test('entries without a checksum are stepped under the rules of their time, and damage under later ones', () => {
  const replica = new Replica(tallyCore());
  expect(replica.apply(1, anOldEntry([add('a', 1)]))).toMatchObject({ kind: 'applied' });
  expect(replica.entryChecksum).toBeUndefined();
  expect(replica.apply(2, anEntry([add('a', 1)]))).toMatchObject({ kind: 'applied' });
  const later = new Replica(tallyCore(4));
  expect(later.apply(1, anOldEntry([], 4))).toMatchObject({
    kind: 'corrupt',
    message: expect.stringContaining('it has no checksum under rules version 4'),
  });
});

test('an entry under unknown rules is refused with what to do, and the state stays', () => {
  const replica = new Replica(tallyCore());
  const older = replica.apply(1, anEntry([add('a', 1)], { rulesVersion: 2 }));
  expect(older).toMatchObject({
    kind: 'unknownRules',
    message: expect.stringContaining('Go on with a release that knows it'),
  });
  const newer = replica.apply(1, anEntry([add('a', 1)], { rulesVersion: 4 }));
  expect(newer).toMatchObject({
    kind: 'unknownRules',
    message: expect.stringContaining('Start a release that knows'),
  });
  expect(replica.sequence).toBe(0);
});

test('entries of all rules from the oldest known on are stepped under their own, which may only rise', () => {
  const base = tallyCore(5, 4);
  const seen: number[] = [];
  const replica = new Replica<TallyState, TallyInput, TallyEffect>({
    ...base,
    step: (state, context, input) => {
      seen.push(context.rulesVersion);
      return base.step(state, context, input);
    },
  });
  expect(replica.rulesVersion).toBe(5);
  replica.apply(1, anEntry([add('a', 1)], { rulesVersion: 4 }));
  expect(replica.rulesVersion).toBe(4);
  replica.apply(2, anEntry([add('a', 1)], { rulesVersion: 5 }));
  expect([seen, replica.rulesVersion]).toEqual([[4, 5], 5]);
  expect(replica.apply(3, anEntry([add('a', 1)], { rulesVersion: 4 }))).toMatchObject({
    kind: 'corrupt',
    message: expect.stringContaining('it was written under rules version 4 after version 5'),
  });
  expect(replica.apply(3, anEntry([add('a', 1)], { rulesVersion: 6 }))).toMatchObject({
    kind: 'unknownRules',
    message: expect.stringContaining('this release knows versions 4 to 5. Start a release that'),
  });
  expect(replica.state.totals.get('a')).toBe(2);
});

test('an entry out of order is a defect', () => {
  expect(() => new Replica(tallyCore()).apply(2, anEntry([]))).toThrow('entry 2 after 0');
});

test('books made anew behind a lost past go on at its end, and no replica of that past steps what follows', () => {
  const old = new Replica(tallyCore());
  for (let sequence = 1; sequence <= 3; sequence += 1) {
    old.apply(sequence, anEntry([add('a', 1)], { sequence }));
  }
  const anew = Replica.anew(tallyCore(), 3, 50);
  expect([anew.sequence, anew.coreTimeMs, anew.state.totals.size]).toEqual([3, 50, 0]);
  const { entryChecksum: previous } = anew;
  const first = anEntry([add('b', 1)], {
    sequence: 4,
    ...(previous !== undefined && { previous }),
  });
  expect(old.apply(4, first)).toMatchObject({ kind: 'corrupt', sequence: 4 });
  expect(anew.apply(4, first)).toMatchObject({ kind: 'applied' });
  expect([...anew.state.totals.keys()]).toEqual(['b']);
});
