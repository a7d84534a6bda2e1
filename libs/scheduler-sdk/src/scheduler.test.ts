// Owns what the driver promises its user, over a bus in memory and in virtual time.
import { WindowId } from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { describe, expect, it } from 'vitest';
import { MemoryWorld } from './memory-ports.ts';
import { Scheduler } from './scheduler.ts';
import type { DriverOptions } from './scheduler-options.ts';
import { aTask } from './session-driving.ts';

function aScheduler(options: Partial<DriverOptions> = {}) {
  const world = new MemoryWorld();
  const updates: StatusUpdate[] = [];
  const scheduler = new Scheduler(
    {
      frameworkId: 'fw',
      name: 'test',
      role: 'batch',
      onOffers: () => undefined,
      onUpdate: (update) => void updates.push(update),
      ...options,
    },
    world.ports,
  );
  return { world, scheduler, updates };
}

const callsOf = ({ leader }: MemoryWorld, name: string) =>
  leader.calls.filter((call) => call.name === name);

describe('the driver', () => {
  it('runs a task from the offer to its end, and acknowledges each update', async () => {
    const { world, updates } = aScheduler({
      onOffers: (offers, scheduler) => {
        const [offer] = offers;
        if (offer) void scheduler.launch(offer, [aTask('t1')]);
      },
    });
    await world.pass(10);
    world.leader.offer(1);
    await world.pass(10);
    expect(updates.map(({ state }) => state)).toEqual(['running', 'finished']);
    expect([...world.acknowledged]).toEqual([1, 2]);
  });

  it('declines what the handler leaves, as unused', async () => {
    const { world } = aScheduler();
    await world.pass(10);
    world.leader.offer(2);
    await world.pass(10);
    expect(world.leader.outstanding.size).toBe(0);
    expect(callsOf(world, 'decline')).toMatchObject([{ body: { reason: 'unused' } }]);
  });

  it('declines every lease that its scope leaves unused, and launches on the others', async () => {
    const { world, updates } = aScheduler({
      onOffers: (offers, scheduler) => {
        let isFirst = true;
        for (using lease of scheduler.leases(offers)) {
          if (isFirst) void lease.launch([aTask('t1')]);
          isFirst = false;
        }
      },
    });
    await world.pass(10);
    world.leader.offer(3);
    await world.pass(10);
    expect(callsOf(world, 'decline')).toHaveLength(2);
    expect(updates.filter(({ state }) => isTerminal(state))).toHaveLength(1);
    expect(world.leader.outstanding.size).toBe(0);
  });

  it('suppresses once when nothing is wanted, refuses for long, and revives once when something is', async () => {
    let isWanted = false;
    const { world, scheduler } = aScheduler({ wanted: () => isWanted });
    await world.pass(10);
    for (let round = 0; round < 3; round += 1) {
      world.leader.offer(1);
      await world.pass(10);
    }
    expect(callsOf(world, 'suppress')).toHaveLength(1);
    for (const { body } of callsOf(world, 'decline')) {
      expect(body).toMatchObject({ reason: 'noWork' });
      const { filter } = body as { filter: { refuseMs: number } };
      expect(filter.refuseMs).toBeGreaterThanOrEqual(45_000);
      expect(filter.refuseMs).toBeLessThanOrEqual(60_000);
    }
    isWanted = true;
    for (let round = 0; round < 3; round += 1) {
      scheduler.checkWanted();
      await world.pass(100);
    }
    expect(callsOf(world, 'revive')).toHaveLength(1);
  });

  it('repeats an update whose handler threw, and acknowledges it when it is through', async () => {
    let tries = 0;
    const errors: string[] = [];
    const { world } = aScheduler({
      onUpdate: () => {
        tries += 1;
        if (tries < 3) throw new Error(`try ${tries}`);
      },
      onError: ({ message }) => void errors.push(message),
    });
    await world.pass(10);
    world.leader.update(aTask('t1').taskId, 'agent', 1, 'running');
    await world.pass(99);
    expect(world.acknowledged.size).toBe(0);
    await world.pass(1000);
    expect(errors).toEqual(['try 1', 'try 2']);
    expect([...world.acknowledged]).toEqual([1]);
  });

  it('says once which handler has not returned for 30 s and what waits behind it, and goes on waiting', async () => {
    const through = Promise.withResolvers<void>();
    const errors: string[] = [];
    const seen: string[] = [];
    const { world } = aScheduler({
      onUpdate: async ({ task }) => {
        seen.push(task.taskId);
        if (task.taskId === 't1') await through.promise;
      },
      onError: ({ message }) => void errors.push(message),
    });
    await world.pass(10);
    for (const taskId of ['t1', 't2', 't3', 't4', 't5'])
      world.leader.update(aTask(taskId).taskId, 'agent', 1, 'running');
    await world.pass(29_000);
    expect(errors).toEqual([]);
    await world.pass(60_000);
    expect(errors).toEqual([
      'onUpdate of task t1 (running) has not returned for 30 s: onUpdate of task t2 (running), ' +
        'onUpdate of task t3 (running), onUpdate of task t4 (running) and 1 more wait behind it',
    ]);
    expect(seen).toEqual(['t1']);
    through.resolve();
    await world.pass(60_000);
    expect(seen).toEqual(['t1', 't2', 't3', 't4', 't5']);
    expect(errors).toHaveLength(1);
  });

  it('acknowledges an event when its handler is through, and not before', async () => {
    const through = Promise.withResolvers<void>();
    const seen: number[] = [];
    const { world } = aScheduler({
      onEvent: async ({ eventId }) => {
        seen.push(eventId);
        await through.promise;
      },
    });
    await world.pass(10);
    world.leader.event();
    await world.pass(10);
    expect(seen).toEqual([1]);
    expect(world.leader.events).toHaveLength(1);
    through.resolve();
    await world.pass(10);
    expect(world.leader.events).toEqual([]);
  });

  it('asks the user for a task back, and acknowledges that when his handler is through', async () => {
    const asked: string[] = [];
    const seen: string[] = [];
    const { world, scheduler } = aScheduler({
      onInverseOffer: async (offer) => {
        if (offer.kind !== 'inverseOffer') return;
        const { taskId } = offer;
        asked.push(taskId);
        await scheduler.kill(taskId);
      },
      onEvent: ({ kind }) => void seen.push(kind),
    });
    await world.pass(10);
    world.leader.event();
    world.leader.inverseOffer(aTask('t1').taskId);
    await world.pass(50);
    expect(asked).toEqual(['t1']);
    expect(seen).toEqual(['agentUnreachable', 'inverseOffer']);
    expect(callsOf(world, 'killTask')).toMatchObject([{ body: { taskId: 't1' } }]);
    expect(world.leader.events).toEqual([]);
  });

  it.each(['accept', 'decline'] as const)(
    'passes on that the user would %s that agents are maintained, before it acknowledges that he was asked',
    async (answer) => {
      const { world } = aScheduler({ onInverseOffer: () => answer });
      await world.pass(10);
      world.leader.agentInverseOffer(WindowId.parse('w1'));
      await world.pass(50);
      expect(callsOf(world, 'answerInverseOffer')).toMatchObject([
        { body: { windowId: 'w1', answer } },
      ]);
      expect(world.leader.events).toEqual([]);
    },
  );

  it('says nothing about agents that are maintained where the user does not', async () => {
    const { world } = aScheduler({ onInverseOffer: () => undefined });
    await world.pass(10);
    world.leader.agentInverseOffer(WindowId.parse('w1'));
    await world.pass(50);
    expect(callsOf(world, 'answerInverseOffer')).toEqual([]);
    expect(world.leader.events).toEqual([]);
  });

  it('hands messages of executors to the user, and his to them', async () => {
    const heard: unknown[] = [];
    const { world, scheduler } = aScheduler({
      onMessage: ({ agentId, executorId, data }) => void heard.push([agentId, executorId, data]),
    });
    await world.pass(10);
    world.say('offers', new Uint8Array([7]));
    await world.pass(10);
    expect(heard).toEqual([['agent-1', 'offers', new Uint8Array([7])]]);
    expect(scheduler.sendMessage('agent-1', 'e1', new Uint8Array([8])).ok).toBe(true);
    expect(world.published).toContain('parley.c1.message.agent-1.team.fw.e1');
  });

  it('goes on with events when the handler of messages throws', async () => {
    const errors: string[] = [];
    const seen: number[] = [];
    const { world } = aScheduler({
      onMessage: () => {
        throw new Error('no such message');
      },
      onEvent: ({ eventId }) => void seen.push(eventId),
      onError: ({ message }) => void errors.push(message),
    });
    await world.pass(10);
    world.say('e1', new Uint8Array([7]));
    world.leader.event();
    await world.pass(10);
    expect(errors).toEqual(['no such message']);
    expect(seen).toEqual([1]);
  });

  it('goes on with offers when the handler of rescinds throws', async () => {
    let thrown = 0;
    const { world } = aScheduler({
      // Busy until its offer is taken back.
      onOffers: () => new Promise((resolve) => void world.ports.clock.startTimer(20, resolve)),
      onRescind: () => {
        thrown += 1;
        throw new Error('no');
      },
      onError: () => undefined,
    });
    await world.pass(10);
    world.leader.offer(1);
    await world.pass(10);
    world.leader.rescind([...world.leader.outstanding.keys()]);
    await world.pass(30);
    world.leader.offer(1);
    await world.pass(30);
    expect(thrown).toBe(1);
    expect(world.leader.outstanding.size).toBe(0);
  });

  it('tells a task that the leader does not know as gone, by itself', async () => {
    const { world, updates } = aScheduler({
      onOffers: (offers, scheduler) => void scheduler.launch(offers, [aTask('t1')]),
      reconcile: { overdueMs: 5000 },
    });
    world.leader.isMute = true;
    await world.pass(10);
    world.leader.offer(1);
    await world.pass(4000);
    expect(updates).toEqual([]);
    await world.pass(2000);
    expect(updates).toMatchObject([{ state: 'gone', reason: 'reconciliation' }]);
  });

  it('answers its calls to whoever made them', async () => {
    const { world, scheduler } = aScheduler();
    await world.pass(10);
    const killing = scheduler.kill('t1', 5);
    const changing = scheduler.updateFramework({ name: 'other' });
    const ending = scheduler.shutdownExecutor('agent-1', 'e1', 7);
    await world.pass(10);
    for (const outcome of [await killing, await changing, await ending])
      expect(outcome).toMatchObject({ ok: true });
    expect(callsOf(world, 'killTask')).toMatchObject([{ body: { taskId: 't1', graceMs: 5 } }]);
  });

  it('fails its open calls when it is closed, and its end is told', async () => {
    const { world, scheduler } = aScheduler();
    const killing = scheduler.kill('t1');
    const ended = scheduler.ended();
    await scheduler.close();
    expect(await killing).toMatchObject({ ok: false, failure: { code: 'unavailable' } });
    await ended;
    await world.pass(60_000);
    expect(world.leader.calls.map(({ name }) => name)).not.toContain('killTask');
  });

  it('ends with an error when the bus is lost for good', async () => {
    const { world, scheduler } = aScheduler();
    await world.pass(10);
    const ended = expect(scheduler.ended()).rejects.toThrow('credential');
    world.lose('authorization violation');
    await ended;
  });

  it('needs a role', () => {
    const options = { name: 'x', onOffers: () => undefined, onUpdate: () => undefined };
    expect(() => new Scheduler(options, new MemoryWorld().ports)).toThrow('role');
  });
});
