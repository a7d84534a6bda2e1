// Owns the proof that a master that was stopped cleanly starts from its snapshot, and that whoever follows the journal holds
// the very state that the master holds.

import { purge } from '@parley/actor/nats/jetstream-requests';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { faultOfSnapshot } from '@parley/actor/snapshots';
import { decode } from '@parley/protocol/codec';
import { journalStreamName } from '@parley/protocol/streams';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { succeeded } from './actor-fixture.ts';
import { type Books, ClusterFixture, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const Manifest = z.object({ sequence: z.int(), hash: z.string() });
const LogLine = z.object({ msg: z.string(), sequence: z.int().optional() });

let fixture: ClusterFixture;
let framework: QueueFramework;

beforeAll(async () => {
  fixture = new ClusterFixture();
  await fixture.start();
  framework = await new QueueFramework().connect(fixture, 'alice', 'kept');
});
afterAll(async () => {
  await framework?.close();
  await fixture?.close();
});

/** The journal sequence that a line of the master's log names, the newest first. */
function loggedSequence(message: string): number | undefined {
  const lines = fixture
    .service('master-1')
    .output.split('\n')
    .filter((line) => line.endsWith('}'));
  return lines.map((line) => LogLine.parse(JSON.parse(line))).findLast(({ msg }) => msg === message)
    ?.sequence;
}

/** Stops the master; the newest snapshot is then of the journal's last entry. */
async function stopCleanly(): Promise<z.infer<typeof Manifest>> {
  expect(await fixture.service('master-1').end('SIGTERM')).toBe(0);
  const store = new NatsSnapshotStore(await fixture.connect('operator', 'olga', 'books'), cluster);
  const [newest = { sequence: 0, writer: 'nobody' }] = succeeded(await store.list());
  expect(newest).toEqual({ sequence: loggedSequence('snapshot written'), writer: 'master-1' });
  expect(succeeded(await faultOfSnapshot(store, newest))).toBeUndefined();
  const manifest = succeeded(await store.readManifest(newest));
  return Manifest.parse(decode(manifest?.bytes ?? new Uint8Array()));
}

async function expectSameState(books: Books, manifest: z.infer<typeof Manifest>): Promise<void> {
  await until(
    () => books.replica.sequence >= manifest.sequence,
    () => `entry ${manifest.sequence} is followed; now at ${books.replica.sequence}`,
  );
  expect(books.replica.sequence).toBe(manifest.sequence);
  expect(books.replica.hash()).toBe(manifest.hash);
}

test('a start after a clean stop needs no more than the snapshot, and tasks go on', async () => {
  const early = await fixture.follow();
  const tasks = Array.from({ length: 24 }, (_, index) => fixture.task(`kept-${index}`));
  framework.add(tasks);
  await framework.untilRunning(20);
  const first = await stopCleanly();
  await expectSameState(early, first);

  // Without the entries that led there only the snapshot can tell what the books were.
  const provisioner = await fixture.connect('provisioner', 'provisioner', 'books');
  const below = { seq: first.sequence + 1 };
  succeeded(await purge(provisioner, journalStreamName(cluster), below));
  const begun = fixture.service('master-1').count('"msg":"term begins"');
  fixture.service('master-1').start();
  await fixture.service('master-1').says('"msg":"term begins"', begun);
  expect(loggedSequence('term begins')).toBe(first.sequence);
  const late = await fixture.follow();
  await framework.untilRunning(20);
  fixture.open();
  await framework.untilEnded(tasks);
  expect(tasks.map(({ taskId }) => fixture.runs(taskId))).toEqual(tasks.map(() => 1));

  const second = await stopCleanly();
  expect(second.sequence).toBeGreaterThan(first.sequence);
  await expectSameState(early, second);
  await expectSameState(late, second);
});
