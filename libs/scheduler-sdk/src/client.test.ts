// Owns what the plain client promises: everything is told, nothing is done by itself.
import { describe, expect, it } from 'vitest';
import { type ClientEvent, connectClient, SchedulerClient } from './client.ts';
import { MemoryWorld } from './memory-ports.ts';
import { aTask } from './session-driving.ts';

function aClient() {
  const world = new MemoryWorld();
  const client = new SchedulerClient(
    { frameworkId: 'fw', name: 'test', roles: ['batch', 'web'] },
    world.ports,
  );
  return { world, client, events: client.events() };
}

async function nextEvent(events: AsyncIterator<ClientEvent>): Promise<ClientEvent> {
  const { value, done } = await events.next();
  if (done) throw new Error('the events have ended');
  return value;
}

describe('the plain client', () => {
  it('tells offers and updates in one stream of events, and acknowledges only by hand', async () => {
    const { world, client, events } = aClient();
    await world.pass(10);
    expect(await nextEvent(events)).toMatchObject({ kind: 'subscribed' });
    world.leader.offer(1);
    await world.pass(10);
    const offered = await nextEvent(events);
    if (offered.kind !== 'offers') throw new Error(`no offers but ${offered.kind}`);
    const accepting = client.accept({ offers: offered.offers, launches: [aTask('t1')] });
    await world.pass(10);
    expect(await accepting).toMatchObject({ ok: true, value: { launched: ['t1'] } });
    const update = await nextEvent(events);
    if (update.kind !== 'update') throw new Error(`no update but ${update.kind}`);
    expect(world.acknowledged.size).toBe(0);
    client.acknowledge(update);
    expect([...world.acknowledged]).toEqual([1]);
  });

  it('neither declines nor reconciles by itself', async () => {
    const { world } = aClient();
    await world.pass(10);
    world.leader.offer(1);
    world.leader.event();
    await world.pass(3_600_000);
    const alive = ['subscribe', 'resync'];
    expect(world.leader.calls.filter(({ name }) => !alive.includes(name))).toEqual([]);
    expect(world.leader.outstanding.size).toBe(1);
    expect(world.leader.events).toHaveLength(1);
  });

  it('acknowledges events up to the one that is named', async () => {
    const { world, client } = aClient();
    await world.pass(10);
    world.leader.event();
    world.leader.event();
    await world.pass(10);
    client.acknowledgeEvents(2);
    await world.pass(10);
    expect(world.leader.events).toEqual([]);
  });

  it('answers each call with the outcome, and remembers what it suppressed', async () => {
    const { world, client } = aClient();
    await world.pass(10);
    const suppressing = client.suppress();
    await world.pass(10);
    expect(await suppressing).toMatchObject({ ok: true });
    world.leader.disconnect();
    const asking = client.reconcile({ tasks: [] });
    await world.pass(10);
    expect(await asking).toMatchObject({ ok: true, value: { statuses: [] } });
    expect(world.leader.calls.filter(({ name }) => name === 'subscribe').at(-1)).toMatchObject({
      body: { suppressed: ['batch', 'web'] },
    });
  });

  it('ends its events when the framework is torn down', async () => {
    const { world, client, events } = aClient();
    const kinds: string[] = [];
    const reading = (async () => {
      for await (const { kind } of events) kinds.push(kind);
    })();
    await world.pass(10);
    const torn = client.teardown();
    await world.pass(10);
    await torn;
    await reading;
    expect(kinds).toEqual(['subscribed', 'stopped']);
  });

  it('says what is wrong when its credential cannot be read', async () => {
    const options = { credential: '/nowhere/team.creds', name: 'test', roles: ['batch'] };
    await expect(connectClient(options)).rejects.toThrow('/nowhere/team.creds');
  });
});
