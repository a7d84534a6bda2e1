import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  LEASE_TIMING,
  type LeaseAction,
  type LeaseEntry,
  LeaseMachine,
  type LeaseMachineOptions,
  type LeaseNote,
  type LeaseRecord,
} from './lease.ts';

/** A key with compare-and-set, as the bucket has it. */
class Key {
  entry: LeaseEntry = { revision: 0, record: undefined };

  write(expectedRevision: number, record: LeaseRecord): number | undefined {
    if (expectedRevision !== this.entry.revision) return undefined;
    this.entry = { revision: this.entry.revision + 1, record };
    return this.entry.revision;
  }
}

function aMachine(holder: string, options: LeaseMachineOptions = {}): LeaseMachine {
  let count = 0;
  return new LeaseMachine(holder, () => `${holder}-${++count}`, options);
}

/** Carries one action out; the answer may get lost. */
function carryOut(machine: LeaseMachine, key: Key, nowMs: number, fate = 'answered'): void {
  const action = machine.next(nowMs);
  if (action !== undefined) answer(machine, key, { action, nowMs, fate });
}

function answer(
  machine: LeaseMachine,
  key: Key,
  { action, nowMs, fate }: { action: LeaseAction; nowMs: number; fate: string },
): void {
  if (action.kind === 'read') {
    machine.readAnswered(
      nowMs,
      fate === 'answered' ? { kind: 'found', entry: key.entry } : { kind: 'unknown' },
    );
    return;
  }
  const revision = fate === 'lost' ? undefined : key.write(action.expectedRevision, action.record);
  if (fate !== 'answered') machine.writeAnswered(nowMs, { kind: 'unknown' });
  else if (revision === undefined) machine.writeAnswered(nowMs, { kind: 'refused' });
  else machine.writeAnswered(nowMs, { kind: 'stored', revision });
}

function winAt(nowMs: number): { machine: LeaseMachine; key: Key } {
  const machine = aMachine('m1');
  const key = new Key();
  carryOut(machine, key, nowMs);
  carryOut(machine, key, nowMs);
  return { machine, key };
}

test('a free lease is taken with two requests, and the term is the revision that won', () => {
  const { machine, key } = winAt(0);
  expect([machine.status, machine.term, machine.mayAct(0)]).toEqual(['leading', 1, true]);
  carryOut(machine, key, LEASE_TIMING.renewMs);
  expect([key.entry.revision, machine.term]).toEqual([2, 1]);
  expect(key.entry.record?.term).toBe(1);
});

test('a holder fences itself when renewals fail, counted from before the last good one was sent', () => {
  const { machine } = winAt(1000);
  expect(machine.mayAct(1000 + LEASE_TIMING.selfFenceMs)).toBe(true);
  expect(machine.mayAct(1001 + LEASE_TIMING.selfFenceMs)).toBe(false);
  expect(machine.next(1001 + LEASE_TIMING.selfFenceMs)).toBeUndefined();
  expect(machine.status).toBe('lost');
});

test('a lease is renewed every 3 s, binds its holder for 15 s and everybody else for 20 s', () => {
  const { machine, key } = winAt(0);
  expect(machine.next(2999)).toBeUndefined();
  carryOut(machine, key, 3000);
  expect(key.entry.revision).toBe(2);
  expect(machine.next(5999)).toBeUndefined();
  expect([machine.mayAct(18_000), machine.mayAct(18_001)]).toEqual([true, false]);

  for (const [againMs, kind] of [
    [20_000, 'read'],
    [20_001, 'write'],
  ] as const) {
    const candidate = aMachine('m2');
    carryOut(candidate, key, 0);
    carryOut(candidate, key, againMs);
    expect(candidate.next(againMs + LEASE_TIMING.retryMs)?.kind).toBe(kind);
  }
});

test('a renewal that was stored although its answer was lost is adopted by its nonce', () => {
  const { machine, key } = winAt(0);
  carryOut(machine, key, 3000, 'answerLost');
  carryOut(machine, key, 4000);
  expect(machine.status).toBe('leading');
  carryOut(machine, key, 4000);
  expect(machine.status).toBe('leading');
  // Counted from the first try: nobody knows which of the two was stored.
  expect(machine.mayAct(3000 + LEASE_TIMING.selfFenceMs)).toBe(true);
  expect(machine.mayAct(3001 + LEASE_TIMING.selfFenceMs)).toBe(false);
});

test('a holder that finds another record has lost', () => {
  const { machine, key } = winAt(0);
  key.write(1, { holder: 'm2', nonce: 'x', term: 0, released: false });
  carryOut(machine, key, 3000);
  carryOut(machine, key, 3000);
  expect([machine.status, machine.mayAct(3000)]).toEqual(['lost', false]);
});

test('a candidate waits until it has itself seen the lease unchanged for its whole length', () => {
  const { key } = winAt(0);
  const candidate = aMachine('m2');
  carryOut(candidate, key, 50_000);
  expect(candidate.holder).toBe('m1');
  for (let nowMs = 51_000; nowMs <= 70_000; nowMs += 1000) carryOut(candidate, key, nowMs);
  expect(candidate.status).toBe('waiting');
  carryOut(candidate, key, 71_000);
  carryOut(candidate, key, 71_000);
  expect(candidate.status).toBe('leading');
});

test('a released lease and one under the own name are taken at once', () => {
  const { machine, key } = winAt(0);
  const again = aMachine('m1');
  carryOut(again, key, 10);
  carryOut(again, key, 10);
  expect(again.status).toBe('leading');

  const release = again.release();
  expect(release && key.write(release.expectedRevision, release.record)).toBeGreaterThan(0);
  expect(again.mayAct(10)).toBe(false);
  const other = aMachine('m2');
  carryOut(other, key, 20);
  carryOut(other, key, 20);
  expect(other.status).toBe('leading');
  expect(machine.term).toBeLessThan(other.term);
});

test('of two processes with one name the one that lost the lease waits like any other', () => {
  const { machine, key } = winAt(0);
  key.write(1, { holder: 'm1', nonce: 'twin', term: 0, released: false });
  carryOut(machine, key, 3000);
  carryOut(machine, key, 3000);
  expect([machine.status, machine.wasTaken]).toEqual(['lost', true]);
  const next = aMachine('m1', { ownNameIsFree: !machine.wasTaken });
  for (let nowMs = 4000; nowMs <= 4000 + LEASE_TIMING.leaseMs; nowMs += 1000) {
    carryOut(next, key, nowMs);
  }
  expect(next.status).toBe('waiting');
  carryOut(next, key, 5000 + LEASE_TIMING.leaseMs);
  carryOut(next, key, 5000 + LEASE_TIMING.leaseMs);
  expect(next.status).toBe('leading');
});

test('a holder that fenced itself has not lost its lease to anybody', () => {
  const { machine } = winAt(0);
  expect(machine.fence(1 + LEASE_TIMING.selfFenceMs)).toBe(true);
  expect(machine.wasTaken).toBe(false);
});

test('a candidate that is told that the holder is no more takes over with two requests', () => {
  const { key } = winAt(0);
  const candidate = aMachine('m2');
  carryOut(candidate, key, 100);
  expect([candidate.status, candidate.othersTerm]).toEqual(['waiting', 1]);
  candidate.suspect(200, 1);
  carryOut(candidate, key, 200);
  carryOut(candidate, key, 200);
  expect([candidate.status, candidate.term]).toEqual(['leading', 2]);
});

test('a suspicion is of one term: the next holder is left in peace', () => {
  const { key } = winAt(0);
  const candidate = aMachine('m2');
  carryOut(candidate, key, 100);
  key.write(1, { holder: 'm3', nonce: 'x', term: 0, released: false });
  candidate.suspect(200, 1);
  carryOut(candidate, key, 200);
  carryOut(candidate, key, 200);
  expect([candidate.status, candidate.othersTerm]).toEqual(['waiting', 2]);
});

test('a holder that hears of a later term looks: it goes on while its own write stands, and stops when it does not', () => {
  const { machine, key } = winAt(0);
  machine.recheck(100);
  carryOut(machine, key, 100);
  expect([machine.status, machine.mayAct(100)]).toEqual(['leading', true]);
  key.write(1, { holder: 'm2', nonce: 'x', term: 0, released: false });
  machine.recheck(200);
  carryOut(machine, key, 200);
  expect([machine.status, machine.wasTaken]).toEqual(['lost', true]);
});

test('to look is not to renew: a holder that only reads fences itself', () => {
  const { machine, key } = winAt(0);
  for (let nowMs = 1000; nowMs <= LEASE_TIMING.selfFenceMs; nowMs += 1000) {
    machine.recheck(nowMs);
    const action = machine.next(nowMs);
    expect(action?.kind).toBe('read');
    if (action) answer(machine, key, { action, nowMs, fate: 'answered' });
  }
  expect(machine.mayAct(1 + LEASE_TIMING.selfFenceMs)).toBe(false);
});

test('a candidate that is told to look while it looks does so again at once', () => {
  const { machine, key } = winAt(0);
  const candidate = aMachine('m2');
  const action = candidate.next(10);
  candidate.recheck(11);
  const before = key.entry;
  const release = machine.release();
  if (release) key.write(release.expectedRevision, release.record);
  candidate.readAnswered(12, { kind: 'found', entry: before });
  expect(action?.kind).toBe('read');
  carryOut(candidate, key, 12);
  carryOut(candidate, key, 12);
  expect(candidate.status).toBe('leading');
});

test('a candidate that is held back leaves a free lease to others', () => {
  const key = new Key();
  const candidate = aMachine('m2');
  candidate.holdBack(true);
  carryOut(candidate, key, 0);
  carryOut(candidate, key, 1000);
  expect([candidate.status, key.entry.revision]).toEqual(['waiting', 0]);
  candidate.holdBack(false);
  carryOut(candidate, key, 2000);
  carryOut(candidate, key, 2000);
  expect(candidate.status).toBe('leading');
});

test('two holders of different names never may act at the same time without suspicions, whatever gets lost', () => {
  const turn = fc.record({
    who: fc.integer({ min: 0, max: 2 }),
    waitMs: fc.integer({ min: 0, max: 9000 }),
    fate: fc.constantFrom('answered', 'answered', 'answered', 'answerLost', 'lost'),
  });
  void fc.assert(
    fc.property(fc.array(turn, { maxLength: 200 }), (turns) => {
      const key = new Key();
      const machines = ['m1', 'm2', 'm3'].map((name) => aMachine(name));
      let nowMs = 0;
      for (const { who, waitMs, fate } of turns) {
        nowMs += waitMs;
        const machine = machines[who];
        if (machine !== undefined) carryOut(machine, key, nowMs, fate);
        expect(machines.filter((each) => each.mayAct(nowMs)).length).toBeLessThanOrEqual(1);
        // A term that is over is followed by a new candidacy.
        if (machine?.status === 'lost') machines[who] = aMachine(`m${who + 1}`);
      }
    }),
    { numRuns: 500 },
  );
});

test('what a leader leaves behind with its lease stays there for the next one, until that one knows better', () => {
  const key = new Key();
  let note: LeaseNote | undefined = { createdMs: 5, sequence: 7 };
  const first = aMachine('m1', { note: () => note });
  for (let nowMs = 0; first.status !== 'leading'; nowMs += 1000) carryOut(first, key, nowMs);
  expect(key.entry.record?.note).toEqual({ createdMs: 5, sequence: 7 });
  note = { createdMs: 5, sequence: 90 };
  first.renewNow(10_000);
  carryOut(first, key, 10_000);
  const release = first.release();
  expect(release?.record.note).toEqual(note);
  if (release !== undefined) key.write(release.expectedRevision, release.record);

  let own: LeaseNote | undefined;
  const second = aMachine('m2', { note: () => own });
  for (let nowMs = 20_000; second.status !== 'leading'; nowMs += 1000) {
    carryOut(second, key, nowMs);
  }
  expect([second.note, key.entry.record?.note]).toEqual([note, note]);
  own = { createdMs: 9, sequence: 1 };
  second.renewNow(24_000);
  carryOut(second, key, 24_000);
  expect(key.entry.record?.note).toEqual(own);
});

test('one that has lost the lease names no term: what it knows of may be from another bucket than what it reads', () => {
  const { machine, key } = winAt(0);
  key.entry = { revision: 0, record: undefined };
  carryOut(machine, key, LEASE_TIMING.renewMs);
  carryOut(machine, key, LEASE_TIMING.renewMs);
  expect([machine.status, machine.othersTerm]).toEqual(['lost', undefined]);
});
