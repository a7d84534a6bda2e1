// Tests that who may lead does not stay with a node of NATS that is cut off from the others: nothing is answered there.
import { Candidacy } from '@parley/actor/candidacy';
import { KvLeaseStore } from '@parley/actor/nats/kv-lease-store';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { leaveServers } from '@parley/actor/nats/server-watch';
import { ActorId } from '@parley/protocol/ids';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ACTORS, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { type Nats3, startNats3 } from './nats3-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const id = ActorId.parse('allocator-1');
let nats: Nats3;
let candidacy: Candidacy | undefined;

beforeEach(async () => {
  nats = await startNats3({ cluster, actors: ACTORS, separable: true });
});
afterEach(async () => {
  candidacy?.close();
  await candidacy?.release();
  await nats?.close();
});

test('a holder of a lease whose node is cut off from the others goes to another one and holds it there', async () => {
  await nats.untilWhole();
  const books = await nats.connect('allocator', id, 'books');
  const bus = new NatsBus({
    connection: await nats.connect('allocator', id),
    cluster,
    onConnectedChange: () => undefined,
    onTrouble: () => undefined,
    onClosed: () => undefined,
  });
  const holder = new Candidacy({
    ...{ bus, cluster, key: 'allocator', id },
    store: new KvLeaseStore({
      connection: books,
      cluster,
      key: 'allocator',
      onDamaged: () => undefined,
    }),
    onUnanswered: () => leaveServers(books, bus.connection),
    beat: () => ({ id, phase: 'leading', version: '1' }),
    onBeat: () => undefined,
    onWon: () => undefined,
    // It may take longer than the lease lasts until another node leads the stream.
    onLost: () => holder.stand(true),
    onSuspicion: () => undefined,
  });
  candidacy = holder;
  holder.start();
  holder.stand(true);
  await until(
    () => holder.mayAct(),
    () => 'it holds the lease',
  );
  const node = nats.nodes.find(({ url }) =>
    url.endsWith(books.getServer().split(':').at(-1) ?? '-'),
  );
  if (node === undefined) throw new Error(`no node is at ${books.getServer()}`);
  const before = books.getServer();
  nats.separate([node.name]);
  await until(
    () => books.getServer() !== before && holder.mayAct(),
    () => `it holds the lease over another node than ${before}`,
  );
  // Still so after the last renewal over the first node is worth nothing any more.
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 20_000);
  await promise;
  expect([holder.mayAct(), books.getServer() === before]).toEqual([true, false]);
});
