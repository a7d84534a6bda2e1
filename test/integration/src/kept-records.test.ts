// Owns the proof that what is stored on a real server outside the journal carries a checksum: leases and what operators have
// set. What is damaged is noticed, told, not believed, and written again; what earlier releases stored is read.
import { LeaseHolder } from '@parley/actor/lease-holder';
import { readMessage, store } from '@parley/actor/nats/jetstream-requests';
import { KvLeaseStore } from '@parley/actor/nats/kv-lease-store';
import type { KeptSetting } from '@parley/cluster/inputs';
import { SettingsBucket } from '@parley/master/settings-bucket';
import { encode } from '@parley/protocol/codec';
import type { Epoch } from '@parley/protocol/epoch';
import { leaseBucketName, settingsBucketName, settingsPartSubject } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type ActorFixture,
  cluster,
  startRuntime,
  succeeded,
  TEST_TIMEOUT_MS,
  until,
} from './actor-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

let runtime: ActorFixture;
let books: NatsConnection;

beforeEach(async () => {
  runtime = await startRuntime('reference');
  books = await runtime.connect('master', 'master-1', 'books');
});
afterEach(() => runtime.close());

/** The record with one bit of a byte in its middle turned: what a disk may make of it. */
async function damage(bucket: string, subject: string): Promise<void> {
  const read = succeeded(await readMessage(books, `KV_${bucket}`, { last_by_subj: subject }));
  if (read === undefined) throw new Error(`nothing stands in ${subject}`);
  const middle = Math.floor(read.bytes.length / 2);
  await put(
    subject,
    Uint8Array.from(read.bytes).map((byte, at) => (at === middle ? byte ^ 1 : byte)),
  );
}

async function put(subject: string, bytes: Uint8Array): Promise<void> {
  expect((await store(books, subject, bytes)).kind).toBe('stored');
}

describe('what operators have set', () => {
  const bucket = settingsBucketName(cluster);
  const damaged: string[] = [];
  const open = () => new SettingsBucket(books, cluster, (subject) => void damaged.push(subject));
  const asOf = (sequence: number) => ({ epoch: { bucketCreatedMs: 1, revision: 1 }, sequence });
  const item = (key: string): KeptSetting => ({
    ...{ table: 'reservations', key, record: { text: key.padEnd(4000, 'x') } },
  });
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => item(String(index).padStart(4, '0')));
  const bad: string[] = [];
  const readBack = async () =>
    succeeded(await open().readAll((subject) => void bad.push(subject)))
      .items.map(({ key }) => key)
      .sort();
  const keysOf = (items: readonly KeptSetting[]) => items.map(({ key }) => key);
  beforeEach(() => {
    damaged.length = 0;
    bad.length = 0;
  });

  test('what is larger than a message may be is kept whole, and whole again when it has become smaller', async () => {
    for (const items of [many(800), many(200), many(1), many(300)]) {
      const writer = open();
      succeeded(await writer.write({ part: 3, items }, asOf(1)));
      expect(await readBack()).toEqual(keysOf(items));
      const fewer = items.slice(0, Math.ceil(items.length / 2));
      succeeded(await writer.write({ part: 3, items: fewer }, asOf(2)));
      expect(await readBack()).toEqual(keysOf(fewer));
      // Another leader, who knows nothing of what there was.
      succeeded(await open().write({ part: 3, items }, asOf(3)));
      expect(await readBack()).toEqual(keysOf(items));
    }
    expect([damaged, bad]).toEqual([[], []]);
  });

  test('what is damaged is told and left out, and told and written again by who compares it', async () => {
    const items = many(400);
    succeeded(await open().write({ part: 3, items }, asOf(1)));
    succeeded(await open().write({ part: 4, items: [item('other')] }, asOf(1)));
    const subjects = [`${settingsPartSubject(cluster, 3)}-1`, settingsPartSubject(cluster, 4)];
    for (const subject of subjects) await damage(bucket, subject);
    const left = await readBack();
    expect(bad.sort()).toEqual(subjects.sort());
    expect(left.length).toBeLessThan(items.length);
    expect(left).not.toContain('other');
    succeeded(await open().write({ part: 3, items }, asOf(2)));
    succeeded(await open().write({ part: 4, items: [item('other')] }, asOf(2)));
    expect(damaged.sort()).toEqual(subjects.sort());
    expect(await readBack()).toEqual([...keysOf(items), 'other']);
  });

  test('what an earlier release kept is read', async () => {
    const old = encode({ sequence: 1, items: [item('old')] });
    await put(settingsPartSubject(cluster, 5), old);
    expect(await readBack()).toEqual(['old']);
    expect(bad).toEqual([]);
  });
});

describe('leases', () => {
  const bucket = leaseBucketName(cluster);
  const subject = `$KV.${bucket}.master`;
  const record = { holder: 'master-2', nonce: 'n', term: 0, released: false };
  const told: number[] = [];
  const leases = () =>
    new KvLeaseStore({
      ...{ connection: books, cluster, key: 'master' },
      onDamaged: ({ revision }) => void told.push(revision),
    });
  beforeEach(() => {
    told.length = 0;
  });

  test('one that an earlier release wrote is read, and one that is damaged is told once and taken for held', async () => {
    const lease = leases();
    await put(subject, Buffer.from(JSON.stringify(record)));
    const before = await lease.read();
    expect(before).toMatchObject({ kind: 'found', entry: { record } });
    const written = await lease.write({
      ...{ kind: 'write', expectedRevision: 1, record: { ...record, released: true } },
    });
    expect(written.kind).toBe('stored');
    expect(await lease.read()).toMatchObject({ entry: { record: { released: true } } });
    await damage(bucket, subject);
    for (let look = 0; look < 2; look += 1) {
      // By the revision of the record before it, which began a term; released or not is not known.
      const damagedEntry = {
        revision: 3,
        record: { holder: 'master-2', term: 2, released: false },
      };
      expect(await lease.read()).toMatchObject({ entry: damagedEntry });
    }
    // Whoever never read a good one knows nothing.
    expect(await leases().read()).toMatchObject({ entry: { record: { holder: '', term: 0 } } });
    expect(told).toEqual([3, 3]);
  });

  test('a damaged one is not taken at once, but once it has stood still, with an epoch that is later', async () => {
    const first = { ...record, nonce: 'm' };
    expect((await leases().write({ kind: 'write', expectedRevision: 0, record: first })).kind).toBe(
      'stored',
    );
    await damage(bucket, subject);
    const won: Epoch[] = [];
    const timing = { leaseMs: 2000, renewMs: 100, selfFenceMs: 1500, retryMs: 100 };
    const beginMs = performance.now();
    const holder = new LeaseHolder({
      ...{ store: leases(), holder: 'master-1', timing },
      onWon: (epoch) => void won.push(epoch),
      onLost: () => undefined,
    });
    holder.start();
    await until(() => holder.mayAct());
    expect(performance.now() - beginMs).toBeGreaterThan(timing.leaseMs);
    expect(won[0]?.revision).toBeGreaterThan(2);
    // It is whole again.
    const after = await leases().read();
    expect(after).toMatchObject({ entry: { record: { holder: 'master-1' } } });
    await holder.stop();
  });
});
