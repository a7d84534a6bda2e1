// Owns the proof that a master does not work with books that are not as they must be: it waits for streams that are
// missing, goes on by itself when they are there, and ends with what to do when the journal is damaged.
import { ask } from '@parley/actor/nats/jetstream-requests';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { provision, wantedBooks } from '@parley/actor/nats/provision';
import { encode } from '@parley/protocol/codec';
import { snapshotStreamName } from '@parley/protocol/streams';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { ClusterFixture, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const fixture = new ClusterFixture();

beforeAll(async () => {
  await fixture.startServer();
  await fixture.provision();
});
afterAll(() => fixture.close());

test('a master waits for a stream that is missing, says which, and leads once it is there', async () => {
  const provisioner = await fixture.connect('provisioner', 'provisioner', 'books');
  const snapshots = snapshotStreamName(cluster);
  await ask(provisioner, `$JS.API.STREAM.DELETE.${snapshots}`, '');
  const master = fixture.service('master-1').start();
  await master.says(`this master waits: stream ${snapshots} is not there`);
  expect(master.output).not.toContain('term begins');
  const placement = { replicas: 1, maxStreamBytes: 64 * 1024 ** 2 } as const;
  succeeded(await provision(provisioner, wantedBooks(cluster, placement)));
  await master.says('the streams of the books are as they must be');
  await master.says('term begins');
  expect(master.count('a stream took a test write')).toBe(2);
});

test('a master that finds a damaged entry ends and says which and what to do', async () => {
  const master = fixture.service('master-1');
  expect(await master.end('SIGTERM')).toBe(0);
  const journal = new NatsJournal(await fixture.connect('master', 'master-1', 'books'), cluster);
  const { lastSequence } = succeeded(await journal.info());
  const bytes = encode('not what was written');
  await journal.append({ expectedSequence: lastSequence, nonce: 'n', bytes });

  master.start();
  await master.says(`entry ${lastSequence + 1} of the journal is damaged`);
  expect(master.output).toContain('parley init');
  // By itself; a signal to a process that has ended changes nothing.
  await until(
    () => !master.isRunning,
    () => `master-1 ends; it said ${master.output.slice(-2000)}`,
  );
  expect(await master.end('SIGTERM')).toBe(1);
});
