// Tests what becomes of offers that nobody answers: the timeout, what it costs, and the cap on what is unanswered.
import { OfferId } from '@parley/protocol/ids';
import { beforeEach, describe, expect, test } from 'vitest';
import { nextDeadlineMs } from './cluster-core.ts';
import { maxOffersOf } from './offer-expiry.ts';
import { isAboveCap } from './proposals.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  aTask,
  factOf,
  factsOf,
  of,
  ScriptedCluster,
  some,
  whyRefused,
} from './scripted-cluster.ts';

const agentId = anAgentId();
const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(100), { settings: { offerTimeoutMs: 10_000 } });
});

const confirm = (number?: number) =>
  cluster.enter({
    kind: 'frameworkConfirmed',
    framework,
    session: cluster.framework(framework)?.session ?? 0,
    number: number ?? cluster.framework(framework)?.lastNumber ?? 0,
  });
const strikes = () => cluster.framework(framework)?.expiryStrikes;
const card = () => cluster.state.cards.get('alice/f1');

/** Offers that it saw and lets expire. */
function letExpire(count: number): void {
  for (let number = 0; number < count; number += 1) {
    cluster.offer(framework, some(1));
    confirm();
    cluster.pass(10_000);
  }
}

describe('an offer that is not answered', () => {
  test('is rescinded when its time is over, told as left unused, and its resources are free', () => {
    const id = cluster.offer(framework, some(2));
    expect(nextDeadlineMs(cluster.state)).toBe(10_000);
    expect(of(cluster.pass(9999), 'rescind')).toEqual([]);
    const effects = cluster.pass(1);
    expect(of(effects, 'rescind')).toMatchObject([
      { framework, message: { number: 2, offerIds: [id], reason: 'offerTimeout' } },
    ]);
    expect(factsOf(effects)).toContainEqual({ kind: 'leftUnused', framework, agentId });
    expect(factsOf(effects)).toContainEqual(expect.objectContaining({ kind: 'agentFree' }));
    expect(factOf(effects, 'refused')).toBeUndefined();
    expect(card()).toMatchObject({ offered: 1, expired: 1, rescinded: 0 });
  });

  test('is rescinded in one message with the others that are due', () => {
    const ids = [cluster.offer(framework, some(1)), cluster.offer(framework, some(1))];
    expect(of(cluster.pass(10_000), 'rescind')).toMatchObject([{ message: { offerIds: ids } }]);
  });

  test("has the framework's own time when it sets one", () => {
    cluster.frameworkCall(framework, { verb: 'updateFramework', body: { offerTimeoutMs: 100 } });
    cluster.offer(framework, some(1));
    expect(of(cluster.pass(100), 'rescind')).toHaveLength(1);
    cluster.subscribe(framework, { offerTimeoutMs: 60_000 });
    cluster.offer(framework, some(1));
    expect(of(cluster.pass(59_999), 'rescind')).toHaveLength(0);
  });

  test('keeps its time when a new leader tells it again under a new number', () => {
    const id = cluster.offer(framework, some(1));
    cluster.pass(4000);
    const effects = cluster.startTerm({ offerTimeoutMs: 10_000 });
    expect(of(effects, 'offers')).toMatchObject([
      { message: { number: 2, offers: [{ offerId: id }] } },
    ]);
    expect(of(cluster.pass(6000), 'rescind')).toMatchObject([{ message: { offerIds: [id] } }]);
  });

  test('and is accepted too late: the accept learns that it lost', () => {
    const id = cluster.offer(framework, some(1));
    cluster.pass(10_000);
    expect(answerOf(cluster.accept(framework, [id], [aTask('t1')]))).toMatchObject({
      failure: { code: 'invalidOffers' },
    });
  });

  test('wakes nobody up when it was answered in time', () => {
    const id = cluster.offer(framework, some(1));
    cluster.accept(framework, [id], [aTask('t1')]);
    expect(nextDeadlineMs(cluster.state)).toBeGreaterThan(10_000);
  });
});

describe('a framework that lets offers expire', () => {
  test('is not blamed for an offer that it has not confirmed seeing', () => {
    cluster.offer(framework, some(1));
    confirm(0);
    cluster.pass(10_000);
    expect(strikes()).toBe(0);
    expect(card()).toMatchObject({ expired: 1, ignored: 0 });
  });

  test('is not blamed for what it saw of an earlier leader and not of this one', () => {
    cluster.offer(framework, some(1));
    confirm();
    cluster.startTerm({ offerTimeoutMs: 10_000 });
    cluster.pass(10_000);
    expect(strikes()).toBe(0);
  });

  test('cannot confirm what it was never sent, or in another session', () => {
    confirm(1000);
    expect(cluster.framework(framework)?.confirmedNumber).toBe(0);
    cluster.offer(framework, some(1));
    cluster.enter({ kind: 'frameworkConfirmed', framework, session: 7, number: 1 });
    expect(cluster.framework(framework)?.confirmedNumber).toBe(0);
  });

  test('gets fewer at a time, down to one, and its card shows it', () => {
    cluster.offer(framework, some(1));
    confirm();
    const effects = cluster.pass(10_000);
    expect(factsOf(effects)).toContainEqual(
      expect.objectContaining({ kind: 'framework', maxOffers: 32 }),
    );
    letExpire(5);
    expect(maxOffersOf({ expiryStrikes: strikes() ?? 0 })).toBe(1);
    letExpire(3);
    expect(strikes()).toBe(6);
    cluster.offer(framework, some(1));
    expect(whyRefused(cluster.propose(framework, some(1)))).toEqual([
      'the framework lets offers expire: 1 at a time',
    ]);
    expect(card()).toMatchObject({ expired: 9, ignored: 9 });
  });

  test('gets more again with each offer that it answers', () => {
    letExpire(2);
    const decline = () => {
      const offerIds = [cluster.offer(framework, some(1))];
      return cluster.frameworkCall(framework, { verb: 'decline', body: { offerIds } });
    };
    expect(factsOf(decline())).toContainEqual(
      expect.objectContaining({ kind: 'framework', maxOffers: 32 }),
    );
    expect(factOf(decline(), 'framework')).not.toHaveProperty('maxOffers');
    letExpire(1);
    cluster.accept(framework, [cluster.offer(framework, some(1))], [aTask('t1')]);
    expect(strikes()).toBe(0);
  });
});

describe('a framework that subscribes anew', () => {
  test('gets one strike when it had seen offers and not answered them, however many they are', () => {
    for (let number = 0; number < 3; number += 1) cluster.offer(framework, some(1));
    confirm();
    cluster.subscribe(framework);
    expect(strikes()).toBe(1);
    cluster.subscribe(framework);
    expect(strikes()).toBe(1);
  });

  test('gets none for offers that it has not confirmed seeing', () => {
    cluster.offer(framework, some(1));
    cluster.subscribe(framework);
    expect(strikes()).toBe(0);
  });

  test('gets none under the rules before version 5', () => {
    cluster = new ScriptedCluster();
    cluster.rulesVersion = 4;
    cluster.startTerm();
    cluster.register(agentId, some(100));
    cluster.subscribe(framework);
    cluster.offer(framework, some(1));
    confirm();
    cluster.subscribe(framework);
    expect(strikes()).toBe(0);
  });
});

describe('an accept that fails as a whole', () => {
  test('was an answer: it takes back one strike for each offer that was outstanding', () => {
    letExpire(4);
    const ids = [cluster.offer(framework, some(1)), cluster.offer(framework, some(1))];
    const stale = OfferId.parse('o1-999');
    const effects = cluster.operate(framework, [...ids, stale], [], { atomic: true });
    expect(answerOf(effects)).toMatchObject({ failure: { code: 'invalidOffers' } });
    expect(strikes()).toBe(2);
    expect(answerOf(cluster.accept(framework, ids, []))).toMatchObject({ ok: false });
    expect(strikes()).toBe(2);
  });
});

describe('the cap on unanswered offers', () => {
  beforeEach(() => {
    cluster.startTerm({ outstandingCapPermille: 500 });
  });

  test('is told to the allocator when it changes', () => {
    expect(factsOf(cluster.startTerm({ outstandingCapPermille: 250 }))).toEqual([
      expect.objectContaining({ kind: 'settings', outstandingCapPermille: 250 }),
    ]);
    expect(factsOf(cluster.startTerm({ outstandingCapPermille: 250 }))).toEqual([]);
  });

  test('refuses what would bring a framework above it, in any resource', () => {
    cluster.offer(framework, some(30));
    expect(whyRefused(cluster.propose(framework, some(21)))).toHaveLength(1);
    expect(whyRefused(cluster.propose(framework, some(1, 21)))).toEqual([
      'its unanswered offers would hold more than 500 per mille of mem',
    ]);
    expect(of(cluster.propose(framework, some(20)), 'offers')).toHaveLength(1);
  });

  test('does not count what other frameworks or tasks hold', () => {
    const id = cluster.offer(framework, some(40));
    cluster.accept(framework, [id], [aTask('t1', some(40))]);
    cluster.subscribe(aFramework('f2'));
    cluster.offer(aFramework('f2'), some(10));
    expect(of(cluster.propose(framework, some(50)), 'offers')).toHaveLength(1);
  });

  test('always lets a framework have one offer, however large', () => {
    cluster.accept(framework, [cluster.offer(framework, some(1))], [aTask('t1')]);
    cluster.offer(framework, some(80));
    expect(whyRefused(cluster.propose(framework, some(1)))).toHaveLength(1);
  });

  test('is compared exactly, also where the products leave the exact range of doubles', () => {
    const total = 9_007_199_254_740_990;
    expect(isAboveCap(total / 2, total, 500)).toBe(false);
    expect(isAboveCap(total / 2 + 1, total, 500)).toBe(true);
  });
});
