// Owns the proof that suspicions, right or wrong, cost time only: leases that are taken early and journaled leaders
// together never let a deposed leader commit anything.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEntry } from './journal-entry.ts';
import { JournaledLeader } from './journaled-leader.ts';
import { type LeaseEntry, LeaseMachine } from './lease.ts';
import { catchUp } from './load-replica.ts';
import { type AppendFault, MemoryJournal } from './memory-journal.ts';
import { Replica } from './replica.ts';
import { type TallyEffect, type TallyInput, type TallyState, tallyCore } from './tally-core.ts';

const core = tallyCore();
type Leader = JournaledLeader<TallyState, TallyInput, TallyEffect>;

type Key = { entry: LeaseEntry };
type Turn = {
  readonly what: 'lease' | 'append' | 'suspect' | 'look';
  readonly isLost: boolean;
};

/** One process after another of the same name: its lease, and what it leads with. */
class Contender {
  readonly name: string;
  machine: LeaseMachine;
  leader: Leader | undefined;
  readonly carriedOut: string[] = [];
  #count = 0;

  constructor(name: string) {
    this.name = name;
    this.machine = this.#candidacy();
  }

  #candidacy(): LeaseMachine {
    return new LeaseMachine(this.name, () => `${this.name}-${++this.#count}`);
  }

  async turn(
    { what, isLost }: Turn,
    { key, journal, nowMs }: { key: Key; journal: MemoryJournal; nowMs: number },
  ): Promise<void> {
    const { othersTerm } = this.machine;
    if (what === 'append') return this.#append(journal, nowMs);
    if (what === 'look') this.machine.recheck(nowMs);
    else if (what === 'suspect' && othersTerm !== undefined)
      this.machine.suspect(nowMs, othersTerm);
    this.#turnLease(key, nowMs, isLost);
  }

  #turnLease(key: Key, nowMs: number, isLost: boolean): void {
    const action = this.machine.next(nowMs);
    if (action?.kind === 'read') {
      this.machine.readAnswered(
        nowMs,
        isLost ? { kind: 'unknown' } : { kind: 'found', entry: key.entry },
      );
    } else if (action !== undefined) {
      const fits = action.expectedRevision === key.entry.revision;
      if (fits) key.entry = { revision: key.entry.revision + 1, record: action.record };
      if (isLost) this.machine.writeAnswered(nowMs, { kind: 'unknown' });
      else if (!fits) this.machine.writeAnswered(nowMs, { kind: 'refused' });
      else this.machine.writeAnswered(nowMs, { kind: 'stored', revision: key.entry.revision });
    }
    if (this.machine.status === 'lost') this.#endTerm();
  }

  #endTerm(): void {
    this.machine = this.#candidacy();
    this.leader = undefined;
  }

  async #append(journal: MemoryJournal, nowMs: number): Promise<void> {
    if (!this.machine.mayAct(nowMs)) return;
    if (this.leader === undefined) {
      const replica = new Replica(core);
      await catchUp({ journal }, replica);
      this.leader = new JournaledLeader({
        replica,
        epoch: { bucketCreatedMs: 1, revision: this.machine.term },
        makeNonce: () => `${this.name}-${++this.#count}`,
      });
    }
    const { leader } = this;
    if (leader.inFlight === undefined && leader.pending === 0)
      leader.submit({ kind: 'add', key: 'a', amount: 1 });
    const request = leader.inFlight ?? leader.nextAppend({ nowMs, wallTimeMs: 0 });
    if (request === undefined) return;
    const result = await journal.append(request);
    if (result.kind === 'committed') this.#step(leader, result.sequence);
    else if (result.kind === 'refused') await this.#refused(journal, leader, request);
  }

  async #refused(
    journal: MemoryJournal,
    leader: Leader,
    { expectedSequence, nonce }: { expectedSequence: number; nonce: string },
  ): Promise<void> {
    const stored = await journal.entryAt(expectedSequence + 1);
    const entry = stored.ok && stored.value ? decodeEntry(stored.value.bytes) : undefined;
    if (entry?.ok && entry.value.nonce === nonce) return this.#step(leader, expectedSequence + 1);
    if (leader.hasCommitted) {
      this.#endTerm();
      return;
    }
    await catchUp({ journal }, leader.replica);
    if (!leader.rebase()) this.#endTerm();
  }

  #step(leader: Leader, sequence: number): void {
    const result = leader.committed(sequence);
    if (result.kind !== 'applied') throw new Error('nothing here breaks a step');
    for (const { key, total } of result.effects) {
      if (key === 'a') this.carriedOut.push(`${sequence}: ${total}`);
    }
  }
}

const aTurn = fc.record({
  who: fc.integer({ min: 0, max: 2 }),
  what: fc.constantFrom<Turn['what']>('lease', 'lease', 'append', 'append', 'suspect', 'look'),
  waitMs: fc.integer({ min: 0, max: 2000 }),
  isLost: fc.constantFrom(false, false, false, true),
  fault: fc.constantFrom<AppendFault>('none', 'none', 'none', 'lostAck', 'lost', 'delayed'),
});

test('whoever is suspected, rightly or not: terms follow one another in the journal, and nobody acts on what is not there', async () => {
  let takenEarly = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(aTurn, { minLength: 40, maxLength: 150 }), async (turns) => {
      let fault: AppendFault = 'none';
      const journal = new MemoryJournal({ fault: () => fault });
      const key: Key = { entry: { revision: 0, record: undefined } };
      const contenders = ['m1', 'm2', 'm3'].map((name) => new Contender(name));
      let nowMs = 0;
      for (const turn of turns) {
        nowMs += turn.waitMs;
        fault = turn.fault;
        await contenders[turn.who]?.turn(turn, { key, journal, nowMs });
        if (contenders.filter(({ machine }) => machine.mayAct(nowMs)).length > 1) takenEarly += 1;
      }
      const entries = await journal.read(1, 10_000);
      if (!entries.ok) throw new Error(entries.failure.message);
      const terms = entries.value.map(({ bytes }) => {
        const entry = decodeEntry(bytes);
        return entry.ok ? entry.value.epoch.revision : 0;
      });
      expect(terms).toEqual([...terms].sort((one, other) => one - other));
      // Every effect is of one entry, and of the state that all entries before it make.
      const carriedOut = contenders.flatMap((one) => one.carriedOut);
      const possible = new Set(terms.map((_, index) => `${index + 1}: ${index + 1}`));
      expect(carriedOut.filter((effect) => !possible.has(effect))).toEqual([]);
      expect(new Set(carriedOut).size).toBe(carriedOut.length);
    }),
    { numRuns: 300 },
  );
  // Otherwise nothing of this was tried.
  expect(takenEarly).toBeGreaterThan(0);
});
