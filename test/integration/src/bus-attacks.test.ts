// Owns the proof that the known attacks on a NATS account with correct permissions come to nothing here: steered answers,
// wiping by a rollup, suppressing by a message id.
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { mayReply } from '@parley/actor/reply-check';
import { AgentId, FrameworkId, TaskId } from '@parley/protocol/ids';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import {
  journalStreamName,
  journalSubject,
  leaseBucketName,
  updatesStreamName,
  workBucketName,
} from '@parley/protocol/streams';
import { SUBJECTS } from '@parley/protocol/subjects';
import { headers } from 'nats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alice, type BusFixture, bob, cluster, startBus, TIERS } from './bus-fixture.ts';

const UPDATE_OF_ALICE = 'parley.c1.updates.a1.alice.f1.t1';
const JOURNAL = journalStreamName(cluster);
const LEASES = `KV_${leaseBucketName(cluster)}`;
const UPDATES_OF_BOB = updatesStreamName(cluster, bob);
const OBJECTS_OF_BOB = `OBJ_${workBucketName(cluster, bob)}`;

type Standing = Readonly<Record<string, string>>;

/** First and last sequence of every stream that an attacker might reach for. */
async function standingOf(bus: BusFixture): Promise<Standing> {
  const standing: Record<string, string> = {};
  const look = async (account: 'books' | { principal: typeof bob }, streams: readonly string[]) => {
    const { connection } = await bus.as('provisioner', 'provisioner', account);
    const manager = await jetstreamManager(connection);
    for (const stream of streams) {
      const { state } = await manager.streams.info(stream);
      standing[stream] = `${state.first_seq} to ${state.last_seq}`;
    }
    await connection.close();
  };
  await look('books', [JOURNAL, LEASES]);
  await look({ principal: bob }, [UPDATES_OF_BOB, OBJECTS_OF_BOB]);
  return standing;
}

describe.each(TIERS)('on a server of the %s tier', (tier) => {
  let bus: BusFixture;
  beforeAll(async () => {
    bus = await startBus(tier);
    const master = await bus.as('master', 'master-1', 'books');
    const publisher = jetstream(master.connection, { checkAPI: false });
    for (const entry of ['one', 'two', 'three']) {
      await publisher.publish(journalSubject(cluster), entry);
    }
    await publisher.publish(`$KV.${leaseBucketName(cluster)}.master`, 'held by master-1');
    const agent = await bus.as('agent', 'a2');
    await jetstream(agent.connection).publish('parley.c1.updates.a2.bob.f1.t1', 'running');
    await jetstream(agent.connection).publish('parley.c1.updates.a2.alice.f1.t2', 'running');
  });
  afterAll(() => bus?.close());

  it('an acknowledgement steered onto a command subject is no command to the agent there', async () => {
    const victim = await bus.as('agent', 'a2');
    const subject = 'parley.c1.agent.a2.kill';
    const received = victim.connection.subscribe(subject);
    await victim.connection.flush();
    const attacker = await bus.as('agent', 'a1');
    expect(await attacker.mayPublish(UPDATE_OF_ALICE, subject)).toBe(true);

    // A real order after it tells that everything before has arrived.
    const master = await bus.as('master', 'master-1');
    const frameworkId = FrameworkId.parse('f1');
    const taskId = TaskId.parse('t1');
    const order = encodeMessage(
      SUBJECTS.kill,
      cluster,
      { agentId: AgentId.parse('a2') },
      { task: { principal: bob, frameworkId, taskId }, graceMs: 1, reason: 'operator' },
    );
    master.connection.publish(order.subject, order.bytes);
    for await (const message of received) {
      const parsed = decodeMessage(SUBJECTS.kill, cluster, message.subject, message.data);
      if (parsed.ok) break;
      expect(parsed.failure.code).toBe('malformed');
    }
  });

  it("a master does not answer a call whose reply subject is an agent's command subject", async () => {
    const master = await bus.as('master', 'master-1');
    const calls = master.connection.subscribe('parley.c1.master.call.framework.*.*.subscribe', {
      max: 2,
    });
    await master.connection.flush();
    const attacker = await bus.as('principal', 'alice');
    const subject = 'parley.c1.master.call.framework.alice.f1.subscribe';
    attacker.connection.publish(subject, 'x', { reply: 'parley.c1.agent.a2.kill' });
    attacker.connection.publish(subject, 'x', { reply: '_INBOX.principal.alice.mine.1' });
    const answered: boolean[] = [];
    for await (const { subject: called, reply = '' } of calls) {
      answered.push(mayReply(cluster, called, reply));
    }
    expect(answered).toEqual([false, true]);
  });

  it.each([
    journalSubject(cluster),
    `$KV.${leaseBucketName(cluster)}.master`,
    `$JS.API.STREAM.PURGE.${JOURNAL}`,
    `$JS.API.STREAM.PURGE.${UPDATES_OF_BOB}`,
    `PARLEY.API.STREAM.PURGE.${OBJECTS_OF_BOB}`,
    'parley.c1.updates.a2.bob.f1.t1',
    `$O.${workBucketName(cluster, bob)}.M.name`,
  ])('an acknowledgement that an agent steers onto %s changes nothing', async (target) => {
    const before = await standingOf(bus);
    const attacker = await bus.as('agent', 'a1');
    for (let index = 0; index < 3; index += 1) await attacker.mayPublish(UPDATE_OF_ALICE, target);
    // The acknowledgement of this one comes after those of the others: the stream has one order.
    await jetstream(attacker.connection).publish(UPDATE_OF_ALICE, 'last');
    expect(await standingOf(bus)).toEqual(before);
  });

  it.each([
    `$JS.API.STREAM.DELETE.${JOURNAL}`,
    `$JS.API.STREAM.DELETE.${LEASES}`,
    `$JS.API.STREAM.DELETE.${UPDATES_OF_BOB}`,
    `$JS.API.STREAM.DELETE.${OBJECTS_OF_BOB}`,
    `$JS.API.CONSUMER.DELETE.${UPDATES_OF_BOB}.f1-1`,
    journalSubject(cluster),
  ])(
    "the empty answers of a principal's own consumers, steered onto %s, change nothing",
    async (target) => {
      const before = await standingOf(bus);
      const attacker = await bus.as('principal', 'alice', 'work');
      const own = updatesStreamName(cluster, alice);
      const manager = await jetstreamManager(attacker.connection, { checkAPI: false });
      await manager.consumers.add(own, {
        durable_name: 'empty',
        ack_policy: 'explicit',
        filter_subject: 'parley.c1.updates.*.alice.nobody.*',
      });
      attacker.connection.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${own}.empty`,
        JSON.stringify({ batch: 1, no_wait: true }),
        { reply: target },
      );
      await manager.consumers.add(own, {
        name: 'pushed',
        deliver_subject: target,
        headers_only: true,
        ack_policy: 'none',
        filter_subject: 'parley.c1.updates.*.alice.*.*',
      });
      await manager.consumers.info(own, 'pushed');
      await manager.consumers.delete(own, 'empty');
      await manager.consumers.delete(own, 'pushed');
      expect(await standingOf(bus)).toEqual(before);
    },
  );

  it('an update with a rollup header is refused, and the stream keeps what it has', async () => {
    const before = await standingOf(bus);
    const attacker = await bus.as('agent', 'a1');
    const rollup = headers();
    rollup.set('Nats-Rollup', 'all');
    await expect(
      jetstream(attacker.connection).publish('parley.c1.updates.a1.bob.f1.t9', 'x', {
        headers: rollup,
      }),
    ).rejects.toThrow(/rollup/i);
    expect(await standingOf(bus)).toEqual(before);
  });

  it('an update cannot be suppressed by sending its message id first', async () => {
    const attacker = await bus.as('agent', 'a1');
    const victim = await bus.as('agent', 'a2');
    const id = 'a2-t5-1';
    await jetstream(attacker.connection).publish(UPDATE_OF_ALICE, 'x', { msgID: id });
    // Agents send no message id: the key of an update is (source, task, sequence) in its body.
    const update = jetstream(victim.connection).publish('parley.c1.updates.a2.alice.f1.t5', 'x');
    expect((await update).duplicate).toBe(false);
    const other = jetstream(victim.connection).publish('parley.c1.updates.a2.bob.f1.t5', 'x', {
      msgID: id,
    });
    expect((await other).duplicate, 'ids of one principal do not reach another').toBe(false);
  });
});
