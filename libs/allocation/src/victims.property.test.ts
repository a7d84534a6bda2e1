import type { AgentId } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableTask, Revocation } from '@parley/protocol/revocations';
import { add, contains, subtract } from '@parley/resources/resources';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Claims, SharingClient } from './claims.ts';
import { amountIn, compareFractions, largestFraction, minus, plus } from './quantities.ts';
import { aClaim, aClient, agent, aTask, cpus, heldIn, keyOf } from './scripted-claims.ts';
import { type SharingWorld, sharesIn } from './scripted-shares.ts';
import { chooseVictims } from './victims.ts';

const HOLDERS = ['f0', 'f1', 'f2', 'f3'];

const amount = fc.record({ cpus: fc.nat(5), mem: fc.nat(5) });
const randomTask = fc.record({
  holder: fc.nat(3),
  agent: fc.nat(2),
  held: amount,
  priority: fc.nat(2),
  launchedAtMs: fc.nat(3),
});
const randomClient = fc.record({
  guarantee: amount,
  offered: amount,
  fairShare: fc.record({ cpus: fc.integer({ min: 1, max: 12 }), mem: fc.constant(40) }),
  needs: fc.array(fc.record({ need: amount, count: fc.nat(3) }), { maxLength: 2 }),
  starvedForMs: fc.constantFrom(0, 5000),
});

/** Agents may have room left; what a client holds is what its tasks hold. */
const randomClaims: fc.Arbitrary<Claims> = fc
  .record({
    tasks: fc.array(randomTask, { maxLength: 16 }),
    clients: fc.array(randomClient, { minLength: 2, maxLength: 4 }),
    free: fc.array(amount, { maxLength: 3 }),
    coming: fc.array(fc.record({ of: fc.nat(15), to: fc.nat(3) }), { maxLength: 3 }),
  })
  .map(({ tasks: drawn, clients: wishes, free, coming }) => {
    const tasks = drawn
      .filter(({ holder, held }) => holder < wishes.length && held.cpus + held.mem > 0)
      .map(({ holder, agent: place, held, ...rest }, index) =>
        aTask(HOLDERS[holder] ?? 'f0', `t${index}`, {
          ...rest,
          agentId: agent(`a${place}`),
          resources: cpus(held.cpus, held.mem),
        }),
      );
    const clients = wishes.map(({ needs, ...wish }, index) =>
      aClient(HOLDERS[index] ?? 'f0', {
        ...wish,
        held: heldIn(tasks, HOLDERS[index] ?? 'f0'),
        needs: needs
          .filter(({ need }) => need.cpus + need.mem > 0)
          .map(({ need, count }) => ({ resources: cpus(need.cpus, need.mem), count })),
      }),
    );
    const unique = new Map(coming.map(({ of, to }) => [of, to]));
    const comingBack = [...unique].flatMap(([of, to]) => {
      const task = tasks[of];
      const beneficiary = clients[to];
      return task === undefined || beneficiary === undefined ? [] : [{ ...task, beneficiary }];
    });
    const room = free.map(
      (each, index) => [agent(`a${index}`), cpus(each.cpus, each.mem)] as const,
    );
    return aClaim({ clients, tasks, comingBack, free: new Map(room) });
  });

const victimsOf = ({ tasks }: Claims, found: readonly Revocation[]): RevocableTask[] => {
  const keys = new Set(found.map((each) => keyOf(each)));
  return tasks.filter((task) => keys.has(keyOf(task)));
};

/** What the client holds when all that leaves has left. */
const leftOf = (claims: Claims, client: SharingClient, found: readonly Revocation[]) => {
  const holder = client.framework.frameworkId;
  const gone = plus(heldIn(claims.comingBack, holder), heldIn(victimsOf(claims, found), holder));
  return minus(client.held, gone);
};

test('no kill takes a client below its guarantee', () => {
  fc.assert(
    fc.property(randomClaims, (claims) => {
      const found = chooseVictims(claims);
      for (const client of claims.clients) {
        const taken = heldIn(victimsOf(claims, found), client.framework.frameworkId);
        const left = leftOf(claims, client, found);
        for (const name of Object.keys(taken)) {
          if (amountIn(taken, name) === 0) continue;
          expect(amountIn(left, name)).toBeGreaterThanOrEqual(amountIn(client.guarantee, name));
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('a starved client takes nobody below its fair share, and nothing that is being taken already', () => {
  fc.assert(
    fc.property(randomClaims, (claims) => {
      const found = chooseVictims(claims);
      const coming = new Set(claims.comingBack.map((each) => keyOf(each)));
      const starved = found.filter(({ reason }) => reason === 'starved');
      for (const revocation of found) expect(coming.has(keyOf(revocation))).toBe(false);
      expect(new Set(found.map((each) => keyOf(each))).size).toBe(found.length);
      for (const { task } of starved) {
        const client = claims.clients.find(({ framework }) => {
          return framework.frameworkId === task.frameworkId;
        });
        if (client === undefined) throw new Error('a task of nobody');
        const left = largestFraction(leftOf(claims, client, found), client.fairShare);
        expect(compareFractions(left, [1, 1])).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 1000 },
  );
});

/** One client with one need for one task: whatever is taken is on one agent. */
const single = randomClaims.map((claims): Claims => {
  const [first, ...others] = claims.clients;
  const needs = (first?.needs ?? []).slice(0, 1).map((need) => ({ ...need, count: 1 }));
  const guarantee = { cpus: 30, mem: 30 };
  const idle = others.map((client) => ({ ...client, needs: [] }));
  return {
    ...claims,
    comingBack: claims.comingBack.filter(({ beneficiary }) => beneficiary !== first),
    clients: first === undefined ? idle : [{ ...first, guarantee, needs }, ...idle],
  };
});

test('every task that is taken is needed: without any one of them the need does not fit', () => {
  let taken = 0;
  fc.assert(
    fc.property(single, (claims) => {
      const found = chooseVictims(claims);
      const [first] = found;
      if (first === undefined) return;
      taken += 1;
      const need = claims.clients[0]?.needs[0]?.resources ?? cpus(0);
      const room = claims.free.get(first.agentId) ?? cpus(0);
      const victims = victimsOf(claims, found);
      expect(new Set(found.map(({ agentId }) => agentId)).size).toBe(1);
      const roomWith = (some: readonly RevocableTask[]) =>
        some.reduce((sum, { resources }) => add(sum, resources), room);
      expect(contains(roomWith(victims), need)).toBe(true);
      for (const victim of victims) {
        const others = victims.filter((other) => other !== victim);
        expect(contains(roomWith(others), need)).toBe(false);
      }
    }),
    { numRuns: 2000 },
  );
  expect(taken).toBeGreaterThan(50);
});

/** `most`: tasks that it wants to have. */
type Greedy = {
  readonly size: number;
  readonly guarantee: number;
  readonly weight: number;
  readonly most: number;
};

/** Agents on which greedy clients launch whatever they are given: free room to who has least, then what is taken back. */
class GreedyCluster {
  readonly #free: Map<AgentId, Resources>;
  readonly #greedy: readonly Greedy[];
  readonly #total: number;
  #tasks: RevocableTask[] = [];
  #launched = 0;

  constructor(capacities: readonly number[], greedy: readonly Greedy[]) {
    this.#free = new Map(capacities.map((size, index) => [agent(`a${index}`), cpus(size * 1000)]));
    this.#total = 1000 * capacities.reduce((sum, size) => sum + size, 0);
    this.#greedy = greedy;
  }

  /** The first has taken everything before the others came. */
  hoard(): void {
    for (const agentId of this.#free.keys()) while (this.#launch(0, agentId));
  }

  clients(): SharingClient[] {
    const shares = sharesIn(this.#world());
    return this.#greedy.map(({ size, guarantee, most }, index) => {
      const holder = HOLDERS[index] ?? 'f0';
      const held = heldIn(this.#tasks, holder);
      const share = (shares.get(holder) ?? 0) * this.#total;
      const count = most - amountIn(held, 'cpus') / (size * 1000);
      return aClient(holder, {
        guarantee: { cpus: guarantee * 1000 },
        fairShare: { cpus: Math.floor(share + 1e-6) },
        held,
        needs: count > 0 ? [{ resources: cpus(size * 1000), count }] : [],
        starvedForMs: 5000,
      });
    });
  }

  #world(): SharingWorld {
    const frameworks = this.#greedy.map(({ size, guarantee, weight, most }, index) => {
      const name = HOLDERS[index] ?? 'f0';
      const used = heldIn(this.#tasks, name);
      const count = most - amountIn(used, 'cpus') / (size * 1000);
      return {
        name,
        role: 'r',
        weight,
        guarantee: { cpus: guarantee * 1000 },
        used,
        needs: [{ of: { cpus: size * 1000 }, count }],
      };
    });
    return { total: { cpus: this.#total }, roles: [], frameworks };
  }

  /** What is taken back in one round. */
  round(): Revocation[] {
    this.#giveFree();
    const found = chooseVictims(
      aClaim({
        clients: this.clients(),
        tasks: this.#tasks,
        free: this.#free,
        total: { cpus: this.#total },
      }),
    );
    const before = this.#greedy.map((_, index) => this.#heldBy(index));
    for (const each of found) this.#kill(keyOf(each));
    for (const [index, { guarantee }] of this.#greedy.entries()) {
      const left = this.#heldBy(index);
      if (left < (before[index] ?? 0)) expect(left).toBeGreaterThanOrEqual(guarantee * 1000);
    }
    for (const { agentId, beneficiary } of found) {
      this.#launch(HOLDERS.indexOf(beneficiary.framework.frameworkId), agentId);
    }
    return found;
  }

  #giveFree(): void {
    for (let gave = true; gave; ) {
      const order = this.#greedy
        .map(({ weight }, index) => ({ share: this.#heldBy(index) / weight, index }))
        .sort((a, b) => a.share - b.share || a.index - b.index);
      gave = order.some(({ index }) => {
        return [...this.#free.keys()].some((agentId) => this.#launch(index, agentId));
      });
    }
  }

  #heldBy(index: number): number {
    return amountIn(heldIn(this.#tasks, HOLDERS[index] ?? 'f0'), 'cpus');
  }

  #launch(index: number, agentId: AgentId): boolean {
    const { size = 1, most = 0 } = this.#greedy[index] ?? {};
    if (this.#heldBy(index) >= most * size * 1000) return false;
    const resources = cpus(1000 * (this.#greedy[index]?.size ?? 1));
    const free = this.#free.get(agentId) ?? cpus(0);
    if (!contains(free, resources)) return false;
    this.#free.set(agentId, subtract(free, resources));
    this.#launched += 1;
    const launchedAtMs = this.#launched;
    const task = aTask(HOLDERS[index] ?? 'f0', `t${launchedAtMs}`, {
      agentId,
      resources,
      launchedAtMs,
    });
    this.#tasks.push(task);
    return true;
  }

  #kill(key: string): void {
    const victim = this.#tasks.find((task) => keyOf(task) === key);
    if (victim === undefined) throw new Error(`${key} is not there`);
    this.#tasks = this.#tasks.filter((task) => task !== victim);
    const free = this.#free.get(victim.agentId) ?? cpus(0);
    this.#free.set(victim.agentId, add(free, victim.resources));
  }
}

const greedyOf = (sizes: fc.Arbitrary<number>): fc.Arbitrary<Greedy> =>
  fc.record({
    size: sizes,
    guarantee: fc.nat(8),
    weight: fc.integer({ min: 1, max: 4 }),
    most: fc.oneof(fc.constant(NO_END), fc.integer({ min: 1, max: 12 })),
  });
/** More than there is. */
const NO_END = 1000;

/** Rounds in which something is taken, at most: each lifts a client that was below what it is entitled to. */
const MAX_ROUNDS = 60;

test('greedy clients do not take from each other for ever: after some rounds nothing is taken any more', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 12 }), { minLength: 1, maxLength: 4 }),
      fc.array(greedyOf(fc.integer({ min: 1, max: 4 })), { minLength: 2, maxLength: 4 }),
      (capacities, greedy) => {
        const cluster = new GreedyCluster(capacities, greedy);
        cluster.hoard();
        let rounds = 0;
        while (cluster.round().length > 0) {
          rounds += 1;
          expect(rounds).toBeLessThan(MAX_ROUNDS);
        }
        for (let more = 0; more < 3; more += 1) expect(cluster.round()).toEqual([]);
      },
    ),
    { numRuns: 500 },
  );
});

test('two greedy clients with equal tasks end within one task of their share, whoever came first', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
      fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
      (capacities, weights) => {
        const greedy = weights.map((weight) => ({ size: 1, guarantee: 0, weight, most: NO_END }));
        const cluster = new GreedyCluster(capacities, greedy);
        cluster.hoard();
        for (let round = 0; cluster.round().length > 0; round += 1) {
          expect(round).toBeLessThan(MAX_ROUNDS);
        }
        for (const { held, fairShare } of cluster.clients()) {
          const distance = Math.abs(amountIn(held, 'cpus') - amountIn(fairShare, 'cpus'));
          expect(distance).toBeLessThanOrEqual(1000);
        }
      },
    ),
    { numRuns: 500 },
  );
});
