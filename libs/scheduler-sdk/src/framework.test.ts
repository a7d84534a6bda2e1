// Owns what a framework of the third layer promises its user, over a bus in memory and in virtual time. What it
// launches when is framework-plan.test.ts's.
import type { TaskId } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { cmd, type DesiredTask } from './desired-task.ts';
import { Framework } from './framework.ts';
import type { FrameworkOptions } from './framework-options.ts';
import type { FrameworkUpdate } from './framework-update.ts';
import { MemoryWorld } from './memory-ports.ts';

type Payload = { readonly n: number };

const job = (key: string, n = 0): DesiredTask<Payload> => ({
  key,
  payload: { n },
  need: { cpus: 1 },
  run: cmd('true'),
});

class Fixture {
  readonly world: MemoryWorld;
  readonly errors: Error[] = [];
  readonly told: FrameworkUpdate<Payload>[] = [];
  list: DesiredTask<Payload>[];
  reads = 0;
  readonly framework: Framework<Payload>;

  constructor(
    list: DesiredTask<Payload>[],
    options: Partial<FrameworkOptions<Payload>> = {},
    world = new MemoryWorld(),
  ) {
    this.world = world;
    this.list = list;
    this.framework = new Framework<Payload>({
      frameworkId: 'fw',
      name: 'test',
      role: 'batch',
      ports: world.ports,
      onError: (error) => void this.errors.push(error),
      ...options,
    } as FrameworkOptions<Payload>).desired(() => {
      this.reads += 1;
      return this.list;
    });
  }

  static async started(
    list: DesiredTask<Payload>[],
    options: Partial<FrameworkOptions<Payload>> = {},
    world?: MemoryWorld,
  ): Promise<Fixture> {
    const fixture = new Fixture(list, options, world);
    const starting = fixture.framework.start();
    await fixture.world.pass(10);
    await starting;
    await fixture.world.pass(10);
    return fixture;
  }

  async offer(count: number): Promise<void> {
    this.world.leader.offer(count);
    await this.world.pass(10);
  }

  calls(name: string): unknown[] {
    return this.world.leader.calls.filter((call) => call.name === name);
  }

  get launched(): string[] {
    return [...this.world.leader.launches.keys()];
  }
}

const keyOf = (taskId: string | undefined): string | undefined => taskId?.split('-')[0];

describe('a framework', () => {
  it('launches what is desired on what is offered, states its demand, and tells each state with key and payload', async () => {
    const told: FrameworkUpdate<Payload>[] = [];
    const fixture = await Fixture.started([job('a', 7)], {
      onUpdate: (update) => void told.push(update),
    });
    expect(fixture.calls('demand')).toMatchObject([{ body: { demand: [{ count: 1 }] } }]);
    await fixture.offer(1);
    expect(fixture.launched.map(keyOf)).toEqual(['a']);
    expect(told).toMatchObject([
      { key: 'a', payload: { n: 7 }, state: 'running', terminal: false },
      { key: 'a', payload: { n: 7 }, state: 'finished', terminal: true, willRetry: false },
    ]);
    expect(fixture.framework.explain('a').state).toBe('done');
    expect(fixture.errors).toEqual([]);
  });

  it('acknowledges an update when the body of the loop is through, not before', async () => {
    const fixture = await Fixture.started([job('a')]);
    const updates = fixture.framework.updates()[Symbol.asyncIterator]();
    await fixture.offer(1);
    expect((await updates.next()).value).toMatchObject({ state: 'running' });
    await fixture.world.pass(10);
    expect([...fixture.world.acknowledged]).toEqual([]);
    expect((await updates.next()).value).toMatchObject({ state: 'finished' });
    await fixture.world.pass(10);
    expect([...fixture.world.acknowledged]).toEqual([1]);
  });

  it('tells an update again, and the same, when the body of the loop throws', async () => {
    const fixture = await Fixture.started([job('a')]);
    await fixture.offer(1);
    const broken = async (): Promise<void> => {
      for await (const update of fixture.framework.updates()) throw new Error(update.state);
    };
    await expect(broken()).rejects.toThrow('running');
    await fixture.world.pass(1000);
    expect([...fixture.world.acknowledged]).toEqual([]);
    const updates = fixture.framework.updates()[Symbol.asyncIterator]();
    expect((await updates.next()).value).toMatchObject({ key: 'a', state: 'running' });
    expect((await updates.next()).value).toMatchObject({ key: 'a', state: 'finished' });
  });

  it('reads what is desired at the start, on a poke and from time to time', async () => {
    const fixture = await Fixture.started([], { refreshMs: 5000, onUpdate: () => undefined });
    const before = fixture.reads;
    fixture.list = [job('a')];
    await fixture.framework.poke();
    expect(fixture.reads).toBe(before + 1);
    await fixture.offer(1);
    expect(fixture.launched.map(keyOf)).toEqual(['a']);
    await fixture.world.pass(20_000);
    expect(fixture.reads).toBeGreaterThanOrEqual(before + 4);
  });

  it('keeps the last list when it cannot be read, and reads it again', async () => {
    const fixture = await Fixture.started([job('a')], { onUpdate: () => undefined });
    fixture.world.leader.isMute = true;
    await fixture.offer(1);
    const list = fixture.list;
    Object.defineProperty(fixture, 'list', {
      get: () => {
        throw new Error('the database is away');
      },
    });
    await fixture.framework.poke();
    expect(fixture.errors.map(({ message }) => message)).toEqual(['the database is away']);
    expect(fixture.calls('killTask')).toEqual([]);
    Object.defineProperty(fixture, 'list', { value: list });
    const before = fixture.reads;
    await fixture.world.pass(2000);
    expect(fixture.reads).toBeGreaterThan(before);
  });

  it('that takes over launches nothing that runs, and nothing whose end it has not read', async () => {
    const world = new MemoryWorld();
    world.leader.beliefs.set('a-t0-1' as TaskId, 'running');
    world.leader.update('b-t0-1' as TaskId, 'agent', 1, 'finished');
    const told: FrameworkUpdate<Payload>[] = [];
    const options = { onUpdate: (update: FrameworkUpdate<Payload>) => void told.push(update) };
    const fixture = await Fixture.started([job('a'), job('b'), job('c')], options, world);
    await fixture.offer(1);
    await fixture.offer(1);
    await fixture.offer(1);
    expect(fixture.launched.map(keyOf)).toEqual(['c']);
    expect(told.filter(({ key }) => key === 'b')).toMatchObject([{ state: 'finished' }]);
    expect(fixture.framework.explain('a')).toMatchObject({ state: 'running', taskIds: ['a-t0-1'] });
  });

  it('that takes over launches nothing as long as an earlier end waits behind one in hand', async () => {
    const world = new MemoryWorld();
    world.leader.update('a-t0-1' as TaskId, 'agent', 1, 'finished');
    world.leader.update('b-t0-1' as TaskId, 'agent', 1, 'finished');
    const fixture = await Fixture.started([job('a'), job('b')], {}, world);
    await fixture.offer(2);
    const updates = fixture.framework.updates()[Symbol.asyncIterator]();
    await updates.next();
    await fixture.offer(2);
    expect(fixture.launched).toEqual([]);
    expect((await updates.next()).value).toMatchObject({ key: 'b', state: 'finished' });
    await fixture.offer(2);
    expect(fixture.launched).toEqual([]);
  });

  it('kills what it finds running and nobody desires', async () => {
    const world = new MemoryWorld();
    world.leader.beliefs.set('old-t0-1' as TaskId, 'running');
    const fixture = await Fixture.started([job('a')], { onUpdate: () => undefined }, world);
    expect(fixture.calls('killTask')).toMatchObject([{ body: { taskId: 'old-t0-1' } }]);
  });

  it('counts its keys by state, and tells when nothing of it lives', async () => {
    const world = new MemoryWorld();
    world.leader.beliefs.set('a-t0-1' as TaskId, 'running');
    const fixture = await Fixture.started(
      [job('a'), job('b')],
      { onUpdate: () => undefined },
      world,
    );
    expect(fixture.framework.counts()).toMatchObject({ running: 1, waiting: 1, done: 0 });
    let isIdle = false;
    void fixture.framework.idle().then(() => (isIdle = true));
    await world.pass(10);
    expect(isIdle).toBe(false);
    world.leader.update('a-t0-1' as TaskId, 'agent', 1, 'finished');
    await world.pass(10);
    expect(isIdle).toBe(true);
    await fixture.framework.idle();
    expect(fixture.framework.counts()).toMatchObject({ running: 0, waiting: 1, done: 1 });
  });

  it('reads what is expected with what is desired', async () => {
    const fixture = new Fixture([job('a')]);
    let count = 3;
    fixture.framework.expected(() => [{ need: { cpus: 1 }, count }]);
    const starting = fixture.framework.start();
    await fixture.world.pass(10);
    await starting;
    await fixture.world.pass(1000);
    expect(fixture.calls('demand').at(-1)).toMatchObject({ body: { demand: [{ count: 4 }] } });
    count = 0;
    await Promise.all([fixture.framework.poke(), fixture.world.pass(1000)]);
    expect(fixture.calls('demand').at(-1)).toMatchObject({ body: { demand: [{ count: 1 }] } });
  });

  it('that is closed leaves its tasks or kills them, as it is told', async () => {
    for (const tasks of ['leave', 'kill'] as const) {
      const world = new MemoryWorld();
      world.leader.beliefs.set('a-t0-1' as TaskId, 'running');
      const fixture = await Fixture.started([job('a')], { onUpdate: () => undefined }, world);
      const closing = fixture.framework.close({ tasks });
      await world.pass(40_000);
      await closing;
      expect(fixture.calls('killTask')).toHaveLength(tasks === 'kill' ? 1 : 0);
      expect(fixture.calls('teardown')).toEqual([]);
    }
  });

  it('that is torn down says so', async () => {
    const fixture = await Fixture.started([], { onUpdate: () => undefined });
    const ending = fixture.framework.teardown();
    await fixture.world.pass(100);
    await ending;
    expect(fixture.calls('teardown')).toHaveLength(1);
  });
});
