// Tests what becomes of terms when the bucket of leases is put back from an older copy, or made anew.
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LeaseEntry, LeaseRecord } from './lease.ts';
import { LeaseHolder } from './lease-holder.ts';
import { LeasePast, type LeaseSetback } from './lease-past.ts';
import type { LeaseStore } from './lease-store.ts';

/** Has compare-and-set, as a real one has. What was copied once can be put back. */
class Bucket implements LeaseStore {
  createdMs = 1000;
  entry: LeaseEntry = { revision: 0, record: undefined };
  sequence = 0;
  readonly copies: { createdMs: number; entry: LeaseEntry; sequence: number }[] = [];

  async read() {
    return { kind: 'found', bucketCreatedMs: this.createdMs, entry: this.entry } as const;
  }

  async write({ expectedRevision, record }: { expectedRevision: number; record: LeaseRecord }) {
    if (expectedRevision !== this.entry.revision) return { kind: 'refused' } as const;
    this.sequence += 1;
    this.entry = { revision: this.sequence, record };
    return { kind: 'stored', revision: this.sequence } as const;
  }

  copy(): void {
    const { createdMs, entry, sequence } = this;
    this.copies.push({ createdMs, entry, sequence });
  }

  putBack(index: number): void {
    const copy = this.copies[index % this.copies.length];
    if (copy !== undefined) Object.assign(this, copy);
  }

  /** By a server whose clock may be behind. */
  makeAnew(createdMs: number): void {
    Object.assign(this, { createdMs, entry: { revision: 0, record: undefined }, sequence: 0 });
  }
}

/** Time that passes when it is told to. */
class World {
  nowMs = 0;
  readonly #timers: { atMs: number; run: () => void }[] = [];
  readonly clock = { nowMs: () => this.nowMs, wallTimeMs: () => this.nowMs };
  readonly timers = {
    after: (ms: number, run: () => void) => {
      const timer = { atMs: this.nowMs + ms, run };
      this.#timers.push(timer);
      return () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      };
    },
  } as never;

  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      await settle();
      const [next] = this.#timers.toSorted((one, other) => one.atMs - other.atMs);
      if (next === undefined || next.atMs > endMs) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = endMs;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

class Master {
  readonly won: Epoch[] = [];
  readonly setbacks: LeaseSetback[] = [];
  readonly past = new LeasePast();
  readonly #world: World;
  readonly #bucket: Bucket;
  readonly #id: string;
  readonly #onWon: (epoch: Epoch) => void;
  #lease: LeaseHolder | undefined;
  #nonces = 0;

  constructor(
    world: World,
    bucket: Bucket,
    id: string,
    onWon: (epoch: Epoch) => void = () => undefined,
  ) {
    this.#world = world;
    this.#bucket = bucket;
    this.#id = id;
    this.#onWon = onWon;
  }

  get leads(): boolean {
    return this.#lease?.mayAct() === true;
  }

  stand(ownNameIsFree = true): this {
    const { clock, timers } = this.#world;
    this.#lease = new LeaseHolder({
      ...{ store: this.#bucket, holder: this.#id, clock, timers, past: this.past, ownNameIsFree },
      makeNonce: () => `${this.#id}-${++this.#nonces}`,
      onWon: (epoch) => {
        this.won.push(epoch);
        this.#onWon(epoch);
      },
      onLost: (taken) => this.stand(!taken),
      onSetback: (setback) => void this.setbacks.push(setback),
    });
    this.#lease.start();
    return this;
  }

  async stop(): Promise<void> {
    await this.#lease?.stop();
  }
}

async function aLeader() {
  const world = new World();
  const bucket = new Bucket();
  const master = new Master(world, bucket, 'm1').stand();
  await world.pass(0);
  bucket.copy();
  await world.pass(30_000);
  return { world, bucket, master };
}

test('a leader whose bucket is put back notices at its next renewal, tells, and goes on in a later term', async () => {
  const { world, bucket, master } = await aLeader();
  expect([master.won, master.setbacks, bucket.sequence]).toEqual([
    [{ bucketCreatedMs: 1000, revision: 1 }],
    [],
    11,
  ]);
  bucket.putBack(0);
  await world.pass(5000);
  expect(master.leads).toBe(true);
  expect(master.won).toHaveLength(2);
  expect(master.setbacks).toEqual([
    {
      kind: 'putBack',
      before: { bucketCreatedMs: 1000, revision: 11 },
      now: { bucketCreatedMs: 1000, revision: 2 },
    },
  ]);
});

test('where the copy is from before the term, the next one begins an era above it, which stays with the lease', async () => {
  const { world, bucket, master } = await aLeader();
  await master.stop();
  const second = new Master(world, bucket, 'm2').stand();
  await world.pass(1000);
  expect(second.won).toEqual([{ bucketCreatedMs: 1000, revision: 13 }]);
  bucket.putBack(0);
  await world.pass(5000);
  expect(second.won.at(-1)).toEqual({ bucketCreatedMs: 1001, revision: 2 });
  expect(second.setbacks).toMatchObject([{ kind: 'putBack' }]);
  await second.stop();
  // Of one that has only just started: it knows nothing but what stands there.
  const third = new Master(world, bucket, 'm3').stand();
  await world.pass(1000);
  expect(third.won[0]?.bucketCreatedMs).toBe(1001);
  expect(third.won[0]?.revision).toBeGreaterThan(2);
  expect(third.setbacks).toEqual([]);
});

test('a bucket that is made anew is told, and its terms are later, even if its server has a clock that is behind', async () => {
  for (const createdMs of [2000, 500]) {
    const { world, bucket, master } = await aLeader();
    bucket.makeAnew(createdMs);
    await world.pass(5000);
    expect(master.leads).toBe(true);
    expect(compareEpochs(master.won.at(-1) ?? NONE, master.won[0] ?? NONE)).toBeGreaterThan(0);
    const kind = createdMs === 2000 ? 'recreated' : 'putBack';
    expect(master.setbacks).toMatchObject([{ kind }]);
  }
});
const NONE: Epoch = { bucketCreatedMs: 0, revision: 0 };

test('one that has just started and knows of later terms from the books tells of it, and begins above them', async () => {
  const world = new World();
  const bucket = new Bucket();
  const master = new Master(world, bucket, 'm1');
  const before = { bucketCreatedMs: 1000, revision: 57 };
  master.past.heard(before);
  master.stand();
  await world.pass(1000);
  expect(master.won).toEqual([{ bucketCreatedMs: 1001, revision: 1 }]);
  expect(master.setbacks).toMatchObject([{ kind: 'putBack', before }]);
});

test('a standby that hears of the term after a setback tells nothing of it again', async () => {
  const { world, bucket, master } = await aLeader();
  const second = new Master(world, bucket, 'm2').stand();
  await world.pass(5000);
  bucket.putBack(0);
  bucket.makeAnew(5000);
  await world.pass(10_000);
  const [leader, other] = master.leads ? [master, second] : [second, master];
  expect([leader.leads, leader.setbacks.length]).toEqual([true, 1]);
  const said = other.setbacks.length;
  other.past.heard(leader.won.at(-1) ?? NONE);
  await world.pass(5000);
  await leader.stop();
  await world.pass(5000);
  expect([other.leads, other.setbacks.length]).toEqual([true, said]);
});

test('a standby that has read the lease, and then hears of the term that it says, notices a bucket that is made anew', async () => {
  const { world, bucket, master } = await aLeader();
  const second = new Master(world, bucket, 'm2').stand();
  await world.pass(1500);
  second.past.heard(master.won[0] ?? NONE);
  await master.stop();
  bucket.makeAnew(5000);
  await world.pass(5000);
  expect([second.leads, second.setbacks.map(({ kind }) => kind)]).toEqual([true, ['recreated']]);
});

/** Two masters that read each term in the books, and what may happen to the bucket and to them. */
class Pair {
  readonly world = new World();
  readonly bucket = new Bucket();
  readonly terms: Epoch[] = [];
  readonly masters: Master[] = [];

  start(index: number): void {
    const master = new Master(this.world, this.bucket, `m${index}`, (epoch) => this.#begun(epoch));
    for (const epoch of this.terms) master.past.heard(epoch);
    this.masters[index] = master.stand();
  }

  async happen({ kind, value }: Happening): Promise<void> {
    if (kind === 'copy') this.bucket.copy();
    if (kind === 'putBack') this.bucket.putBack(value);
    if (kind === 'anew') this.bucket.makeAnew(value);
    if (kind === 'restart') {
      await this.masters[value]?.stop();
      this.start(value);
    }
    await this.world.pass(kind === 'pass' ? value : 1000);
  }

  #begun(epoch: Epoch): void {
    this.terms.push(epoch);
    for (const master of this.masters) master.past.heard(epoch);
  }
}

const HIGHEST = { pass: 30_000, copy: 0, putBack: 20, anew: 3000, restart: 1 };
type Happening = { readonly kind: keyof typeof HIGHEST; readonly value: number };
const happening: fc.Arbitrary<Happening> = fc
  .constantFrom('pass', 'copy', 'putBack', 'anew', 'restart')
  .chain((kind) => fc.record({ kind: fc.constant(kind), value: fc.nat(HIGHEST[kind]) }));

test('whatever is put back or made anew, no term has an epoch that is not later than all before it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 40 }), async (events) => {
      const pair = new Pair();
      pair.start(0);
      pair.start(1);
      for (const event of events) await pair.happen(event);
      await pair.world.pass(60_000);
      expect(pair.masters.some(({ leads }) => leads)).toBe(true);
      const { terms } = pair;
      expect(terms).toEqual(terms.toSorted(compareEpochs));
      expect(new Set(terms.map((epoch) => JSON.stringify(epoch))).size).toBe(terms.length);
    }),
    { numRuns: 60 },
  );
});
