// Tests that nobody waits without end. A *cycle* is the time in which whoever was offered something answers it. The bound:
// when an agent comes free on which a need of a framework fits, and which nobody with a smaller share uses, the framework is
// offered it one cycle after each of those who are offered it before has left it unused once. Those are
// - nobody that states its demand: such are offered just what they need, and the rest of the agent goes on to the next in
//   the same decision;
// - each that states none and declines, for a cycle, whether with a filter or without: from then on it stands back;
// - each that lets the offer expire, for as many cycles as an offer lives: likewise.
// What others use is theirs by their shares (taking it back is another matter): once they use more than half of what was
// unused, the round begins anew.
import type { Constraints } from '@parley/protocol/constraints';
import type { Resources } from '@parley/protocol/resources';
import { contains, subtract } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { CycledCluster } from './cycled-cluster.ts';
import { allOf, resourcesOf } from './scripted-master.ts';
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

/** Nobody answers; the master takes the offer back after so many cycles. `then`: what else it does about that. */
function expireAfter(
  cycles: number,
  then: (offer: ScriptedOffer) => void = () => undefined,
): (offer: ScriptedOffer) => void {
  const offeredAt = new Map<number, number>();
  return (offer) => {
    const since = offeredAt.get(offer.number) ?? cluster.cycles;
    offeredAt.set(offer.number, since);
    if (cluster.cycles - since < cycles) return;
    cluster.master.expire(offer.number);
    then(offer);
  };
}

/** Half as many offers at a time after each one that expires. */
function strike(): (offer: ScriptedOffer) => void {
  let limit = 64;
  return ({ framework }) => {
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

  /** It leaves most of what it is offered. */
  const launchNowAndThen =
    (task: Resources) =>
    (offer: ScriptedOffer): void => {
      const all = allOf(offer);
      if (contains(all, task)) cluster.launch(offer, task, 7, subtract(all, task));
      else cluster.master.decline(offer.number, 0);
    };

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

  // Cycles of 20 ms: 500 of them take 10 s, the filters 0, 100 ms and 5 s, which is the default of Mesos.
  test.each([0, 100, 5000])(
    'likewise where their filters of %i ms end before all of them have declined',
    (refuseMs) => {
      startLarge(false);
      for (const name of SMALL) cluster.subscribe(name, cluster.decline(refuseMs));
      cluster.addAgents('fresh', 1, AGENT);
      const cycles = cluster.cyclesUntilOffered('large', SMALL.length + 1);
      expect(cycles).toBeLessThanOrEqual(SMALL.length + 1);
      expect(cycles).toBeGreaterThan(SMALL.length / 5);
    },
  );

  test('likewise where some of them run a small task now and then', () => {
    startLarge(false);
    const task = resourcesOf(0.1, 64);
    for (const [number, name] of SMALL.entries()) {
      cluster.subscribe(name, number % 10 > 0 ? cluster.decline(100) : launchNowAndThen(task));
    }
    cluster.addAgents('fresh', 1, AGENT);
    expect(cluster.cyclesUntilOffered('large', SMALL.length + 1)).toBeGreaterThan(SMALL.length / 5);
  });

  test('small ones with work get theirs within 11 cycles, in which a task of the large one ends, and that one all the rest', () => {
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

  test('it is offered such an agent within 8 cycles, in which one of them comes free, though others want any agent', () => {
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
    cluster.subscribe('hoarder', expireAfter(OFFER_CYCLES, strike()));
    cluster.cycle();
    cluster.subscribe('worker', cluster.run(1000));
    expect(cluster.cyclesUntilOffered('worker', 1)).toBe(1);
    const hasRoom = [...cluster.master.agents.values()].some(({ free }) =>
      contains(free, resourcesOf(0.01, 32)),
    );
    expect(hasRoom).toBe(false);
  });

  // Neither a cap nor fewer offers at a time: they stand back, and that alone.
  test.each([1, 2, 5])(
    '%i such keep no agent from a worker for longer than an offer of each lives, though it uses more than they',
    (count) => {
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
      expect(got).toBe(10);
    },
  );

  test('a worker gets its turn again and again, each time after an offer of each such', () => {
    for (const name of names('hoarder', 3)) cluster.subscribe(name, expireAfter(OFFER_CYCLES));
    cluster.addAgents('agent', 1, AGENT);
    cluster.subscribe('worker', cluster.run(2));
    cluster.need('worker', AGENT, { count: 1000 });
    const most = 3 * (OFFER_CYCLES + 1) + 2 + 1;
    for (let count = 0; count < 20; count += 1) {
      expect(cluster.cyclesUntilOffered('worker', most), `${count}`).toBeLessThanOrEqual(most);
    }
  });

  test('one that comes and goes has left the agent all the same', () => {
    const comeBack = ({ framework: { ref } }: ScriptedOffer): void => {
      cluster.master.disconnect(ref.frameworkId);
      cluster.master.subscribe(ref.frameworkId, ref.frameworkId);
    };
    cluster.subscribe('hoarder', expireAfter(OFFER_CYCLES, comeBack));
    cluster.addAgents('agent', 1, AGENT);
    cluster.cycle();
    cluster.subscribe('worker', cluster.run(1000));
    expect(cluster.cyclesUntilOffered('worker', OFFER_CYCLES + 2)).toBeLessThanOrEqual(
      OFFER_CYCLES + 2,
    );
  });
});

describe('frameworks that decline in turn', () => {
  test('among those who all do, an agent goes round, and nobody is left out', () => {
    cluster.addAgents('agent', 1, AGENT);
    const idle = names('idle', 5);
    for (const name of idle) cluster.subscribe(name, cluster.decline(0));
    const receivers: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      receivers.push(...cluster.cycle().map(({ framework }) => framework.frameworkId));
    }
    const round = receivers.slice(0, 5);
    expect(new Set(round)).toStrictEqual(new Set(idle));
    expect(receivers).toStrictEqual([...round, ...round, ...round, ...round]);
  });
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
