// Owns the proof that the bus on NATS refuses, answers and tells what it must, with the real permissions.
import { type BusTrouble, NatsBus } from '@parley/actor/nats/nats-bus';
import { openConnection } from '@parley/actor/nats/open-connection';
import { checkServer, provision, wantedStreams } from '@parley/actor/nats/provision';
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
    bus.subscribe(`parley.${cluster}.agent.a2.run`, () => undefined);
    await until(() => troubles.some(({ kind }) => kind === 'notPermitted'));
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
    const large = { ...journal, name: 'large', subjects: ['large'], max_bytes: 2 ** 50 };
    const tooLarge = await provision(books, [large]);
    expect(tooLarge.ok ? '' : tooLarge.failure.message).toContain('ask for smaller streams');
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
