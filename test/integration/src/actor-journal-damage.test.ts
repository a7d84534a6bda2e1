// Owns the proof that a journal on a real JetStream that lost, or never had, what was journalled is noticed.

import { JournaledLeader } from '@parley/actor/journaled-leader';
import { type LoadOptions, loadBooks } from '@parley/actor/load-replica';
import { ask } from '@parley/actor/nats/jetstream-requests';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { provision, wantedStreams } from '@parley/actor/nats/provision';
import { randomNonce } from '@parley/actor/nats/system-clock';
import { Replica } from '@parley/actor/replica';
import { beginSnapshot, writeSnapshot } from '@parley/actor/snapshots';
import {
  type TallyEffect,
  type TallyInput,
  type TallyState,
  tallyCore,
} from '@parley/actor/tally-core';
import { journalStreamName } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type ActorFixture,
  cluster,
  SMALL_STREAMS,
  startRuntime,
  succeeded,
  TEST_TIMEOUT_MS,
} from './actor-fixture.ts';
import { TIERS } from './bus-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const core = tallyCore();
const stream = journalStreamName(cluster);

/** A provisioner that may do with the streams what must never happen to them, beside a master's adapters. */
class Damaged {
  readonly journal: NatsJournal;
  readonly snapshots: NatsSnapshotStore;
  readonly #provisioner: NatsConnection;

  constructor(master: NatsConnection, provisioner: NatsConnection) {
    this.journal = new NatsJournal(master, cluster);
    this.snapshots = new NatsSnapshotStore(master, cluster, 'master-1');
    this.#provisioner = provisioner;
  }

  static async open(runtime: ActorFixture): Promise<Damaged> {
    return new Damaged(
      await runtime.connect('master', 'master-1', 'books'),
      await runtime.connect('provisioner', 'provisioner', 'books'),
    );
  }

  /** So many entries from the beginning, each a step of the same history, and a snapshot of the last but one. */
  async write(entries: number): Promise<void> {
    const replica = new Replica<TallyState, TallyInput, TallyEffect>(core);
    const epoch = { bucketCreatedMs: 1, revision: 1 };
    const leader = new JournaledLeader({ replica, epoch, makeNonce: randomNonce });
    const { createdMs } = succeeded(await this.journal.info());
    for (let sequence = 1; sequence <= entries; sequence += 1) {
      succeeded(leader.submit({ kind: 'add', key: 'a', amount: 1 }));
      const request = leader.nextAppend({ nowMs: 0, wallTimeMs: 0 });
      if (request === undefined) throw new Error('an entry is due');
      expect(await this.journal.append(request)).toMatchObject({ kind: 'committed' });
      leader.committed(sequence);
      if (sequence !== entries - 1) continue;
      succeeded(await writeSnapshot(this.snapshots, beginSnapshot(replica, createdMs), () => 0));
    }
  }

  /** Without the guards of a real one. */
  async makeJournalAnew(deny_delete = true): Promise<void> {
    await this.api(`DELETE.${stream}`);
    const [wanted] = wantedStreams(SMALL_STREAMS);
    if (wanted === undefined) throw new Error('the first stream is the journal');
    succeeded(await provision(this.#provisioner, [{ ...wanted, deny_delete }]));
  }

  async api(call: string, query: object = {}): Promise<void> {
    const answer = await ask(this.#provisioner, `$JS.API.STREAM.${call}`, JSON.stringify(query));
    expect(answer.kind).toBe('answered');
  }

  async load(options?: LoadOptions) {
    const { journal, snapshots } = this;
    return succeeded(await loadBooks({ core, journal, snapshots }, options));
  }
}

describe.each(TIERS)('on a server of the %s tier', (tier) => {
  let runtime: ActorFixture | undefined;
  afterEach(async () => {
    await runtime?.close();
    runtime = undefined;
  });

  test('a stretch that the journal lost in its middle is missing, and nothing after it is stepped', async () => {
    runtime = await startRuntime(tier);
    const damaged = await Damaged.open(runtime);
    await damaged.makeJournalAnew(false);
    await damaged.write(80);
    for (const seq of [40, 41]) await damaged.api(`MSG.DELETE.${stream}`, { seq });
    expect(await damaged.load()).toMatchObject({ replica: { sequence: 80 }, damage: undefined });
    succeeded(await damaged.snapshots.remove({ sequence: 79, writer: 'master-1' }));
    const { replica, damage } = await damaged.load();
    expect(replica.sequence).toBe(39);
    expect(damage).toMatchObject({ kind: 'missing', sequence: 40 });
    expect(damage?.message).toContain('no entries 40 to 41');
  });

  test('a journal whose stream was made anew is another one, empty or grown past the old one', async () => {
    runtime = await startRuntime(tier);
    const damaged = await Damaged.open(runtime);
    await damaged.write(5);
    const { createdMs } = succeeded(await damaged.journal.info());
    await damaged.makeJournalAnew();
    expect(await damaged.load()).toMatchObject({
      replica: { sequence: 4 },
      damage: { kind: 'recreated', sequence: 5 },
    });
    const old = { sequence: 4, writer: 'master-1' };
    await damaged.write(9);
    succeeded(await damaged.snapshots.remove({ ...old, sequence: 8 }));
    expect(await damaged.load()).toMatchObject({ damage: { kind: 'recreated' } });

    // Without snapshots only what the lease tells is left.
    succeeded(await damaged.snapshots.remove(old));
    expect(await damaged.load()).toMatchObject({ replica: { sequence: 9 }, damage: undefined });
    const known = { createdMs, lastSequence: 5 };
    expect(await damaged.load({ known })).toMatchObject({ damage: { kind: 'recreated' } });
  });
});
