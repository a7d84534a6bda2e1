// Owns the proof that a master does not work with books that are not as they must be: it waits for streams that are
// missing, and goes on by itself when they are there. What it does when the books are lost is in cluster-rebuild.test.ts.
import { ask } from '@parley/actor/nats/jetstream-requests';
import { provision, wantedBooks } from '@parley/actor/nats/provision';
import { snapshotStreamName } from '@parley/protocol/streams';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { ClusterFixture, cluster, TEST_TIMEOUT_MS } from './cluster-fixture.ts';

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
  expect(master.count('a stream took a test write')).toBe(3);
});
