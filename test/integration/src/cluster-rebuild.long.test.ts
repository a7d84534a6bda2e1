// Owns the proof that books are made anew in the rarer cases: rubbish in the journal, journal and snapshots put
// back from an older copy, the leases lost with them.
import { cpSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { encode } from '@parley/protocol/codec';
import { journalStreamName, leaseBucketName, snapshotStreamName } from '@parley/protocol/streams';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { cluster, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { HaCluster } from './ha-fixture.ts';
import {
  expectSettings,
  LOST,
  makeStreamsAnew,
  NEW,
  setUp,
  untilKept,
  untilMastersSay,
  untilNoted,
} from './rebuild-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

let ha: HaCluster;

beforeEach(async () => {
  ha = await new HaCluster().start();
});
afterEach(() => ha.close());

test('rubbish in the journal, with a whole entry behind it: the books are made anew, and nothing that runs is lost', async () => {
  const { fixture, framework } = ha;
  await setUp(ha.fixture);
  const running = ha.tasks('first', 5);
  framework.add(running);
  await framework.untilRunning(5);
  await untilKept(ha.fixture);
  const masters = [fixture.service('master-1'), fixture.service('master-2')];
  for (const master of masters) await master.end('SIGKILL');
  const journal = new NatsJournal(await fixture.connect('master', 'master-1', 'books'), cluster);
  const { lastSequence } = succeeded(await journal.info());
  const bytes = encode('not what was written');
  await journal.append({ expectedSequence: lastSequence, nonce: 'n', bytes });
  await journal.append({ expectedSequence: lastSequence + 1, nonce: 'n', bytes });
  // And one behind them that is whole: the damage is in the middle.
  const whole = succeeded(await journal.entryAt(lastSequence))?.bytes ?? bytes;
  await journal.append({ expectedSequence: lastSequence + 2, nonce: 'n', bytes: whole });
  for (const master of masters) master.start();
  await untilMastersSay(ha.fixture, `entry ${lastSequence + 1} of the journal is damaged`);
  await untilMastersSay(ha.fixture, NEW);
  fixture.open('first');
  await ha.expectEachOnce(running);
  await expectSettings(ha.fixture);
  const { firstSequence } = succeeded(await journal.info());
  expect(firstSequence).toBeGreaterThan(lastSequence + 3);
});

test('journal and snapshots are put back from an older copy: what ran since then is not lost', async () => {
  const { fixture, framework } = ha;
  const masters = [fixture.service('master-1'), fixture.service('master-2')];
  const early = ha.tasks('first', 2);
  framework.add(early);
  await framework.untilRunning(2);
  const copy = path.join(fixture.directory, 'copy');
  const data = path.join(fixture.directory, 'server');
  await fixture.server.stop();
  const streams = streamDirectories(data);
  for (const [index, one] of streams.entries()) cpSync(one, `${copy}${index}`, { recursive: true });
  await fixture.startServer();
  await setUp(ha.fixture);
  const running = ha.tasks('first', 6).slice(2);
  framework.add(running);
  await framework.untilRunning(6);
  await untilKept(ha.fixture);
  await untilNoted(ha.fixture);
  for (const master of masters) await master.end('SIGKILL');
  await fixture.server.stop();
  for (const [index, one] of streams.entries()) {
    rmSync(one, { recursive: true });
    cpSync(`${copy}${index}`, one, { recursive: true });
  }
  await fixture.startServer();
  for (const master of masters) master.start();
  await untilMastersSay(ha.fixture, 'it lost its end');
  await untilMastersSay(ha.fixture, NEW);
  fixture.open('first');
  await ha.expectEachOnce([...early, ...running]);
  await expectSettings(ha.fixture);
});

test('journal, snapshots and leases are deleted: the new term is later than all before, and agents follow it', async () => {
  const { fixture, framework } = ha;
  await setUp(ha.fixture);
  const running = ha.tasks('first', 4);
  framework.add(running);
  await framework.untilRunning(4);
  await untilKept(ha.fixture);
  await makeStreamsAnew(ha.fixture, `KV_${leaseBucketName(cluster)}`);
  await untilMastersSay(ha.fixture, LOST);
  const later = ha.tasks('later', 4);
  fixture.open('later');
  framework.add(later);
  await ha.expectEachOnce(later);
  fixture.open('first');
  await ha.expectEachOnce(running);
  await expectSettings(ha.fixture);
});

/** Where the server keeps journal and snapshots. */
function streamDirectories(directory: string): string[] {
  const names = new Set([journalStreamName(cluster), snapshotStreamName(cluster)]);
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() && names.has(entry.name))
    .map(({ parentPath, name }) => path.join(parentPath, name));
}
