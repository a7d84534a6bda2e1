// Owns the proof, on real processes, of what becomes of an offer that is not accepted: declined and filtered, not answered
// in time, or accepted at the moment at which its time ends.
import { setTimeout as delay } from 'node:timers/promises';
import { frameworkKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const OFFER_TIMEOUT_MS = 1500;
/** So long that nobody is offered the same again within a test. */
const LONG_MS = 600_000;
const DECLINED = { ok: true, value: { declined: 1, unknown: 0 } };

const cluster = new ScenarioCluster();
const { fixture } = cluster;
let frameworks: ScenarioFramework[] = [];

beforeAll(() =>
  cluster.start({
    agents: ['a1'],
    masterOptions: [
      ...['--offer-timeout-ms', String(OFFER_TIMEOUT_MS), '--framework-silence-ms', '4000'],
      ...['--outstanding-cap', '100'],
    ],
  }),
);
afterEach(async () => {
  for (const framework of frameworks) {
    await framework.client.teardown();
    await framework.close();
  }
  frameworks = [];
  await cluster.books(
    ({ tasks, offers, frameworks: left }) => tasks.size + offers.size + left.size === 0,
    'nothing is left of the test',
  );
  const { free, total } = cluster.free('a1');
  expect(free).toEqual(total);
  cluster.check();
});
afterAll(() => cluster.close());

async function connect(...how: Parameters<typeof ScenarioFramework.connect>) {
  const framework = await ScenarioFramework.connect(...how);
  frameworks.push(framework);
  return framework;
}

const launch = (offer: Offer, taskId: string, script: string) => ({
  offerIds: [offer.offerId],
  operations: [{ kind: 'launch' as const, tasks: [fixture.scriptTask(taskId, script)] }],
  filter: { refuseMs: 0 },
});

test('a declined agent is not offered to the same framework for its refuse time, and to another at once', async () => {
  const refuseMs = 2500;
  const refuser = await connect(fixture, 'alice', 'refuser', { offerTimeoutMs: LONG_MS });
  const first = await refuser.offer('a1');
  const other = await connect(fixture, 'bob', 'other', { offerTimeoutMs: LONG_MS });
  expect(other.offers).toEqual([]);

  const declinedMs = performance.now();
  expect(await refuser.decline([first], refuseMs)).toMatchObject(DECLINED);
  const second = await other.offer('a1');
  expect(performance.now() - declinedMs).toBeLessThan(refuseMs);
  expect(second.resources).toEqual(first.resources);
  // From here on nobody but the filter keeps it from the first one.
  expect(await other.decline([second], LONG_MS)).toMatchObject(DECLINED);
  await refuser.offer('a1');
  expect(performance.now() - declinedMs).toBeGreaterThanOrEqual(refuseMs);
  const made = cluster.of('offerMade').map(({ framework }) => framework.frameworkId);
  expect(made).toEqual(['refuser', 'other', 'refuser']);
});

test('an offer that is not answered in time is rescinded and goes to another framework first; a late accept is refused and its task dropped', async () => {
  const slow = await connect(fixture, 'alice', 'slow');
  const offer = await slow.offer('a1');
  const quick = await connect(fixture, 'bob', 'quick');
  const taken = await quick.offer('a1');
  const before = cluster.of('offerMade').findIndex(({ offerId }) => offerId === offer.offerId);
  expect(cluster.of('offerMade')[before + 1]).toMatchObject({
    offerId: taken.offerId,
    framework: quick.client.framework,
  });
  const [expired] = cluster.of('offerRescinded').filter((one) => one.offerId === offer.offerId);
  expect(expired).toMatchObject({ reason: 'offerTimeout', framework: slow.client.framework });
  const madeMs = cluster.of('offerMade')[before]?.coreTimeMs ?? 0;
  expect((expired?.coreTimeMs ?? 0) - madeMs).toBeGreaterThanOrEqual(OFFER_TIMEOUT_MS);
  await until(
    () => slow.rescinded.includes(offer.offerId),
    () => slow.said,
  );

  expect(await slow.accept(launch(offer, 'late', 'true'))).toMatchObject({
    ok: false,
    failure: { code: 'invalidOffers' },
  });
  await slow.untilState('dropped', 'late');
  expect(slow.last('late')).toMatchObject({ reason: 'invalidOffers', source: 'master' });
  expect(fixture.runs('late')).toBe(0);
  const card = cluster.state.cards.get(frameworkKey(slow.client.framework));
  expect(card).toMatchObject({ offered: 1, expired: 1, ignored: 1, accepted: 0, launched: 0 });
  expect(await quick.decline([taken], LONG_MS)).toMatchObject({ ok: true });
});

/** What an accept came to; anything in between is none of them. */
function outcomeOf(answer: Answer): string {
  if (!answer.ok) return answer.failure.code;
  return JSON.stringify(answer.value);
}

test('an accept that races the end of its offer has one outcome, the same for the framework and in the books, and nothing leaks', async () => {
  const rounds = 24;
  const timeoutMs = 300;
  const racer = await connect(fixture, 'alice', 'racer', { offerTimeoutMs: timeoutMs });
  const outcomes: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const taskId = `race-${round}`;
    const offer = await racer.offer('a1');
    // Spread evenly over what lies around the end, out of order.
    await delay(60 + ((round * 7) % rounds) * 12);
    const outcome = outcomeOf(await racer.accept(launch(offer, taskId, 'true')));
    const isLaunched = outcome !== 'invalidOffers';
    outcomes.push(outcome);
    await racer.untilEnded(taskId);
    const last = racer.last(taskId);
    if (isLaunched) {
      expect(JSON.parse(outcome)).toMatchObject({ launched: [taskId], rejected: [] });
      expect(last).toMatchObject({ state: 'finished' });
    } else {
      expect(last).toMatchObject({ state: 'dropped', reason: 'invalidOffers' });
    }
    expect(fixture.runs(taskId)).toBe(isLaunched ? 1 : 0);
    const ofOffer = ({ offerId }: { offerId: string }) => offerId === offer.offerId;
    await cluster.books(({ offers }) => !offers.has(offer.offerId), `${offer.offerId} is over`);
    expect(cluster.of('offerAccepted').filter(ofOffer)).toHaveLength(isLaunched ? 1 : 0);
    expect(cluster.of('offerRescinded').filter(ofOffer)).toHaveLength(isLaunched ? 0 : 1);
  }
  const won = outcomes.filter((outcome) => outcome !== 'invalidOffers').length;
  // Otherwise nothing raced.
  expect(won).toBeGreaterThan(0);
  expect(won).toBeLessThan(rounds);
  const card = cluster.state.cards.get(frameworkKey(racer.client.framework));
  expect(card).toMatchObject({ accepted: won, launched: won });
});
