// Owns the rules of placing many wants on many offers: what holds for every outcome, and which place is taken.
import { unmetConstraint } from '@parley/protocol/constraints';
import type { Offer } from '@parley/protocol/offers';
import { contains, overlap, sum } from '@parley/resources/resources';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attr } from './attribute.ts';
import { binPack } from './bin-pack.ts';
import { delay } from './delay.ts';
import { maxPer } from './max-per.ts';
import {
  aNeed,
  anOffer,
  arbitraryOffers,
  arbitraryWants,
  aWant,
  NOW_MS,
} from './offer-builders.ts';
import { type PlacementResult, placeAll } from './place-all.ts';
import { spread } from './spread.ts';
import type { Strategy, Want } from './strategy.ts';

const STRATEGIES = [
  binPack('cpus'),
  spread('zone', 0.3),
  maxPer('agentId', 2),
  delay({ agentId: 50 }),
];

const place = (
  offers: readonly Offer[],
  wants: readonly Want[],
  strategies: readonly Strategy[] = [],
): PlacementResult => placeAll({ offers, wants, strategies, nowMs: NOW_MS });

const placesOf = (result: PlacementResult): Record<string, string> =>
  Object.fromEntries(
    result.rooms.flatMap(({ agentId, placed }) => placed.map(({ key }) => [key, agentId])),
  );

const forAll = (check: (result: PlacementResult, wants: Want[], offers: Offer[]) => void): void =>
  fc.assert(
    fc.property(arbitraryOffers, arbitraryWants, (offers, wants) =>
      check(place(offers, wants, STRATEGIES), wants, offers),
    ),
    { numRuns: 300 },
  );

describe('whatever is wanted and offered', () => {
  it('no more is taken than the offers hold, of each reservation and of what is not reserved', () => {
    forAll(({ rooms }) => {
      for (const { offers, placed } of rooms) {
        const takes = placed.flatMap((each) => each.takes);
        const held = sum(offers.map(({ resources }) => resources));
        const reserved = offers.flatMap((offer) => offer.reservations);
        const all = sum(takes.map(({ resources }) => resources));
        const used = new Set(takes.map(({ reservationId }) => reservationId));
        const usable = reserved.filter(({ reservationId }) => used.has(reservationId));
        expect(contains(sum([held, ...usable.map(({ resources }) => resources)]), all)).toBe(true);
        const bare = takes.filter(({ reservationId }) => reservationId === undefined);
        expect(contains(held, sum(bare.map(({ resources }) => resources)))).toBe(true);
        for (const [index, { resources }] of takes.entries())
          for (const other of takes.slice(index + 1))
            expect(overlap(resources, other.resources)).toBe(false);
      }
    });
  });

  it('nothing is taken of a reservation of another role, or of one with labels', () => {
    forAll(({ rooms }) => {
      for (const { offers, role, placed } of rooms)
        for (const { reservationId } of placed.flatMap(({ takes }) => takes)) {
          if (reservationId === undefined) continue;
          const all = offers.flatMap((offer) => offer.reservations);
          const taken = all.find((each) => each.reservationId === reservationId);
          expect([taken?.role, taken?.labels]).toEqual([role, {}]);
        }
    });
  });

  it('a want is placed once or has a reason, and only where its constraints and its role allow', () => {
    forAll(({ rooms, unplaced }, wants) => {
      const placed = rooms.flatMap((room) => room.placed.map(({ key }) => ({ key, room })));
      const keys = [...placed.map(({ key }) => key), ...unplaced.map(({ key }) => key)];
      expect(keys.sort()).toEqual(wants.map(({ key }) => key).sort());
      for (const { key, room } of placed) {
        const need = wants.find((want) => want.key === key)?.needs[0];
        expect(unmetConstraint(room, need?.where ?? [])).toBeUndefined();
        expect([undefined, room.role]).toContain(need?.role);
      }
      if (rooms.length > 0) for (const { reasons } of unplaced) expect(reasons).not.toEqual([]);
    });
  });

  it('no more of a group run on an agent than the limit', () => {
    forAll(({ rooms }, wants) => {
      const counts = new Map<string, number>();
      for (const { agentId, placed } of rooms)
        for (const { key } of placed) {
          const slot = `${agentId} ${wants.find((want) => want.key === key)?.group}`;
          counts.set(slot, (counts.get(slot) ?? 0) + 1);
        }
      for (const count of counts.values()) expect(count).toBeLessThanOrEqual(2);
    });
  });

  it('who waited as long as told is not made to wait, and who waits is told until when', () => {
    forAll(({ unplaced }, wants) => {
      for (const { key, untilMs } of unplaced) {
        const want = wants.find((each) => each.key === key);
        const waitedMs = NOW_MS - (want?.waitingSinceMs ?? NOW_MS);
        if (waitedMs >= 50) expect(untilMs).toBeUndefined();
        if (untilMs !== undefined) expect(untilMs).toBe(NOW_MS + 50 - waitedMs);
      }
    });
  });

  it('the same outcome comes of the same inputs', () => {
    forAll((result, wants, offers) => {
      expect(place(offers, wants, STRATEGIES)).toEqual(result);
    });
  });
});

describe('placing', () => {
  it('takes what is there: as many as fit are placed, and the others keep their reasons', () => {
    const wants = ['w1', 'w2', 'w3'].map((key) => aWant(key, { cpus: 1 }));
    const result = place([anOffer({ cpus: 2.5 })], wants);
    expect(placesOf(result)).toEqual({ w1: 'a1', w2: 'a1' });
    expect(result.unplaced).toEqual([
      {
        key: 'w3',
        reasons: [
          {
            kind: 'scalar',
            agents: 1,
            example: { kind: 'scalar', name: 'cpus', missingMilli: 500 },
          },
        ],
      },
    ]);
  });

  it('uses several offers of an agent together when one alone is too small', () => {
    const offers = [anOffer({ id: 'o1', cpus: 1 }), anOffer({ id: 'o2', cpus: 2 })];
    const { rooms } = place(offers, [aWant('w', { cpus: 3 })]);
    expect(rooms).toHaveLength(1);
    expect(rooms[0]).toMatchObject({ offers, placed: [{ key: 'w' }] });
  });

  it('never joins offers of different agents or roles', () => {
    const offers = [
      anOffer({ id: 'o1', cpus: 1 }),
      anOffer({ id: 'o2', cpus: 1, agent: 'a2' }),
      anOffer({ id: 'o3', cpus: 1, role: 'web' }),
    ];
    const { rooms, unplaced } = place(offers, [aWant('w', { cpus: 2 })]);
    expect(rooms).toHaveLength(3);
    expect(unplaced[0]?.reasons).toMatchObject([{ kind: 'scalar', agents: 3 }]);
  });

  it('puts all tasks of a group on one agent, or none', () => {
    const group = (key: string): Want => ({
      ...aWant(key, { cpus: 1 }),
      needs: [aNeed({ cpus: 1 }), aNeed({ cpus: 2, portCount: 1 })],
    });
    const offers = [
      anOffer({ cpus: 2, ports: '31000-31005' }),
      anOffer({ agent: 'a2', cpus: 4, ports: '31000-31005' }),
    ];
    const result = place(offers, [group('g1'), group('g2')]);
    expect(placesOf(result)).toEqual({ g1: 'a2' });
    expect(result.unplaced).toMatchObject([{ key: 'g2' }]);
  });

  it('takes the place with the best weighted sum of scores', () => {
    const offers = [
      anOffer({ agent: 'a1', cpus: 2, attributes: { zone: 'z1' } }),
      anOffer({ agent: 'a2', cpus: 4, attributes: { zone: 'z2' } }),
    ];
    const running = [
      {
        group: '',
        agentId: 'a1',
        agent: { agentId: 'a1', hostname: 'h', attributes: { zone: 'z1' } },
      },
    ];
    const wants = [aWant('w', { cpus: 1 })];
    const agentWith = (weight: number): string | undefined =>
      placesOf(
        placeAll({
          offers,
          wants,
          running,
          nowMs: 0,
          strategies: [binPack('cpus'), spread('zone', weight)],
        }),
      )['w'];
    expect(agentWith(0.1)).toBe('a1');
    expect(agentWith(1)).toBe('a2');
  });

  it('counts what it places itself: a second one is spread away from the first', () => {
    const zone = (agent: string, name: string): Offer =>
      anOffer({ agent, cpus: 9, attributes: { zone: name } });
    const wants = ['w1', 'w2'].map((key) => aWant(key, { cpus: 1 }));
    const result = place([zone('a1', 'z1'), zone('a2', 'z2')], wants, [spread('zone')]);
    expect(new Set(Object.values(placesOf(result))).size).toBe(2);
  });

  it('decides between equal places by the seed', () => {
    const offers = ['a1', 'a2', 'a3', 'a4'].map((agent) => anOffer({ agent, cpus: 1 }));
    const wants = [aWant('w', { cpus: 1 })];
    const chosen = Array.from({ length: 30 }, (_, seed) =>
      placesOf(placeAll({ offers, wants, strategies: [], nowMs: 0, seed: String(seed) })),
    );
    expect(new Set(chosen.map(({ w }) => w)).size).toBe(4);
  });

  it('makes room for others where the first of them brings the executor', () => {
    const executor = { executorId: 'e1' as never, resources: aNeed({ cpus: 1 }).resources };
    const wants = ['w1', 'w2'].map((key) => aWant(key, { cpus: 1, executor }));
    expect(placesOf(place([anOffer({ cpus: 3 })], wants))).toEqual({ w1: 'a1', w2: 'a1' });
  });
});

describe('offers of no use say why', () => {
  const offer = anOffer({ agent: 'a1', cpus: 1, attributes: { zone: 'z1' } });
  const reasonFor = (
    want: Want | undefined,
    strategies: readonly Strategy[] = [],
  ): string | undefined => place([offer], want ? [want] : [], strategies).rooms[0]?.reason;

  it('too small, constraints, not allowed, spreading, locality, unused', () => {
    expect(reasonFor(aWant('w', { cpus: 2 }))).toBe('tooSmall');
    expect(reasonFor(aWant('w', { cpus: 1, where: [attr('zone').in('z2')] }))).toBe('constraints');
    expect(reasonFor(aWant('w', { cpus: 1, role: 'web' as never }))).toBe('notAllowed');
    expect(reasonFor(aWant('w', { cpus: 1 }), [maxPer('rack', 1)])).toBe('constraints');
    const near = { agentId: ['a9'] };
    expect(reasonFor(aWant('w', { cpus: 1 }, { near }), [delay({ agentId: 9 })])).toBe('locality');
    expect(reasonFor(undefined)).toBe('unused');
  });

  it('and until when something that fits waits for a nearer place', () => {
    const want = aWant('w', { cpus: 1 }, { near: { agentId: ['a9'] } });
    const { rooms } = place([offer], [want], [delay({ agentId: 9 })]);
    expect(rooms[0]?.wantedFromMs).toBe(NOW_MS + 9);
  });
});
