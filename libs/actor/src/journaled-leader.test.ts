import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEntry } from './journal-entry.ts';
import { JournaledLeader, type LeaderLimits } from './journaled-leader.ts';
import { type AppendFault, MemoryJournal } from './memory-journal.ts';
import { Replica } from './replica.ts';
import { type TallyEffect, type TallyInput, tallyCore } from './tally-core.ts';

const add = (key: string, amount = 1): TallyInput => ({ kind: 'add', key, amount });

function aLeader(
  options: { name?: string; revision?: number; limits?: Partial<LeaderLimits> } = {},
) {
  const { name = 'first', revision = 1, limits = {} } = options;
  let count = 0;
  return new JournaledLeader({
    replica: new Replica(tallyCore()),
    epoch: { bucketCreatedMs: 1, revision },
    makeNonce: () => `${name}-${++count}`,
    limits,
  });
}

const now = { nowMs: 0, wallTimeMs: 0 };

test('inputs are gathered while an append is in flight and go into the next one', () => {
  const leader = aLeader();
  leader.submit(add('a'));
  const first = leader.nextAppend(now);
  leader.submit(add('b'));
  leader.submit(add('c'));
  expect(leader.nextAppend(now)).toBeUndefined();
  leader.committed(1);
  const second = leader.nextAppend(now);
  expect([first?.expectedSequence, second?.expectedSequence]).toEqual([0, 1]);
  const entry = decodeEntry(second?.bytes ?? new Uint8Array());
  expect(entry.ok && entry.value.inputs).toEqual([add('b'), add('c')]);
});

test('a leader goes on under the rules of the books that it opened, until it is told that all masters know newer ones', () => {
  const journal = aLeader();
  journal.submit(add('a'));
  const bytes = journal.nextAppend(now)?.bytes ?? new Uint8Array();
  const replica = new Replica(tallyCore(4, 3));
  replica.apply(1, bytes);
  const epoch = { bucketCreatedMs: 1, revision: 2 };
  const leader = new JournaledLeader({ replica, epoch, makeNonce: () => 'n' });
  const rulesOfNext = (sequence: number) => {
    leader.submit(add('b'));
    const entry = decodeEntry(leader.nextAppend(now)?.bytes ?? new Uint8Array());
    leader.committed(sequence);
    return entry.ok && entry.value.rulesVersion;
  };
  expect(leader.raiseRules(3)).toBe(false);
  expect(rulesOfNext(2)).toBe(3);
  expect(leader.raiseRules(4)).toBe(true);
  expect(leader.raiseRules(4)).toBe(false);
  expect([rulesOfNext(3), rulesOfNext(4), leader.replica.rulesVersion]).toEqual([4, 4, 4]);
  expect(leader.raiseRules(3)).toBe(false);
  expect(rulesOfNext(5)).toBe(4);
  expect(() => leader.raiseRules(5)).toThrow('a leader knows the rules that it raises to');
});

test('an input that only newer rules know is not journalled before these hold: a standby would leave it out', () => {
  const core = {
    ...tallyCore(4, 3),
    inputSince: ({ kind }: TallyInput) => (kind === 'fill' ? 4 : 3),
  };
  const state = core.create();
  const epoch = { bucketCreatedMs: 1, revision: 1 };
  const start = { state, sequence: 1, coreTimeMs: 0, epoch, rulesVersion: 3, skips: [] };
  const leader = new JournaledLeader({
    replica: new Replica(core, start),
    epoch: { ...epoch, revision: 2 },
    makeNonce: () => 'n',
  });
  const fill: TallyInput = { kind: 'fill', key: 'a', bytes: 1 };
  expect(leader.submit(add('a'))).toMatchObject({ ok: true });
  expect(leader.submit(fill)).toMatchObject({
    failure: { code: 'unavailable', message: expect.stringContaining('needs rules version 4') },
  });
  leader.raiseRules(4);
  expect(leader.submit(fill)).toMatchObject({ ok: true });
});

test('nothing is stepped before it is committed', () => {
  const leader = aLeader();
  leader.submit(add('a'));
  leader.nextAppend(now);
  expect(leader.state.totals.size).toBe(0);
  expect(leader.committed(1)).toMatchObject({ kind: 'applied', effects: [{ key: 'a' }, {}] });
});

test('an entry ends at its limits, and one larger input still goes alone', () => {
  const leader = aLeader({ limits: { maxEntryBytes: 2000, maxInputsPerEntry: 2 } });
  const large = add('x'.repeat(3000));
  for (const input of [add('a'), add('b'), add('c'), large, add('d')]) leader.submit(input);
  const sizes: number[] = [];
  for (let sequence = 1; leader.pending > 0; sequence += 1) {
    const entry = decodeEntry(leader.nextAppend(now)?.bytes ?? new Uint8Array());
    sizes.push(entry.ok ? entry.value.inputs.length : 0);
    leader.committed(sequence);
  }
  expect(sizes).toEqual([2, 1, 1, 1]);
});

test('a full queue, a too large input and a stopped leader each refuse with their code', () => {
  const leader = aLeader({ limits: { maxQueuedInputs: 1, maxInputBytes: 100 } });
  const codeOf = (input: TallyInput) => {
    const outcome = leader.submit(input);
    return outcome.ok ? 'queued' : outcome.failure.code;
  };
  expect(codeOf(add('x'.repeat(200)))).toBe('tooLarge');
  expect(codeOf(add('a'))).toBe('queued');
  expect(codeOf(add('b'))).toBe('overloaded');
  leader.refused();
  expect(codeOf(add('c'))).toBe('unavailable');
  expect(leader.nextAppend(now)).toBeUndefined();
});

test('core time stands still until the first append of a term and goes on from the state', () => {
  const first = aLeader();
  first.submit(add('a'));
  first.nextAppend({ nowMs: 1000, wallTimeMs: 0 });
  first.committed(1);
  first.submit(add('a'));
  first.nextAppend({ nowMs: 1250, wallTimeMs: 0 });
  first.committed(2);
  expect(first.replica.coreTimeMs).toBe(250);

  const second = new JournaledLeader({
    replica: first.replica,
    epoch: { bucketCreatedMs: 1, revision: 2 },
    makeNonce: () => 'second',
  });
  expect(second.coreTimeMs(99_000)).toBe(250);
  second.submit(add('a'));
  second.nextAppend({ nowMs: 99_000, wallTimeMs: 0 });
  expect(second.coreTimeMs(99_010)).toBe(260);
});

test('a candidate whose first append is refused tries again with the same inputs; later ones do not', () => {
  const journal = new MemoryJournal();
  const before = aLeader({ name: 'before' });
  before.submit(add('a'));
  const stored = before.nextAppend(now);
  if (stored !== undefined) journal.appendNow(stored);

  const candidate = aLeader({ name: 'candidate', revision: 2 });
  candidate.submit(add('b'));
  const early = candidate.nextAppend(now);
  expect(early && journal.appendNow(early)).toEqual({ kind: 'refused' });
  candidate.replica.apply(1, stored?.bytes ?? new Uint8Array());
  expect(candidate.rebase()).toBe(true);
  const again = candidate.nextAppend(now);
  expect(again && journal.appendNow(again)).toEqual({ kind: 'committed', sequence: 2 });
  candidate.committed(2);
  expect(candidate.state.totals).toEqual(
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
  );
  expect(() => candidate.rebase()).toThrow('final');
});

test('a candidate that finds a later term in the journal stops', () => {
  const later = aLeader({ name: 'later', revision: 9 });
  later.submit(add('a'));
  const stored = later.nextAppend(now);
  const candidate = aLeader({ name: 'candidate', revision: 2 });
  candidate.submit(add('b'));
  candidate.nextAppend(now);
  candidate.replica.apply(1, stored?.bytes ?? new Uint8Array());
  expect(candidate.rebase()).toBe(false);
  expect(candidate.stopped).toBe(true);
});

/** Sends one entry until its fate is known, as the shell does. */
async function send(
  leader: ReturnType<typeof aLeader>,
  journal: MemoryJournal,
): Promise<TallyEffect[] | 'deposed'> {
  const request = leader.nextAppend(now);
  if (request === undefined) return [];
  let result = journal.appendNow(request);
  while (result.kind === 'unknown' || result.kind === 'diskFull') {
    result = journal.appendNow(request);
  }
  const sequence = request.expectedSequence + 1;
  if (result.kind === 'refused' && (await nonceAt(journal, sequence)) !== request.nonce) {
    leader.refused();
    return 'deposed';
  }
  const committed = leader.committed(sequence);
  return committed.kind === 'applied' ? committed.effects : [];
}

async function nonceAt(journal: MemoryJournal, sequence: number): Promise<string | undefined> {
  const stored = await journal.entryAt(sequence);
  if (!stored.ok || stored.value === undefined) return undefined;
  const entry = decodeEntry(stored.value.bytes);
  return entry.ok ? entry.value.nonce : undefined;
}

async function replay(journal: MemoryJournal) {
  const replica = new Replica(tallyCore());
  const effects: TallyEffect[] = [];
  const entries = await journal.read(1, 10_000);
  for (const { sequence, bytes } of entries.ok ? entries.value : []) {
    const result = replica.apply(sequence, bytes);
    if (result.kind === 'applied') effects.push(...result.effects);
  }
  return { effects, hash: replica.hash(), state: replica.state };
}

const someFaults = fc.array(
  fc.constantFrom<AppendFault>('none', 'none', 'lostAck', 'lost', 'delayed', 'diskFull'),
  { maxLength: 60 },
);

test('whatever happens to appends, nothing is lost or doubled and a replay tells the same effects', async () => {
  await fc.assert(
    fc.asyncProperty(
      someFaults,
      fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 30 }),
      async (faults, bursts) => {
        const plan = [...faults];
        const journal = new MemoryJournal({ fault: () => plan.shift() ?? 'none' });
        const leader = aLeader();
        const effects: TallyEffect[] = [];
        let submitted = 0;
        for (const burst of bursts) {
          for (let index = 0; index < burst; index += 1) leader.submit(add('k'));
          submitted += burst;
          const told = await send(leader, journal);
          if (told !== 'deposed') effects.push(...told);
        }
        while (leader.pending > 0) {
          const told = await send(leader, journal);
          if (told !== 'deposed') effects.push(...told);
        }
        const replayed = await replay(journal);
        expect(replayed.state.totals.get('k') ?? 0).toBe(submitted);
        expect(replayed.effects).toEqual(effects);
        expect(replayed.hash).toBe(leader.replica.hash());
      },
    ),
    { numRuns: 200 },
  );
});

test('of two leaders on one journal the deposed one stops, and every effect told is in the journal', async () => {
  await fc.assert(
    fc.asyncProperty(
      someFaults,
      fc.array(fc.constantFrom('old', 'new'), { maxLength: 20 }),
      async (faults, turns) => {
        const plan = [...faults];
        const journal = new MemoryJournal({ fault: () => plan.shift() ?? 'none' });
        const old = aLeader({ name: 'old' });
        old.submit(add('old'));
        const told: TallyEffect[] = [];
        const keep = (effects: TallyEffect[] | 'deposed') => {
          if (effects !== 'deposed') told.push(...effects);
        };
        keep(await send(old, journal));
        // The new leader knows everything that the journal holds when it begins.
        const replica = new Replica(tallyCore());
        const entries = await journal.read(1, 100);
        for (const { sequence, bytes } of entries.ok ? entries.value : []) {
          replica.apply(sequence, bytes);
        }
        let count = 0;
        const successor = new JournaledLeader({
          replica,
          epoch: { bucketCreatedMs: 1, revision: 2 },
          makeNonce: () => `new-${++count}`,
        });
        for (const turn of ['new', ...turns, 'old']) {
          const leader = turn === 'new' ? successor : old;
          if (leader.stopped) continue;
          leader.submit(add(turn));
          keep(await send(leader, journal));
        }
        expect(old.stopped).toBe(true);
        expect(successor.stopped).toBe(false);
        expect((await replay(journal)).effects).toEqual(told);
      },
    ),
    { numRuns: 200 },
  );
});

test.each([
  ['that read the journal only after a later term had begun', 1],
  ['whose epoch another term had already', 2],
])('a leader %s writes nothing', (_, revision) => {
  const later = { bucketCreatedMs: 1, revision: 2 };
  const start = {
    state: tallyCore().create(),
    sequence: 7,
    coreTimeMs: 0,
    epoch: later,
    rulesVersion: tallyCore().rulesVersion,
    skips: [],
  };
  const leader = new JournaledLeader({
    replica: new Replica(tallyCore(), start),
    epoch: { bucketCreatedMs: 1, revision },
    makeNonce: () => 'n',
  });
  expect(leader.stopped).toBe(true);
  expect(leader.submit({ kind: 'add', key: 'a', amount: 1 }).ok).toBe(false);
});
