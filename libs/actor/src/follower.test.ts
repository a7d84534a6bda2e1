import { fail } from '@parley/protocol/errors';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Follower, type FollowerOptions } from './follower.ts';
import type { JournalTail } from './journal.ts';
import { JournaledLeader } from './journaled-leader.ts';
import { loadReplica } from './load-replica.ts';
import { MemoryJournal } from './memory-journal.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import { systemTimers } from './nats/system-clock.ts';
import { Replica } from './replica.ts';
import { beginSnapshot, writeSnapshot } from './snapshots.ts';
import { type TallyEffect, type TallyInput, type TallyState, tallyCore } from './tally-core.ts';
import type { Timers } from './timers.ts';

const core = tallyCore();

function aWriter(journal: MemoryJournal) {
  let count = 0;
  const leader = new JournaledLeader({
    replica: new Replica(core),
    epoch: { bucketCreatedMs: 1, revision: 1 },
    makeNonce: () => `n${++count}`,
  });
  return async (...inputs: TallyInput[]): Promise<number> => {
    for (const input of inputs) leader.submit(input);
    const request = leader.nextAppend({ nowMs: 0, wallTimeMs: 0 });
    if (request === undefined) return journal.lastSequence;
    journal.appendNow(request);
    const result = leader.committed(journal.lastSequence);
    if (result.kind === 'broken') {
      const upTo = journal.lastSequence - 1;
      const options = { upTo, skips: [result.skip] };
      const source = { core, journal, snapshots: new MemorySnapshotStore() };
      const replica = await loadReplica(source, options);
      if (replica.ok) leader.rebuilt(replica.value);
    }
    return journal.lastSequence;
  };
}

async function follow(
  journal: MemoryJournal,
  options: Partial<FollowerOptions<TallyState, TallyInput, TallyEffect>> = {},
) {
  const followed: string[] = [];
  const opened = await Follower.open({
    core,
    journal,
    tail: journal,
    snapshots: new MemorySnapshotStore(),
    onEffect: ({ sequence, index, effect }) =>
      void followed.push(`${sequence}.${index} ${effect.key}=${effect.total}`),
    onReset: () => void followed.push('reset'),
    onTrouble: (failure) => void followed.push(`trouble ${failure.code}`),
    onRecovered: () => undefined,
    ...options,
  });
  if (!opened.ok) throw new Error(opened.failure.message);
  return { follower: opened.value, followed };
}

const add = (key: string): TallyInput => ({ kind: 'add', key, amount: 1 });

test('whatever the live tail loses, every effect is told once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), async (losses) => {
      const journal = new MemoryJournal({ losesTail: (sequence) => losses[sequence - 1] ?? false });
      const write = aWriter(journal);
      const { follower, followed } = await follow(journal);
      for (const _ of losses) await write(add('a'));
      await follower.compare();
      const expected = losses.flatMap((_, index) => [
        `${index + 1}.0 a=${index + 1}`,
        `${index + 1}.1 entry=1`,
      ]);
      expect(followed).toEqual(expected);
      await follower.close();
    }),
    { numRuns: 50 },
  );
});

/** Time that passes only when a test says so; nothing else waits in it. */
class PlayedTimers implements Timers {
  #nowMs = 0;
  #planned: { atMs: number; run: () => void }[] = [];

  async pass(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = this.#planned.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#planned = this.#planned.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { run } of due) run();
    await systemTimers.yieldToOthers();
  }

  after(ms: number, run: () => void): () => void {
    const planned = { atMs: this.#nowMs + ms, run };
    this.#planned.push(planned);
    return () => {
      this.#planned = this.#planned.filter((other) => other !== planned);
    };
  }

  wait = (ms: number) => new Promise<void>((resolve) => void this.after(ms, resolve));
  yieldToOthers = systemTimers.yieldToOthers;
  soon = (run: () => void) => this.after(0, run);
  every(): never {
    throw new Error('a follower plans its next comparison when one is over');
  }
}

/** Reads are answered once it is let go. */
class HeldJournal extends MemoryJournal {
  held = Promise.resolve();

  override async read(...what: Parameters<MemoryJournal['read']>) {
    await this.held;
    return super.read(...what);
  }
}

test('its lag is what it knows of and has not stepped yet', async () => {
  const journal = new HeldJournal({ losesTail: (sequence) => sequence < 5 });
  const write = aWriter(journal);
  const { follower } = await follow(journal, { timers: new PlayedTimers() });
  const { promise, resolve: letGo } = Promise.withResolvers<void>();
  journal.held = promise;
  const lags = [];
  for (let count = 1; count <= 6; count += 1) {
    await write(add('a'));
    lags.push(follower.lagEntries);
  }
  // Nobody told it of the first four until the fifth came.
  expect(lags).toEqual([0, 0, 0, 0, 5, 6]);
  letGo();
  await follower.compare();
  expect([follower.lagEntries, follower.replica.sequence]).toEqual([0, 6]);
  await follower.close();
});

test('it is current as of when it asked how far the journal goes, once all up to there is stepped', async () => {
  const journal = new HeldJournal({ losesTail: () => true });
  const write = aWriter(journal);
  let nowMs = 10;
  const options = { timers: new PlayedTimers(), clock: { nowMs: () => nowMs } };
  const { follower } = await follow(journal, options);
  const compareAt = async (ms: number) => {
    nowMs = ms;
    await follower.compare();
    return follower.currentAtMs;
  };
  expect([follower.currentAtMs, await compareAt(20)]).toEqual([10, 20]);
  await write(add('a'));
  const { promise, resolve: letGo } = Promise.withResolvers<void>();
  journal.held = promise;
  const compared = compareAt(30);
  await systemTimers.yieldToOthers();
  nowMs = 35;
  expect(follower.currentAtMs).toBe(20);
  letGo();
  expect(await compared).toBe(30);
  journal.info = async () => fail('unavailable', 'nobody is there');
  expect(await compareAt(40)).toBe(30);
  await follower.close();
});

test('a follower compares with the journal once a second, unasked, and then tells what the live tail has lost', async () => {
  const journal = new MemoryJournal({ losesTail: () => true });
  const write = aWriter(journal);
  const timers = new PlayedTimers();
  await write(add('a'));
  const { follower, followed } = await follow(journal, { timers });
  await timers.pass(0);
  for (const total of [2, 3]) {
    await write(add('a'));
    await timers.pass(999);
    expect(follower.replica.sequence).toBe(total - 1);
    await timers.pass(1);
    expect(follower.replica.sequence).toBe(total);
  }
  expect(followed).toEqual(['2.0 a=2', '2.1 entry=1', '3.0 a=3', '3.1 entry=1']);
  await follower.close();
  await write(add('a'));
  await timers.pass(10_000);
  expect(follower.replica.sequence).toBe(3);
});

test('a follower leaves out the input that the leader left out, and tells the rest of its entry', async () => {
  const journal = new MemoryJournal();
  const write = aWriter(journal);
  const told: unknown[] = [];
  const onSkipped = (skip: unknown): void => void told.push(skip);
  const { follower, followed } = await follow(journal, { onSkipped });
  await write(add('a'));
  await write(add('a'), { kind: 'poison', key: 'a' }, add('a'));
  await write(add('a'));
  await follower.compare();
  expect(followed.filter((line) => line.includes('a='))).toEqual([
    '1.0 a=1',
    '2.0 a=2',
    '2.1 a=3',
    '3.0 a=4',
  ]);
  expect(follower.state.totals.get('a')).toBe(4);
  expect(told).toEqual([{ sequence: 2, index: 1 }]);
  await follower.close();
});

test('a follower that was away longer than the journal reaches back begins anew and says so', async () => {
  const journal = new MemoryJournal({ losesTail: () => true });
  const snapshots = new MemorySnapshotStore();
  const write = aWriter(journal);
  await write(add('a'));
  const { follower, followed } = await follow(journal, { snapshots });
  for (let count = 0; count < 4; count += 1) await write(add('a'));
  const ahead = await loadReplica({ core, journal, snapshots: new MemorySnapshotStore() });

  if (ahead.ok) await writeSnapshot(snapshots, beginSnapshot(ahead.value), () => 0);
  await journal.purgeBelow(5);
  await follower.compare();
  expect(followed).toEqual(['reset']);
  expect(follower.state.totals.get('a')).toBe(5);
  await follower.close();
});

test('an entry that this release cannot step ends the following with a message', async () => {
  const journal = new MemoryJournal();
  const { follower, followed } = await follow(journal, { core: tallyCore(2) });
  await aWriter(journal)(add('a'));
  await follower.compare();
  expect(followed).toEqual(['trouble internalError']);
  await follower.close();
});

test('what arrives while the journal is asked for its end does not look like a journal that went back', async () => {
  const journal = new MemoryJournal();
  const write = aWriter(journal);
  const { follower, followed } = await follow(journal);
  await write(add('a'));
  await follower.compare();
  const answer = await journal.info();
  journal.info = async () => {
    await write(add('a'));
    return answer;
  };
  await follower.compare();
  expect(followed).toEqual(['1.0 a=1', '1.1 entry=1', '2.0 a=2', '2.1 entry=1']);
  await follower.close();
});

const flip = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte));

/** A tail that tells the entries of another journal, damaged. */
function damagedTail(journal: MemoryJournal): JournalTail {
  return {
    subscribe: (handler) =>
      journal.subscribe(({ sequence, bytes }) => handler({ sequence, bytes: flip(bytes) })),
  };
}

test('an entry that arrives damaged is read again, and nobody hears of it', async () => {
  const journal = new MemoryJournal();
  const write = aWriter(journal);
  const { follower, followed } = await follow(journal, { tail: damagedTail(journal) });
  await write(add('a'));
  await write(add('a'));
  await follower.compare();
  expect(followed.filter((line) => !line.includes('entry='))).toEqual(['1.0 a=1', '2.0 a=2']);
  await follower.close();
});

test('an entry that is damaged in the journal is trouble, told once, until the journal is whole or a snapshot leads past it', async () => {
  const journal = new MemoryJournal({ losesTail: () => true });
  const snapshots = new MemorySnapshotStore();
  const write = aWriter(journal);
  const recovered: string[] = [];
  const onRecovered = () => void recovered.push('recovered');
  const { follower, followed } = await follow(journal, { snapshots, onRecovered });
  for (let count = 0; count < 3; count += 1) await write(add('a'));
  const ahead = await loadReplica({ core, journal, snapshots: new MemorySnapshotStore() });
  journal.replace(2, flip);
  await follower.compare();
  await follower.compare();
  expect(followed).toEqual(['1.0 a=1', '1.1 entry=1', 'trouble booksDamaged']);
  expect(recovered).toEqual([]);
  expect(follower.state.totals.get('a')).toBe(1);

  journal.replace(2, flip);
  await follower.compare();
  await follower.compare();
  expect(followed.slice(3)).toEqual(['2.0 a=2', '2.1 entry=1', '3.0 a=3', '3.1 entry=1']);
  expect(recovered).toEqual(['recovered']);

  const late = await follow(journal, { snapshots, limits: { compareMs: 3_600_000 } });
  await write(add('a'));
  await write(add('a'));
  journal.replace(4, flip);
  if (ahead.ok) {
    ahead.value.apply(4, flip(entryOf(await journal.entryAt(4))));
    ahead.value.apply(5, entryOf(await journal.entryAt(5)));
    await writeSnapshot(snapshots, beginSnapshot(ahead.value), () => 0);
  }
  await late.follower.compare();
  expect(late.followed).toEqual(['reset']);
  expect(late.follower.state.totals.get('a')).toBe(5);
  await Promise.all([follower.close(), late.follower.close()]);
});

function entryOf(read: Awaited<ReturnType<MemoryJournal['entryAt']>>): Uint8Array {
  return (read.ok && read.value?.bytes) || new Uint8Array();
}
