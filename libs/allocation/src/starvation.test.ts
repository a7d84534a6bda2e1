// Tests that nobody waits without end. A *cycle* is the time in which whoever was offered something answers it. The bound:
// when an agent comes free on which a need of a framework fits, and which nobody with a smaller share uses, the framework is
// offered it after at most as many cycles as there are others that are offered the agent before and leave it free; and
// then one. Those others are
// - nobody that states its demand: such are offered just what they need, and the rest of the agent goes on to the next in
//   the same decision;
// - each that states none and refuses, once, if a refusal outlasts that many cycles: an idle framework of the SDK refuses
//   for 60 s, which are 3,000 cycles of 20 ms;
// - each that lets the offer expire, once, for as many cycles as an offer lives: from then on it stands back.
// What others use is theirs by their shares: taking it back is another matter.
import type { Constraints } from '@parley/protocol/constraints';
import { contains } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { CycledCluster } from './cycled-cluster.ts';
import { resourcesOf } from './scripted-master.ts';
import type { ScriptedOffer } from './scripted-records.ts';

/** What the SDK refuses for when there is no work. */
const IDLE_REFUSAL_MS = 60_000;
const AGENT = resourcesOf(8, 8192);
/** Cycles that an offer lives. */
const OFFER_CYCLES = 5;

let cluster: CycledCluster;

beforeEach(() => {
  cluster = new CycledCluster();
});

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, number) => `${prefix}-${number}`);

/** Nobody answers; the master takes the offer back, and lets the framework have half as many at a time after each. */
function expireAfter(cycles: number): (offer: ScriptedOffer) => void {
  const offeredAt = new Map<number, number>();
  let limit = 64;
  return ({ number, framework }) => {
    const since = offeredAt.get(number) ?? cluster.cycles;
    offeredAt.set(number, since);
    if (cluster.cycles - since < cycles) return;
    cluster.master.expire(number);
    limit = Math.max(1, Math.floor(limit / 2));
    cluster.master.limitOffers(framework.ref.frameworkId, limit);
  };
}

describe('500 small frameworks and a large one (S26)', () => {
  const SMALL = names('small', 500);

  /** The large one uses most of the cluster, and wants all of it. */
  function startLarge(statesDemand: boolean): void {
    cluster.addAgents('held', 30, AGENT);
    cluster.subscribe('large', cluster.run(Number.POSITIVE_INFINITY));
    if (statesDemand) cluster.need('large', resourcesOf(4, 4096), { count: 100_000 });
    cluster.cycle();
  }

  test.each([true, false])(
    'small ones that state that they need nothing do not delay it (it states its demand: %s)',
    (statesDemand) => {
      startLarge(statesDemand);
      for (const name of SMALL) {
        cluster.subscribe(name, cluster.decline(5000));
        cluster.need(name, resourcesOf(1, 64), { count: 0 });
      }
      cluster.cycle();
      cluster.addAgents('fresh', 5, AGENT);
      expect(cluster.cyclesUntilOffered('large', 1)).toBe(1);
    },
  );

  test.each([true, false])(
    'small ones that decline whatever comes delay it by a cycle each at most (it states its demand: %s)',
    (statesDemand) => {
      startLarge(statesDemand);
      for (const name of SMALL) cluster.subscribe(name, cluster.decline(IDLE_REFUSAL_MS));
      cluster.cycle();
      cluster.addAgents('fresh', 5, AGENT);
      const cycles = cluster.cyclesUntilOffered('large', SMALL.length + 1);
      expect(cycles).toBeLessThanOrEqual(SMALL.length + 1);
      // Meanwhile all of the small ones have been asked: they come first.
      expect(cycles).toBeGreaterThan(SMALL.length / 5);
    },
  );

  test('small ones with work get theirs in the cycle after anything comes free, and the large one all the rest', () => {
    cluster.addAgents('agent', 20, AGENT);
    cluster.subscribe('large', cluster.run(10));
    cluster.need('large', resourcesOf(4, 4096), { count: 1_000_000 });
    for (const name of SMALL) cluster.subscribe(name, cluster.run(3));
    for (const name of SMALL) cluster.need(name, resourcesOf(0.1, 64), { count: 0 });
    for (let count = 0; count < 12; count += 1) cluster.cycle();
    for (const [number, name] of SMALL.slice(0, 100).entries()) {
      cluster.need(name, resourcesOf(0.1, 64), { count: 1 });
      // Tasks of the large one run for 10 cycles: within them one of them ends.
      expect(cluster.cyclesUntilOffered(name, 11), `${number}`).toBeLessThanOrEqual(11);
    }
    expect(cluster.cyclesUntilOffered('large', 11)).toBeLessThanOrEqual(11);
  });
});

describe('a framework whose constraints few agents meet', () => {
  const GPU: Constraints = [{ name: 'gpu', operator: 'exists' }];

  test('it is offered such an agent in the cycle after it comes free, though others want any agent', () => {
    cluster.addAgents('plain', 30, AGENT);
    cluster.addAgents('special', 2, AGENT, { gpu: 'a100' });
    for (const name of names('greedy', 10)) cluster.subscribe(name, cluster.run(7));
    cluster.cycle();
    cluster.subscribe('picky', cluster.run(3));
    for (let count = 0; count < 5; count += 1) {
      cluster.need('picky', resourcesOf(4, 4096), { count: 1, constraints: GPU });
      // Tasks of the others run for 7 cycles.
      expect(cluster.cyclesUntilOffered('picky', 8)).toBeLessThanOrEqual(8);
    }
  });

  test('those that decline whatever comes delay it by a cycle each at most', () => {
    const idle = names('idle', 40);
    for (const name of idle) cluster.subscribe(name, cluster.decline(IDLE_REFUSAL_MS));
    cluster.addAgents('plain', 10, AGENT);
    cluster.subscribe('picky', cluster.run(1000));
    cluster.need('picky', resourcesOf(4, 4096), { count: 4, constraints: GPU });
    for (let count = 0; count < 50; count += 1) cluster.cycle();
    cluster.addAgents('special', 1, AGENT, { gpu: 'a100' });
    expect(cluster.cyclesUntilOffered('picky', 41)).toBeLessThanOrEqual(41);
  });
});

describe('a framework that answers no offer (S25)', () => {
  test('it holds half of the cluster at most, and others are offered the rest at once', () => {
    cluster.master.setCap(500);
    cluster.addAgents('agent', 10, AGENT);
    cluster.subscribe('hoarder', expireAfter(OFFER_CYCLES));
    cluster.cycle();
    cluster.subscribe('worker', cluster.run(1000));
    expect(cluster.cyclesUntilOffered('worker', 1)).toBe(1);
    const hasRoom = [...cluster.master.agents.values()].some(({ free }) =>
      contains(free, resourcesOf(0.01, 32)),
    );
    expect(hasRoom).toBe(false);
  });

  // Each hoarder may have each agent for as long as an offer lives; in the end one offer at a time is left to each.
  test.each([1, 5])(
    'when its offers have expired others are offered those agents; %i such keep a worker from one agent each',
    (count) => {
      cluster.master.setCap(500);
      for (const name of names('hoarder', count)) {
        cluster.subscribe(name, expireAfter(OFFER_CYCLES));
      }
      cluster.addAgents('agent', 10, AGENT);
      cluster.cycle();
      cluster.subscribe('worker', cluster.run(1000));
      cluster.need('worker', AGENT, { count: 10 });
      let got = 0;
      for (let waited = 0; waited <= count * (OFFER_CYCLES + 1); waited += 1) {
        got += cluster.cycle().filter(({ role }) => role === 'worker').length;
      }
      expect(got).toBeGreaterThanOrEqual(count === 1 ? 10 : 10 - count);
    },
  );
});

describe('a scheduler that takes its time (S24)', () => {
  /** It answers after so many cycles, and uses what it was offered. */
  function answerAfter(cycles: number): (offer: ScriptedOffer) => void {
    const offeredAt = new Map<number, number>();
    return (offer) => {
      const since = offeredAt.get(offer.number) ?? cluster.cycles;
      offeredAt.set(offer.number, since);
      if (cluster.cycles - since >= cycles) cluster.run(2)(offer);
    };
  }

  test('it never keeps others from the half of the cluster that it may not hold, and gets its part', () => {
    cluster.master.setCap(500);
    cluster.addAgents('agent', 10, AGENT);
    cluster.subscribe('slow', answerAfter(4));
    const batch = names('batch', 3);
    for (const name of batch) {
      cluster.subscribe(name, cluster.run(1));
      cluster.need(name, resourcesOf(2, 2048), { count: 100_000 });
    }
    const offersOf = new Map<string, number>();
    const longestWait = new Map<string, number>();
    const lastOffer = new Map<string, number>();
    for (let count = 1; count <= 100; count += 1) {
      for (const { framework } of cluster.cycle()) {
        const name = framework.frameworkId;
        offersOf.set(name, (offersOf.get(name) ?? 0) + 1);
        const wait = count - (lastOffer.get(name) ?? 0);
        longestWait.set(name, Math.max(wait, longestWait.get(name) ?? 0));
        lastOffer.set(name, count);
      }
    }
    for (const name of batch) expect(longestWait.get(name), name).toBeLessThanOrEqual(2);
    // An offer of it takes 4 cycles, and its tasks 2.
    expect(longestWait.get('slow')).toBeLessThanOrEqual(7);
    expect(offersOf.get('slow')).toBeGreaterThan(30);
  });
});
