// Owns the proof that the bus on NATS refuses, answers and tells what it must, with the real permissions.

import { checkBooks, testWrites } from '@parley/actor/nats/books-check';
import { ask, readStanding } from '@parley/actor/nats/jetstream-requests';
import { type BusTrouble, NatsBus } from '@parley/actor/nats/nats-bus';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { openConnection } from '@parley/actor/nats/open-connection';
import { checkServer, provision, wantedStreams } from '@parley/actor/nats/provision';
import { ActorId } from '@parley/protocol/ids';
import { leaseBucketName, settingsBucketName, snapshotStreamName } from '@parley/protocol/streams';
import { nkeyAuthenticator, nkeys } from 'nats';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type ActorFixture,
  cluster,
  SMALL_STREAMS,
  startRuntime,
  succeeded,
  TEST_TIMEOUT_MS,
  until,
} from './actor-fixture.ts';
import { TIERS } from './bus-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const REGISTER = `parley.${cluster}.master.call.agent.a1.register`;
const bytes = Buffer.from('bytes');

async function board(runtime: ActorFixture, kind: 'master' | 'agent', id: string) {
  const troubles: BusTrouble[] = [];
  const connected: boolean[] = [];
  const bus = new NatsBus({
    connection: await runtime.connect(kind, id),
    cluster,
    onConnectedChange: (is) => void connected.push(is),
    onTrouble: (trouble) => void troubles.push(trouble),
    onClosed: () => undefined,
  });
  return { bus, troubles, connected };
}

describe.each(TIERS)('on a server of the %s tier', (tier) => {
  let runtime: ActorFixture | undefined;
  afterEach(async () => {
    await runtime?.close();
    runtime = undefined;
  });

  test('a request is answered, and a request to nobody fails as unavailable', async () => {
    runtime = await startRuntime(tier);
    const master = await board(runtime, 'master', 'master-1');
    const agent = await board(runtime, 'agent', 'a1');
    const nobody = await agent.bus.request(REGISTER, bytes, 10_000);
    expect(nobody).toMatchObject({ ok: false, failure: { code: 'unavailable' } });
    const subscription = master.bus.subscribe(REGISTER.replace('.a1.', '.*.'), (message) => {
      message.respond(Buffer.concat([message.bytes, message.bytes]));
    });
    await master.bus.connection.flush();
    const answer = succeeded(await agent.bus.request(REGISTER, bytes, 10_000));
    expect(Buffer.from(answer).toString()).toBe('bytesbytes');
    subscription.close();
    await master.bus.connection.flush();
    expect((await agent.bus.request(REGISTER, bytes, 10_000)).ok).toBe(false);
  });

  test('what is too large is refused before it is sent, and the connection stays', async () => {
    runtime = await startRuntime(tier);
    const { bus } = await board(runtime, 'agent', 'a1');
    const outcome = bus.publish(REGISTER, new Uint8Array(1024 * 1024 + 1));
    expect(outcome).toMatchObject({ ok: false, failure: { code: 'tooLarge' } });
    const requested = await bus.request(REGISTER, new Uint8Array(2 * 1024 * 1024), 1000);
    expect(requested).toMatchObject({ ok: false, failure: { code: 'tooLarge' } });
    await bus.connection.flush();
    expect(bus.connected).toBe(true);
  });

  test('an answer that is steered at somebody else is not sent, and is told', async () => {
    runtime = await startRuntime(tier);
    const master = await board(runtime, 'master', 'master-1');
    const agent = await board(runtime, 'agent', 'a1');
    const codes: (string | undefined)[] = [];
    master.bus.subscribe(REGISTER.replace('.a1.', '.*.'), (message) => {
      const outcome = message.respond(bytes);
      codes.push(outcome.ok ? undefined : outcome.failure.code);
    });
    await master.bus.connection.flush();
    agent.bus.connection.publish(REGISTER, bytes, { reply: `parley.${cluster}.agent.a2.kill` });
    agent.bus.connection.publish(REGISTER, bytes);
    await until(() => codes.length === 2);
    expect(codes).toEqual(['notPermitted', 'notPermitted']);
    expect(master.troubles).toMatchObject([{ kind: 'steeredReply' }]);
  });

  test('what the credential does not allow is told, for publishing, asking and listening', async () => {
    runtime = await startRuntime(tier);
    const { bus, troubles } = await board(runtime, 'agent', 'a1');
    const foreign = REGISTER.replace('.a1.', '.a2.');
    bus.publish(foreign, bytes);
    await until(() => troubles.some(({ kind }) => kind === 'notPermitted'));
    const asked = await bus.request(foreign, bytes, 10_000);
    expect(asked).toMatchObject({ ok: false, failure: { code: 'notPermitted' } });
    troubles.length = 0;
    let refusals = 0;
    const onRefused = (): void => {
      refusals += 1;
    };
    bus.subscribe(`parley.${cluster}.agent.a2.run`, () => undefined, { onRefused });
    await until(() => troubles.some(({ kind }) => kind === 'notPermitted'));
    expect(refusals).toBe(1);
  });

  test('the bus knows when it is disconnected, and goes on by itself', async () => {
    runtime = await startRuntime(tier);
    const { bus, connected } = await board(runtime, 'agent', 'a1');
    process.kill(runtime.server.pid, 'SIGKILL');
    await until(() => !bus.connected);
    expect(bus.publish(REGISTER, bytes)).toMatchObject({ failure: { code: 'unavailable' } });
    await runtime.server.stop();
    await runtime.start();
    await until(() => bus.connected);
    expect(bus.publish(REGISTER, bytes).ok).toBe(true);
    expect(connected).toEqual([false, true]);
    await bus.close();
    expect(bus.publish(REGISTER, bytes)).toMatchObject({ failure: { code: 'unavailable' } });
  });

  test('streams are made once, and one with another configuration is refused by name', async () => {
    runtime = await startRuntime(tier);
    const books = await runtime.connect('provisioner', 'provisioner', 'books');
    expect(checkServer(books)).toMatchObject({ ok: true });
    const wanted = wantedStreams(SMALL_STREAMS);
    const again = succeeded(await provision(books, wanted));
    expect(again).toEqual({ made: [], present: wanted.map(({ name }) => name) });
    const [journal] = wanted;
    if (journal === undefined) throw new Error('the first stream is the journal');
    const drifted = await provision(books, [{ ...journal, discard: 'old' }]);
    expect(drifted).toMatchObject({ ok: false, failure: { code: 'notPermitted' } });
    expect(drifted.ok ? '' : drifted.failure.message).toContain(
      `${journal.name} is not as it must be: discard is "new", must be "old"`,
    );
    // How many copies there are is the operator's choice, until he states another one.
    succeeded(await provision(books, [{ ...journal, num_replicas: 3 }]));
    const stated = await provision(books, [{ ...journal, num_replicas: 3 }], ['num_replicas']);
    expect(stated.ok ? '' : stated.failure.message).toContain('num_replicas is 1, must be 3');
    const large = { ...journal, name: 'large', subjects: ['large'], max_bytes: 2 ** 50 };
    const tooLarge = await provision(books, [large]);
    expect(tooLarge.ok ? '' : tooLarge.failure.message).toContain('ask for smaller streams');
  });

  test('a master finds its streams as they must be, or says which is missing or drifted', async () => {
    runtime = await startRuntime(tier);
    const master = await runtime.connect('master', 'master-1', 'books');
    const warnings = succeeded(await checkBooks(master, cluster));
    expect(warnings.map((line) => line.includes('of the old line'))).toEqual(
      tier === 'compatibility' ? [true] : [],
    );
    const books = await runtime.connect('provisioner', 'provisioner', 'books');
    const [journal, snapshots] = wantedStreams(SMALL_STREAMS);
    if (journal === undefined || snapshots === undefined) throw new Error('two streams are wanted');
    const edit = async (change: object) => {
      const config = JSON.stringify({ ...journal, ...change });
      const answer = await ask(books, `$JS.API.STREAM.UPDATE.${journal.name}`, config);
      expect(answer.kind).toBe('answered');
    };
    const problem = async () => {
      const checked = await checkBooks(master, cluster);
      return checked.ok ? checked.value : checked.failure.message;
    };
    // Nothing may go by age, and a full journal refuses; how much it holds is the operator's.
    await edit({ max_bytes: journal.max_bytes / 2 });
    succeeded(await checkBooks(master, cluster));
    await edit({ max_age: 3600e9 });
    expect(await problem()).toContain('max_age is 3600000000000, must be off');
    await edit({ discard: 'old' });
    expect(await problem()).toContain(`${journal.name} is not as it must be: discard is "old"`);
    await edit({});
    succeeded(await checkBooks(master, cluster));
    await ask(books, `$JS.API.STREAM.DELETE.${snapshots.name}`, '');
    expect(await problem()).toContain(`${snapshots.name} is not there: make it with "parley init"`);
  });

  test('a stream is healthy when it takes a test write, which leaves nothing behind', async () => {
    runtime = await startRuntime(tier);
    const master = await runtime.connect('master', 'master-1', 'books');
    const masterId = ActorId.parse('master-1');
    const snapshots = new NatsSnapshotStore(master, cluster, masterId);
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await testWrites(master, { cluster, masterId })).toEqual([
        { stream: snapshotStreamName(cluster), trouble: undefined },
        { stream: `KV_${leaseBucketName(cluster)}`, trouble: undefined },
        { stream: `KV_${settingsBucketName(cluster)}`, trouble: undefined },
      ]);
    }
    expect(succeeded(await snapshots.list())).toEqual([]);
    const standing = succeeded(await readStanding(master, snapshotStreamName(cluster)));
    expect(standing.bytes).toBe(0);

    const books = await runtime.connect('provisioner', 'provisioner', 'books');
    const leases = `KV_${leaseBucketName(cluster)}`;
    await ask(books, `$JS.API.STREAM.DELETE.${leases}`, '');
    const [whole, gone] = await testWrites(master, { cluster, masterId });
    expect(whole?.trouble).toBeUndefined();
    expect(gone?.trouble).toContain('no write within 2000 ms: nobody answers');
  });

  test('nobody at the address, and a credential that the server does not know, are told apart', async () => {
    runtime = await startRuntime(tier);
    const identity = runtime.identity('agent', 'a1');
    const nobody = await openConnection({ ...identity, servers: ['nats://127.0.0.1:1'] });
    expect(nobody).toMatchObject({ ok: false, failure: { code: 'unavailable' } });
    const noKey = await openConnection(identity, 'books');
    expect(noKey).toMatchObject({ ok: false, failure: { code: 'notPermitted' } });
    const stranger = nkeyAuthenticator(nkeys.createUser().getSeed());
    const refused = await openConnection({ ...identity, control: stranger });
    expect(refused).toMatchObject({ ok: false, failure: { code: 'notPermitted' } });
  });
});
