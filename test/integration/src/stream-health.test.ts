// Owns the proof that a stream counts as healthy by a write that it takes in time, whatever its server says of it: of the
// books, and of the principals' updates; and that a leader says so.
import { copyWarnings, testUpdates, testWrites } from '@parley/actor/nats/books-check';
import { ask, readStanding } from '@parley/actor/nats/jetstream-requests';
import { wantedBooks, wantedUpdates } from '@parley/actor/nats/provision';
import { readCredentialFile, withConnection } from '@parley/nats-server/account-connection';
import type { NatsServer } from '@parley/nats-server/nats-server';
import { ActorId, type PrincipalName } from '@parley/protocol/ids';
import type { NatsConnection } from 'nats';
import { afterEach, expect, test, vi } from 'vitest';
import * as runtime from './actor-fixture.ts';
import { alice, bob, ClusterFixture, cluster, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { LEADS } from './ha-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const masterId = ActorId.parse('master-1');
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** As the operator would with "nats stream edit"; the connection is one that may. */
async function edit(connection: NatsConnection, name: string, config: object): Promise<void> {
  const answer = await ask(connection, `$JS.API.STREAM.UPDATE.${name}`, JSON.stringify(config));
  if (answer.kind !== 'answered') throw new Error(answer.message);
}

/** In the principal's own account. */
function provisionerOf<Value>(
  server: NatsServer,
  principal: PrincipalName,
  run: (connection: NatsConnection) => Promise<Value>,
): Promise<Value> {
  const credential = readCredentialFile(server.credentialFile('provisioner', 'provisioner'));
  const seed = credential.seeds.principals?.[principal];
  if (seed === undefined) throw new Error(`no key to the account of ${principal}`);
  return withConnection(credential, seed, run);
}

test('a stream that answers and takes no write is not healthy: leases, snapshots, what operators have set, updates', async () => {
  const fixture = await runtime.startRuntime('reference');
  cleanups.push(() => fixture.close());
  const owner = { cluster: runtime.cluster, masterId };
  const books = await fixture.connect('master', 'master-1', 'books');
  const control = await fixture.connect('master', 'master-1');
  const provisioner = await fixture.connect('provisioner', 'provisioner', 'books');
  const wanted = wantedBooks(runtime.cluster, runtime.SMALL_STREAMS);
  const tested = [wanted[1], wanted[2], wanted[4]];
  for (const stream of tested) {
    await edit(provisioner, stream.name, { ...stream, max_bytes: 1 });
    // Its information is as good as ever.
    runtime.succeeded(await readStanding(books, stream.name));
  }
  const full = await testWrites(books, owner);
  expect(full.map(({ stream }) => stream)).toEqual(tested.map(({ name }) => name));
  for (const { trouble } of full) expect(trouble).toContain('it is full');
  for (const stream of tested) await edit(provisioner, stream.name, stream);
  for (const { trouble } of await testWrites(books, owner)) expect(trouble).toBeUndefined();

  const updates = wantedUpdates(runtime.alice, runtime.SMALL_STREAMS);
  const change = (config: object) =>
    provisionerOf(fixture.server, runtime.alice, (own) => edit(own, updates.name, config));
  await change({ ...updates, max_bytes: 1 });
  expect((await testUpdates(control, owner, runtime.alice)).trouble).toContain('it is full');
  await change(updates);
  expect(await testUpdates(control, owner, runtime.alice)).toEqual({
    stream: updates.name,
    trouble: undefined,
  });
});

test('a leader says which principal takes no updates and whose stream was changed, and what to do', async () => {
  const fixture = new ClusterFixture();
  cleanups.push(() => fixture.close());
  await fixture.startServer();
  await fixture.provision();
  const streams = { cluster, replicas: 1, maxStreamBytes: 64 * 1024 * 1024 } as const;
  const [ofAlice, ofBob] = [alice, bob].map((name) => wantedUpdates(name, streams));
  if (ofAlice === undefined || ofBob === undefined) throw new Error('two streams are wanted');
  await provisionerOf(fixture.server, alice, (own) =>
    edit(own, ofAlice.name, { ...ofAlice, discard: 'old' }),
  );
  await provisionerOf(fixture.server, bob, (own) =>
    edit(own, ofBob.name, { ...ofBob, max_bytes: 1 }),
  );
  const master = fixture.service('master-1');
  await master.start().says(LEADS);
  await master.says('"stream":"the updates of alice"');
  expect(master.line('"stream":"the updates of alice"')).toMatchObject({
    level: 'error',
    trouble: expect.stringContaining('discard is "old", must be "new"'),
  });
  await master.says(`"stream":"${ofBob.name}"`);
  expect(master.line(`"stream":"${ofBob.name}"`)).toMatchObject({
    level: 'error',
    trouble: expect.stringContaining('it is full'),
    msg: expect.stringContaining('nats stream info'),
  });
});

test('streams on one server only are told where there are several, and unequal copies everywhere', () => {
  const copies = (...counts: number[]) => new Map(counts.map((count, at) => [`S${at}`, count]));
  expect(copyWarnings(copies(1, 1), false)).toEqual([]);
  expect(copyWarnings(copies(3, 3), true)).toEqual([]);
  expect(copyWarnings(copies(1, 1), true)).toEqual([
    'the NATS servers are a cluster, but each stream is on one of them only: S0 has 1, S1 has 1',
  ]);
  for (const isCluster of [false, true]) {
    expect(copyWarnings(copies(3, 1), isCluster)).toEqual([
      'the streams of the books have different numbers of copies: S0 has 3, S1 has 1',
    ]);
  }
});
