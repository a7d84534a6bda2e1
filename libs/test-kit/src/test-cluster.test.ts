import { isTerminal, type StatusUpdate, type TaskDescription } from '@parley/protocol/tasks';
import { Scheduler } from '@parley/scheduler-sdk/scheduler';
import { takeFitting, task } from '@parley/scheduler-sdk/task';
import { describe, expect, it } from 'vitest';
import { CrudeFramework } from './crude-framework.ts';
import { TestCluster } from './test-cluster.ts';

const AGENT = { resources: { scalars: { cpus: 2000, mem: 2_048_000 } } };
const small = (id: string, ...command: string[]): TaskDescription =>
  task({ id, cpus: 0.5, mem: '128MiB', command: command.length > 0 ? command : ['sleep', '1'] });

/** A well-behaved framework with a queue of tasks. */
function queueFramework(cluster: TestCluster, queue: TaskDescription[]) {
  const updates: StatusUpdate[] = [];
  const errors: Error[] = [];
  const scheduler = new Scheduler(
    {
      name: 'queue',
      role: '*',
      onOffers: async (offers, self) => {
        for (const offer of offers) {
          const launches = takeFitting(offer, queue);
          if (launches.length > 0) await self.launch(offer, launches);
        }
      },
      onUpdate: (update) => void updates.push(update),
      onError: (error) => void errors.push(error),
    },
    cluster.ports(),
  );
  const ended = () => updates.filter(({ state }) => isTerminal(state));
  return { scheduler, updates, errors, ended };
}

describe('a framework that keeps the rules', () => {
  it('runs its tasks in virtual time and is found guilty of nothing', async () => {
    const cluster = new TestCluster({ agents: [{ ...AGENT, count: 2 }] });
    const queue = Array.from({ length: 20 }, (_, n) => small(`t${n}`, 'sleep', '30'));
    const { scheduler, ended } = queueFramework(cluster, queue);
    await cluster.until(() => cluster.tasks('running').length === 8);
    await cluster.until(() => ended().length === 20);
    expect(ended().every(({ state }) => state === 'finished')).toBe(true);
    expect(cluster.nowMs).toBeGreaterThan(60_000);
    const down = scheduler.teardown();
    await cluster.advance(1000);
    await down;
    expect(cluster.violations()).toEqual([]);
  });

  it('reads in each offer in which zone of which region its agent is', async () => {
    const inZone = (zone: string) => ({ ...AGENT, domain: { region: 'eu', zone } });
    const cluster = new TestCluster({ agents: [inZone('eu-1'), inZone('eu-2'), AGENT] });
    const zones = new Map<string, string | undefined>();
    const scheduler = new Scheduler(
      {
        name: 'looker',
        role: '*',
        onOffers: (offers) => {
          for (const { agentId, domain } of offers) zones.set(agentId, domain?.zone);
        },
        onUpdate: () => undefined,
      },
      cluster.ports(),
    );
    await cluster.until(() => zones.size === 3);
    expect([...zones].sort()).toEqual([
      ['agent-0', 'eu-1'],
      ['agent-1', 'eu-2'],
      ['agent-2', undefined],
    ]);
    void scheduler.teardown();
    await cluster.advance(1000);
    expect(cluster.violations()).toEqual([]);
  });

  it('keeps its tasks when an agent is cut off and comes back', async () => {
    const cluster = new TestCluster({ agents: [AGENT] });
    const { updates } = queueFramework(cluster, [small('lasts', 'sleep', '600')]);
    await cluster.until(() => cluster.tasks('running').length === 1);
    cluster.agent(0).partition();
    await cluster.until(() => cluster.tasks('unreachable').length === 1);
    cluster.agent(0).heal();
    await cluster.until(() => cluster.tasks('running').length === 1);
    await cluster.until(() => updates.some(({ state }) => state === 'finished'));
    expect(updates.map(({ state }) => state)).toEqual([
      'running',
      'unreachable',
      'running',
      'finished',
    ]);
    expect(cluster.violations()).toEqual([]);
  });

  it('loses nothing when another master takes over and messages get lost, doubled and late', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const faults = { dropChance: 0.1, duplicateChance: 0.1, maxDelayMs: 200, reorder: true };
      const cluster = new TestCluster({ agents: [{ ...AGENT, count: 2 }], seed, faults });
      const queue = Array.from({ length: 12 }, (_, n) => small(`t${n}`, 'sleep', '5'));
      const { ended } = queueFramework(cluster, queue);
      await cluster.advance(3000);
      cluster.failOverMaster();
      cluster.agent(1).restart();
      await cluster.until(() => ended().length === 12);
      expect(new Set(ended().map((update) => update.task.taskId)).size).toBe(12);
      expect(cluster.violations()).toEqual([]);
    }
  });

  it('is not accused of offers that it could not see or answer while it was cut off', async () => {
    const cluster = new TestCluster({ agents: [{ ...AGENT, count: 2 }] });
    const { ended } = queueFramework(
      cluster,
      Array.from({ length: 8 }, (_, n) => small(`t${n}`, 'sleep', '4')),
    );
    await cluster.advance(1000);
    cluster.cutSchedulers();
    await cluster.advance(18_000);
    cluster.mendSchedulers();
    await cluster.until(() => ended().length === 8);
    await cluster.advance(30_000);
    expect(cluster.violations()).toEqual([]);
  });

  it('is not accused of an accept that it sent before the offer was taken back and that came later', async () => {
    const cluster = new TestCluster({ agents: [AGENT] });
    let launched = false;
    new Scheduler(
      {
        name: 'cut',
        role: '*',
        onOffers: (offers, self) => {
          const [offer] = offers;
          if (launched || offer === undefined) return;
          launched = true;
          cluster.cutSchedulers();
          void self.launch(offer, [small('late')]);
        },
        onUpdate: () => undefined,
      },
      cluster.ports(),
    );
    await cluster.until(() => launched);
    await cluster.advance(15_000);
    cluster.mendSchedulers();
    await cluster.advance(15_000);
    expect(cluster.violations()).toEqual([]);
  });

  it('is not accused of using an offer whose rescind got lost', async () => {
    const cluster = new TestCluster({ agents: [AGENT] });
    const results: unknown[] = [];
    const held = Promise.withResolvers<void>();
    new Scheduler(
      {
        name: 'unlucky',
        role: '*',
        onOffers: async (offers, self) => {
          const [offer] = offers;
          if (results.length > 0 || offer === undefined) return;
          results.push('held');
          await held.promise;
          results.push(await self.launch(offer, [small('late')]));
        },
        onUpdate: () => undefined,
      },
      cluster.ports(),
    );
    await cluster.until(() => cluster.offerCount === 1);
    cluster.setFaults({ dropChance: 1 });
    await cluster.until(() => cluster.offerCount === 0);
    await cluster.advance(10);
    cluster.setFaults({ dropChance: 0 });
    // Before a heartbeat of the leader tells that a message is missing.
    await cluster.advance(2000);
    held.resolve();
    await cluster.until(() => results.length === 2);
    const message = expect.stringContaining('is not outstanding');
    expect(results[1]).toMatchObject({ ok: false, failure: { code: 'invalidOffers', message } });
    expect(cluster.violations().map(({ kind }) => kind)).not.toContain('usedRescindedOffer');
  });

  it('is told of an agent that an operator gave up, and its task is gone', async () => {
    const cluster = new TestCluster({ agents: [AGENT] });
    const { updates } = queueFramework(cluster, [small('lost', 'sleep', '600')]);
    await cluster.until(() => cluster.tasks('running').length === 1);
    await Promise.all([cluster.declareGone(0), cluster.advance(1000)]);
    expect(updates.at(-1)).toMatchObject({ state: 'gone', reason: 'agentGoneByOperator' });
  });

  it('equal seeds make equal runs', async () => {
    const faults = { dropChance: 0.1, maxDelayMs: 100 };
    const run = async () => {
      const cluster = new TestCluster({ agents: [AGENT], seed: 7, faults });
      const { updates, ended } = queueFramework(cluster, [small('a'), small('b'), small('c')]);
      await cluster.until(() => ended().length === 3);
      return { nowMs: cluster.nowMs, updates };
    };
    expect(await run()).toEqual(await run());
  });
});

describe('a framework that breaks the rules is found out', () => {
  async function crude(options = { acknowledges: true }) {
    const cluster = new TestCluster({ agents: [{ ...AGENT, count: 2 }] });
    const framework = new CrudeFramework(cluster.ports(), options);
    await Promise.all([framework.subscribe(), cluster.advance(100)]);
    await cluster.until(() => framework.offers.length > 0);
    const [offer] = framework.offers;
    if (offer === undefined) throw new Error('no offer');
    const kinds = () => new Set(cluster.violations().map(({ kind }) => kind));
    return { cluster, framework, offer, kinds };
  }

  it('one that hoards offers leaks them', async () => {
    const { cluster, kinds } = await crude();
    await cluster.advance(30_000);
    expect(kinds()).toEqual(new Set(['leakedOffer']));
  });

  it('one that forgets to acknowledge updates', async () => {
    const { cluster, framework, offer, kinds } = await crude({ acknowledges: false });
    await Promise.all([framework.accept(offer, [small('a')]), cluster.advance(100)]);
    await cluster.advance(70_000);
    expect(kinds()).toContain('unacknowledgedUpdate');
  });

  it('one that forgets to acknowledge updates, though it was away for a moment', async () => {
    const { cluster, framework, offer, kinds } = await crude({ acknowledges: false });
    await Promise.all([framework.accept(offer, [small('a')]), cluster.advance(100)]);
    await cluster.advance(50_000);
    cluster.cutSchedulers();
    await cluster.advance(3000);
    cluster.mendSchedulers();
    await cluster.advance(59_000);
    expect(kinds()).not.toContain('unacknowledgedUpdate');
    await cluster.advance(90_000);
    expect(kinds()).toContain('unacknowledgedUpdate');
  });

  it('one that launches a task twice', async () => {
    const { cluster, framework, offer, kinds } = await crude();
    await Promise.all([framework.accept(offer, [small('a')]), cluster.advance(100)]);
    const other = framework.offers.find(({ offerId }) => offerId !== offer.offerId);
    if (other === undefined) throw new Error('no second offer');
    await Promise.all([framework.accept(other, [small('a')]), cluster.advance(100)]);
    expect(kinds()).toContain('doubleLaunch');
  });

  it('one that ignores rescinds', async () => {
    const { cluster, framework, offer, kinds } = await crude();
    // Until a heartbeat of its own has confirmed that it was told.
    await cluster.advance(20_000);
    await Promise.all([framework.accept(offer, [small('a')]), cluster.advance(100)]);
    expect(kinds()).toContain('usedRescindedOffer');
  });

  it('but not for a request that arrives more than once', async () => {
    const { cluster, framework, kinds } = await crude();
    cluster.setFaults({ duplicateChance: 1 });
    for (let round = 0; round < 4; round += 1) {
      await Promise.all([framework.revive(), cluster.advance(100)]);
    }
    expect(kinds()).not.toContain('reviveStorm');
  });

  it('one that revives again and again', async () => {
    const { cluster, framework, kinds } = await crude();
    for (let round = 0; round < 7; round += 1) {
      await Promise.all([framework.revive(), cluster.advance(100)]);
    }
    expect(kinds()).toContain('reviveStorm');
  });
});
