// Owns the proof that a kill -9 of the only master, or of the nats-server, costs time and nothing else: offers and calls
// survive it, deadlines stay where they were, and every update is told once and in order.
import { frameworkKey } from '@parley/protocol/ids';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type CommandTask, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

/** Of offers that were made anew at once, for all that an accept did not use. */
const AT_ONCE = { refuseMs: 0 };

const cluster = new ScenarioCluster();
const { fixture } = cluster;
let framework: ScenarioFramework;

beforeAll(async () => {
  await cluster.start({
    agents: ['a1', 'a2'],
    masterOptions: [
      ...['--offer-timeout-ms', '600000', '--framework-silence-ms', '1000'],
      ...['--outstanding-cap', '100'],
    ],
  });
  framework = await ScenarioFramework.connect(fixture, 'alice', 'survivor');
});
afterEach(() => cluster.check());
afterAll(async () => {
  await framework?.close();
  await cluster.close();
});

const tasksAt = (gate: string, count: number): CommandTask[] =>
  Array.from({ length: count }, (_, index) => fixture.task(`${gate}-${index}`, gate));
const idsOf = (tasks: readonly CommandTask[]): string[] => tasks.map(({ taskId }) => taskId);

test('after a kill -9 of the only master the same offers are valid, tasks go on, and calls that nobody answered are answered once', async () => {
  const [early, late] = [tasksAt('early', 3), tasksAt('late', 3)];
  const first = await framework.offersOf('a1', 4000);
  const launches = [...early, ...late];
  const launched = await framework.client.accept({ offers: first, launches, filter: AT_ONCE });
  expect(launched).toMatchObject({ ok: true, value: { launched: idsOf(launches) } });
  await framework.untilState('running', ...idsOf(launches));
  // Outstanding in both hands: what is left of one agent, and all of the other.
  const left = await framework.offersOf('a1', 1600);
  const whole = await framework.offersOf('a2', 4000);
  const outstanding = new Set(cluster.state.offers.keys());
  expect(outstanding).toEqual(new Set([...left, ...whole].map(({ offerId }) => offerId)));

  await fixture.service('master-1').end('SIGKILL');
  const bySdk = tasksAt('by-sdk', 2);
  const byHand = tasksAt('by-hand', 2);
  // Nobody is there to answer: the client repeats its call by itself, the other one is repeated here.
  const waiting = framework.client.accept({ offers: left, launches: bySdk, filter: AT_ONCE });
  const request = framework.nextRequest();
  const call = {
    offerIds: whole.map(({ offerId }) => offerId),
    operations: [{ kind: 'launch' as const, tasks: byHand }],
    filter: AT_ONCE,
  };
  await expect(framework.accept(call, request)).rejects.toThrow();
  fixture.open('early');
  await framework.untilState('finished', ...idsOf(early));
  cluster.startMaster();
  await fixture.service('master-1').says('term begins', 1);
  const made = cluster.of('offerMade').map(({ offerId }) => offerId);
  const answers = [await framework.accept(call, request), await framework.accept(call, request)];
  expect(answers[0]).toMatchObject({
    ok: true,
    value: { launched: idsOf(byHand), staleOffers: [] },
  });
  expect(answers[1]).toEqual(answers[0]);
  expect(await waiting).toMatchObject({
    ok: true,
    value: { launched: idsOf(bySdk), staleOffers: [] },
  });
  const accepted = cluster.of('offerAccepted').map(({ offerId }) => offerId);
  expect(accepted.filter((offerId) => outstanding.has(offerId)).sort()).toEqual(
    [...outstanding].sort(),
  );
  expect(made.filter((offerId) => outstanding.has(offerId))).toHaveLength(outstanding.size);
  expect(framework.rescinded).toEqual([]);

  await framework.untilState('running', ...idsOf([...bySdk, ...byHand]));
  for (const gate of ['late', 'by-sdk', 'by-hand']) fixture.open(gate);
  const all = idsOf([...launches, ...bySdk, ...byHand]);
  await framework.untilEnded(...all);
  for (const taskId of all) {
    expect(framework.states(taskId), taskId).toEqual(['running', 'finished']);
    expect(fixture.runs(taskId), taskId).toBe(1);
  }
});

test('a failover timeout that runs while the master is killed keeps its deadline', async () => {
  const failoverTimeoutMs = 4000;
  const leaver = await ScenarioFramework.connect(fixture, 'bob', 'leaver', { failoverTimeoutMs });
  const key = frameworkKey(leaver.client.framework);
  await leaver.close();
  await cluster.books(
    ({ frameworks }) => frameworks.get(key)?.failoverAtMs !== undefined,
    'the framework is disconnected',
  );
  const deadlineMs = cluster.state.frameworks.get(key)?.failoverAtMs ?? 0;
  const silentMs = cluster.of('frameworkDisconnected').at(-1)?.coreTimeMs ?? 0;
  expect(deadlineMs - silentMs).toBe(failoverTimeoutMs);
  const terms = fixture.service('master-1').count('term begins');
  await fixture.service('master-1').end('SIGKILL');
  cluster.startMaster();
  await fixture.service('master-1').says('term begins', terms);
  await cluster.books(({ record }) => record.coreTimeMs > silentMs, 'the new term has begun');
  expect(cluster.state.frameworks.get(key)?.failoverAtMs).toBe(deadlineMs);
  await cluster.books(({ frameworks }) => !frameworks.has(key), 'the framework is removed');
  const removed = cluster.of('frameworkRemoved').at(-1);
  expect(removed).toMatchObject({ reason: 'failoverTimeout' });
  expect(removed?.coreTimeMs).toBeGreaterThanOrEqual(deadlineMs);
  expect(removed?.coreTimeMs).toBeLessThan(deadlineMs + failoverTimeoutMs);
  await expect(
    ScenarioFramework.connect(fixture, 'bob', 'leaver', { failoverTimeoutMs }),
  ).rejects.toMatchObject({ failure: { code: 'frameworkRemoved' } });
});

test('updates that are on their way when the nats-server is killed are all told, once and in order', async () => {
  const [before, after] = [tasksAt('dark', 4), tasksAt('dusk', 4)];
  const offers = await framework.offersOf('a2', 4000);
  const launches = [...before, ...after];
  await framework.client.accept({ offers, launches, filter: AT_ONCE });
  await framework.untilState('running', ...idsOf(launches));
  fixture.open('dusk');
  await fixture.killServer();
  fixture.open('dark');
  await until(
    () => fixture.service('a2').count('"state":"finished"') >= before.length + after.length,
    () => 'all have ended, and nobody can be told',
  );
  await fixture.startServer();
  await framework.untilEnded(...idsOf(launches));
  for (const { taskId } of launches) {
    expect(framework.states(taskId), taskId).toEqual(['running', 'finished']);
    expect(fixture.runs(taskId), taskId).toBe(1);
    const [first, second] = framework.updates.filter(({ update }) => update.task.taskId === taskId);
    expect([first?.update.sequence, second?.update.sequence]).toEqual([1, 2]);
  }
});
