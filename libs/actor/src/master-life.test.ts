import { ActorId } from '@parley/protocol/ids';
import type { LeadershipBeat, LeadershipPhase, StateMark } from '@parley/protocol/leadership';
import { describe, expect, test } from 'vitest';
import { MasterLife } from './master-life.ts';

const epoch = (revision: number) => ({ bucketCreatedMs: 1, revision });
const aLife = (id = 'm1') =>
  new MasterLife({ id: ActorId.parse(id), version: '1', rulesVersion: 3 });

function aBeat(
  id: string,
  phase: LeadershipPhase,
  {
    mark,
    isFit = true,
    rulesVersion = 3,
  }: { mark?: StateMark; isFit?: boolean; rulesVersion?: number } = {},
): LeadershipBeat {
  const books = { sequence: 0, lagEntries: 0, rulesVersion, differences: 0, isFit };
  return { id: ActorId.parse(id), phase, version: '1', books: { ...books, ...(mark && { mark }) } };
}

const stepTo = (life: MasterLife, sequence: number, hash = 'same') => {
  const advice = [];
  for (let one = 1; one <= sequence; one += 1) advice.push(...life.stepped(one, () => hash));
  return advice;
};

test('a standby whose state differs makes it anew from what both agreed on; the second time it is no candidate', () => {
  const life = aLife();
  life.heard(aBeat('m3', 'following'), undefined, 0);
  stepTo(life, 64);
  const agreed = aBeat('m2', 'leading', { mark: { sequence: 64, hash: 'same' } });
  expect(life.heard(agreed, epoch(1), 0)).toEqual([]);
  for (let one = 65; one <= 128; one += 1) life.stepped(one, () => 'mine');
  const other = aBeat('m2', 'leading', { mark: { sequence: 128, hash: 'theirs' } });
  const rebuild = { kind: 'rebuild', sequence: 128, notAfter: 64 };
  expect(life.heard(other, epoch(1), 0)).toEqual([{ ...rebuild, differences: 1, isFit: true }]);
  // Told once, however often it is heard until the state is another one.
  expect(life.heard(other, epoch(1), 0)).toEqual([]);
  expect(life.mayStand(0)).toBe(true);
  life.replaced();
  life.heard(aBeat('m2', 'leading', { mark: { sequence: 192, hash: 'theirs' } }), epoch(1), 0);
  expect(life.stepped(192, () => 'mine')).toEqual([
    { ...rebuild, sequence: 192, differences: 2, isFit: false },
  ]);
  expect(life.mayStand(0)).toBe(false);
  // Alone it is better than nobody.
  expect(life.mayStand(10_000)).toBe(true);
});

test('a leader does not compare itself with what is said of other terms', () => {
  const life = aLife();
  life.leaseWon(epoch(2));
  life.termCommitted();
  stepTo(life, 64, 'mine');
  const earlier = aBeat('m2', 'leading', { mark: { sequence: 64, hash: 'theirs' } });
  expect(life.heard(earlier, epoch(1), 0)).toEqual([]);
});

test('a leader that hears of a later term looks at the lease, of its own or an earlier one it takes no notice', () => {
  const life = aLife();
  life.leaseWon(epoch(2));
  for (const revision of [1, 2]) {
    expect(life.heard(aBeat('m2', 'leading'), epoch(revision), 0)).toEqual([]);
  }
  expect(life.heard(aBeat('m2', 'opening'), epoch(3), 0)).toEqual([{ kind: 'recheckLease' }]);
});

test('a standby reads on when the leader is leaving, and looks at the lease when it has left', () => {
  const life = aLife();
  expect(life.heard(aBeat('m2', 'leaving'), epoch(1), 0)).toEqual([{ kind: 'readToEnd' }]);
  expect(life.heard(aBeat('m2', 'left'), epoch(1), 0)).toEqual([{ kind: 'recheckLease' }]);
});

test('standbys count while they are heard, and while their state is right', () => {
  const life = aLife();
  life.heard(aBeat('m2', 'following'), undefined, 0);
  life.heard(aBeat('m3', 'following', { isFit: false }), undefined, 0);
  life.heard(aBeat('m1', 'following'), undefined, 0);
  expect(life.standbys(1000)).toEqual(['m2']);
  expect(life.standbys(10_000)).toEqual([]);
  life.heard(aBeat('m2', 'following'), undefined, 10_000);
  life.heard(aBeat('m2', 'left'), undefined, 10_001);
  expect(life.standbys(10_001)).toEqual([]);
});

test('the leader names one who writes snapshots: a standby as long as it is alive, else itself', () => {
  const life = aLife();
  expect(life.snapshotWriter(0)).toBeUndefined();
  life.leaseWon(epoch(1));
  expect(life.snapshotWriter(0)).toBe('m1');
  life.heard(aBeat('m3', 'following'), undefined, 0);
  expect(life.snapshotWriter(1)).toBe('m3');
  life.heard(aBeat('m2', 'following'), undefined, 2000);
  expect(life.snapshotWriter(2000)).toBe('m3');
  expect(life.snapshotWriter(4000)).toBe('m2');
  expect(life.snapshotWriter(60_000)).toBe('m1');
});

test('a life goes through its phases, and another candidacy is another life with the same acquaintances', () => {
  const life = aLife();
  life.heard(aBeat('m2', 'following'), undefined, 0);
  const phases = [life.phase];
  life.leaseWon(epoch(1));
  phases.push(life.phase);
  expect(life.handOver()).toBe(false);
  life.termCommitted();
  phases.push(life.phase);
  expect(life.handOver()).toBe(true);
  phases.push(life.phase);
  life.ended();
  phases.push(life.phase);
  expect(phases).toEqual(['following', 'opening', 'leading', 'leaving', 'left']);
  life.standAgain();
  expect([life.phase, life.epoch, life.standbys(0)]).toEqual(['following', undefined, ['m2']]);
});

describe('the rules that every live master knows', () => {
  const leading = (atMs = 0) => {
    const life = aLife();
    life.heard(aBeat('m1', 'following'), undefined, atMs);
    life.leaseWon(epoch(1));
    life.termCommitted();
    return life;
  };

  test('are its own where a leader is alone, once it has listened for long enough to know', () => {
    const life = leading();
    expect(life.commonRules(3000)).toBeUndefined();
    expect(life.commonRules(4000)).toBe(3);
  });

  test('are those of the oldest release among them, fit or not, until it is gone', () => {
    const life = leading();
    life.heard(aBeat('m2', 'following'), undefined, 3000);
    life.heard(aBeat('m3', 'following', { rulesVersion: 2, isFit: false }), undefined, 3000);
    expect(life.commonRules(4000)).toBe(2);
    life.heard(aBeat('m3', 'left', { rulesVersion: 2 }), undefined, 4500);
    expect(life.commonRules(4500)).toBe(3);
  });

  test('are those of an old release for a minute after it fell silent without leaving: it may come back', () => {
    const life = leading();
    life.heard(aBeat('m2', 'following', { rulesVersion: 2 }), undefined, 3000);
    expect(life.commonRules(60_000)).toBe(2);
    expect(life.commonRules(65_000)).toBe(3);
  });

  test('are those of this release when another knows newer ones', () => {
    const life = leading();
    life.heard(aBeat('m2', 'following', { rulesVersion: 4 }), undefined, 4000);
    expect(life.commonRules(4000)).toBe(3);
  });

  test('are unknown while one has not told which it knows', () => {
    const life = leading();
    const { books: _, ...silent } = aBeat('m2', 'following');
    life.heard(silent, undefined, 4000);
    expect(life.commonRules(4000)).toBeUndefined();
    expect(life.commonRules(60_000)).toBeUndefined();
    expect(life.commonRules(65_000)).toBe(3);
  });

  test("are nobody's business who does not lead", () => {
    const life = aLife();
    life.heard(aBeat('m1', 'following'), undefined, 0);
    life.heard(aBeat('m2', 'leading'), epoch(1), 4000);
    expect(life.commonRules(4000)).toBeUndefined();
  });
});
