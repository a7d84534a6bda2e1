// Owns the proof that every actor can do its own work on a real server and nothing else.
import { existsSync } from 'node:fs';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { PRINCIPALS_API } from '@parley/protocol/accounts';
import {
  journalStreamName,
  journalSubject,
  leaseBucketName,
  updatesStreamName,
  workBucketName,
} from '@parley/protocol/streams';
import { connect } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alice, type BusFixture, bob, cluster, startBus, TIERS } from './bus-fixture.ts';

const UPDATE_OF_ALICE = 'parley.c1.updates.a1.alice.f1.t1';

describe.each(TIERS)('on a server of the %s tier', (tier) => {
  let bus: BusFixture;
  beforeAll(async () => {
    bus = await startBus(tier);
  });
  afterAll(() => bus?.close());

  it('a request of a framework reaches the master and its answer comes back', async () => {
    const master = await bus.as('master', 'master-1');
    const framework = await bus.as('principal', 'alice');
    const subject = 'parley.c1.master.call.framework.alice.f1.subscribe';
    master.connection.subscribe('parley.c1.master.call.framework.*.*.subscribe', {
      callback: (_, message) => void message.respond('welcome'),
    });
    await master.connection.flush();
    const answer = await framework.connection.request(subject, 'x', { timeout: 20_000 });
    expect(answer.string()).toBe('welcome');
    expect(answer.subject.startsWith('_INBOX.principal.alice.')).toBe(true);
  });

  it('who emulates agents speaks as any of them, is answered as they are, and cannot speak as the leader', async () => {
    const file = bus.server.credentialFile('emulator', 'many');
    expect(existsSync(file)).toBe(false);
    await bus.server.addMembers([{ kind: 'emulator', id: 'many' }], []);
    const emulator = await bus.as('emulator', 'many');
    const master = await bus.as('master', 'master-1');
    master.connection.subscribe('parley.c1.master.call.agent.*.register', {
      callback: (_, message) => void message.respond('done'),
    });
    await master.connection.flush();
    const reply = '_INBOX.agent.e7.1';
    const answered = Promise.withResolvers<string>();
    emulator.connection.subscribe(reply, {
      callback: (_, message) => answered.resolve(message.string()),
    });
    emulator.connection.publish('parley.c1.master.call.agent.e7.register', 'x', { reply });
    expect(await answered.promise).toBe('done');
    expect(await emulator.mayPublish('parley.c1.updates.e7.bob.f9.t1')).toBe(true);
    expect(await emulator.maySubscribe('parley.c1.agent.e7.run')).toBe(true);
    for (const subject of [
      'parley.c1.updates.master.bob.f9.t1',
      'parley.c1.agent.e7.run',
      'parley.c1.master.call.framework.alice.f1.subscribe',
      'parley.c2.master.call.agent.e7.register',
    ]) {
      expect(await emulator.mayPublish(subject), subject).toBe(false);
    }
    expect(await emulator.maySubscribe('_INBOX.master.>')).toBe(false);
    await bus.server.removeMember({ kind: 'emulator', id: 'many' });
  });

  it.each([
    ['master', 'master-1', 'parley.c1.agent.a1.run', 'agent', 'a1'],
    ['operator', 'olga', 'parley.c1.agent.a1.logs', 'agent', 'a1'],
    ['operator', 'olga', 'parley.c1.master.call.operator.olga.kill', 'master', 'master-1'],
    [
      'operator',
      'olga',
      'parley.c1.control.allocator.allocator-1.log-level',
      'allocator',
      'allocator-1',
    ],
    ['agent', 'a1', 'parley.c1.master.call.agent.a1.register', 'master', 'master-1'],
  ] as const)('%s %s may request %s and is answered', async (from, fromId, subject, to, toId) => {
    const responder = await bus.as(to, toId);
    const caller = await bus.as(from, fromId);
    responder.connection.subscribe(
      subject
        .replace('.master.call.agent.a1.', '.master.call.agent.*.')
        .replace('.operator.olga.', '.operator.*.'),
      {
        callback: (_, message) => void message.respond('done'),
      },
    );
    await responder.connection.flush();
    const answer = await caller.connection.request(subject, 'x', { timeout: 20_000 });
    expect(answer.string()).toBe('done');
    expect([...responder.refused, ...caller.refused]).toEqual([]);
  });

  it('an update of an agent is acknowledged, read by its principal and by the master', async () => {
    const agent = await bus.as('agent', 'a1');
    const publisher = jetstream(agent.connection);
    const { stream } = await publisher.publish(UPDATE_OF_ALICE, 'running');
    expect(stream).toBe(updatesStreamName(cluster, alice));

    const framework = await bus.as('principal', 'alice', 'work');
    const own = await jetstreamManager(framework.connection, { checkAPI: false });
    await own.consumers.add(stream, {
      durable_name: 'f1-1',
      ack_policy: 'explicit',
      filter_subject: 'parley.c1.updates.*.alice.f1.*',
    });
    const consumer = await jetstream(framework.connection, { checkAPI: false }).consumers.get(
      stream,
      'f1-1',
    );
    const message = await consumer.next({ expires: 20_000 });
    expect(message?.string()).toBe('running');
    expect(await message?.ackAck()).toBe(true);
    await consumer.delete();

    const master = await bus.as('master', 'master-1', 'books');
    const options = { apiPrefix: PRINCIPALS_API, checkAPI: false };
    const manager = await jetstreamManager(master.connection, options);
    await manager.consumers.add(stream, { name: 'master', ack_policy: 'none' });
    const reader = await jetstream(master.connection, options).consumers.get(stream, 'master');
    expect((await reader.next({ expires: 20_000 }))?.string()).toBe('running');
    await reader.delete();
    expect([...agent.refused, ...framework.refused, ...master.refused]).toEqual([]);
  });

  it('agents and their principal exchange objects of any size through its bucket', async () => {
    const agent = await bus.as('agent', 'a1', 'work');
    const framework = await bus.as('principal', 'alice', 'work');
    const bucket = workBucketName(cluster, alice);
    const written = await new Objm(
      jetstream(agent.connection, { apiPrefix: PRINCIPALS_API, checkAPI: false }),
    ).open(bucket);
    const read = await new Objm(jetstream(framework.connection, { checkAPI: false })).open(bucket);
    const data = new Uint8Array(600_000).fill(7);
    await written.putBlob({ name: 'one' }, data);
    expect(await read.getBlob('one')).toEqual(data);
    await read.putBlob({ name: 'two' }, data);
    expect(await written.getBlob('two')).toEqual(data);
    expect((await written.list()).map(({ name }) => name).sort()).toEqual(['one', 'two']);
    await written.delete('one');
    expect(await read.getBlob('one')).toBeNull();
    expect([...agent.refused, ...framework.refused]).toEqual([]);
  });

  it('the master appends to the journal, and an operator reads it but cannot write it', async () => {
    const master = await bus.as('master', 'master-1', 'books');
    const operator = await bus.as('operator', 'olga', 'books');
    const followed = operator.connection.subscribe('parley.c1.followed.journal', { max: 1 });
    await operator.connection.flush();
    const { seq } = await jetstream(master.connection, { checkAPI: false }).publish(
      journalSubject(cluster),
      'entry',
    );
    const reader = await jetstreamManager(operator.connection, { checkAPI: false });
    const entry = await reader.streams.getMessage(journalStreamName(cluster), { seq });
    expect(entry?.string()).toBe('entry');
    for await (const message of followed) expect(message.string()).toBe('entry');
    expect(await operator.mayPublish(journalSubject(cluster))).toBe(false);
    expect(await operator.mayPublish(`$JS.API.STREAM.DELETE.${journalStreamName(cluster)}`)).toBe(
      false,
    );
  });

  it("a master and an allocator renew their own lease and not each other's", async () => {
    const bucket = leaseBucketName(cluster);
    const master = await bus.as('master', 'master-1', 'books');
    const allocator = await bus.as('allocator', 'allocator-1', 'books');
    await jetstream(master.connection, { checkAPI: false }).publish(`$KV.${bucket}.master`, 'held');
    await jetstream(allocator.connection, { checkAPI: false }).publish(
      `$KV.${bucket}.allocator`,
      'held',
    );
    expect(await master.mayPublish(`$KV.${bucket}.allocator`)).toBe(false);
    expect(await allocator.mayPublish(`$KV.${bucket}.master`)).toBe(false);
    expect(await allocator.mayPublish(journalSubject(cluster))).toBe(false);
  });

  it.each([
    ['agent', 'a1', 'parley.c1.master.call.agent.a2.register'],
    ['agent', 'a1', 'parley.c1.master.call.agent.a2.heartbeat'],
    ['agent', 'a1', 'parley.c1.updates.a2.alice.f1.t1'],
    ['agent', 'a1', 'parley.c1.updates.master.bob.f9.t1'],
    ['agent', 'a1', 'parley.c1.agent.a2.kill'],
    ['agent', 'a1', 'parley.c1.master.call.operator.olga.kill'],
    ['agent', 'a1', 'parley.c1.master.broadcast.presence'],
    ['agent', 'a1', '$JS.API.STREAM.NAMES'],
    ['agent', 'a1', '_INBOX.principal.alice.x'],
    ['principal', 'alice', 'parley.c1.master.call.framework.bob.f1.kill'],
    ['principal', 'alice', 'parley.c1.offers.bob.f1.o1.accept'],
    ['principal', 'alice', 'parley.c1.framework.bob.f1.offers'],
    ['principal', 'alice', 'parley.c1.updates.a1.alice.f1.t1'],
    ['principal', 'alice', 'parley.c1.agent.a1.run'],
    ['principal', 'alice', '_INBOX.agent.a1.x'],
    ['allocator', 'allocator-1', 'parley.c1.agent.a1.run'],
    ['allocator', 'allocator-1', 'parley.c1.allocator.facts'],
    ['operator', 'olga', 'parley.c1.agent.a1.run'],
    ['operator', 'olga', 'parley.c1.master.call.operator.oscar.kill'],
    ['master', 'master-1', 'parley.c1.updates.a1.alice.f1.t1'],
    ['provisioner', 'provisioner', 'parley.c1.agent.a1.run'],
  ] as const)('%s %s may not publish %s', async (kind, id, subject) => {
    const client = await bus.as(kind, id);
    expect(await client.mayPublish(subject)).toBe(false);
  });

  it.each([
    ['agent', 'a1', '_INBOX.agent.a2.>'],
    ['agent', 'a1', '_INBOX.>'],
    ['agent', 'a1', '>'],
    ['agent', 'a1', 'parley.c1.agent.a2.run'],
    ['agent', 'a1', 'parley.c1.agent.*.run'],
    ['agent', 'a1', 'parley.c1.updates.>'],
    ['agent', 'a1', 'parley.c1.master.call.>'],
    ['principal', 'alice', '_INBOX.principal.bob.>'],
    ['principal', 'alice', 'parley.c1.framework.bob.*.offers'],
    ['principal', 'alice', 'parley.c1.framework.*.*.offers'],
    ['principal', 'alice', 'parley.c1.allocator.facts'],
    ['allocator', 'allocator-1', '_INBOX.master.>'],
    ['operator', 'olga', 'parley.c1.framework.*.*.offers'],
    ['master', 'master-1', '_INBOX.master.master-2.>'],
  ] as const)('%s %s may not subscribe to %s', async (kind, id, subject) => {
    const client = await bus.as(kind, id);
    expect(await client.maySubscribe(subject)).toBe(false);
  });

  it('a principal reaches no stream, consumer or bucket of another', async () => {
    const owner = await bus.as('principal', 'bob', 'work');
    const stream = updatesStreamName(cluster, bob);
    const manager = await jetstreamManager(owner.connection, { checkAPI: false });
    await manager.consumers.add(stream, { durable_name: 'f1-1', ack_policy: 'explicit' });
    const other = await bus.as('principal', 'alice', 'work');
    const objects = `OBJ_${workBucketName(cluster, bob)}`;
    for (const subject of [
      `$JS.API.STREAM.INFO.${stream}`,
      `$JS.API.CONSUMER.CREATE.${stream}.mine`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.f1-1`,
      `$JS.API.CONSUMER.DELETE.${stream}.f1-1`,
      `$JS.ACK.${stream}.f1-1.1.1.1.1.0`,
      `$JS.API.STREAM.INFO.${objects}`,
      `$JS.API.STREAM.PURGE.${objects}`,
      `$O.${workBucketName(cluster, bob)}.M.x`,
    ]) {
      expect(await other.mayPublish(subject), subject).toBe(false);
    }
  });

  it.each([
    ['agent', 'a1', 'work', `OBJ_${workBucketName(cluster, alice)}`],
    ['principal', 'alice', 'work', updatesStreamName(cluster, alice)],
    ['master', 'master-1', 'books', journalStreamName(cluster)],
    ['operator', 'olga', 'books', journalStreamName(cluster)],
    ['allocator', 'allocator-1', 'books', journalStreamName(cluster)],
  ] as const)('%s %s may neither delete nor change a stream', async (kind, id, account, stream) => {
    const client = await bus.as(kind, id, account);
    for (const verb of ['DELETE', 'UPDATE', 'CREATE', 'MSG.DELETE', 'SNAPSHOT', 'RESTORE']) {
      expect(await client.mayPublish(`$JS.API.STREAM.${verb}.${stream}`), verb).toBe(false);
    }
  });

  it('who has no credential is not let in', async () => {
    await expect(connect({ servers: bus.server.url, reconnect: false })).rejects.toThrow(
      /authorization violation/i,
    );
  });
});
