// Owns the rules of fit: what fits, what is taken from where, and each reason why something does not fit.
import type { Offer } from '@parley/protocol/offers';
import { add, contains } from '@parley/resources/resources';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attr } from './attribute.ts';
import { type Fit, fitOffer } from './fit.ts';
import {
  aNeed,
  anOffer,
  arbitraryOffers,
  arbitraryWants,
  type NeedSketch,
  type OfferSketch,
  reservation,
  role,
  volume,
} from './offer-builders.ts';
import type { Misfit } from './placement-reason.ts';
import type { TaskNeed } from './task-need.ts';

const fitOf = (offer: OfferSketch, need: NeedSketch): Fit => fitOffer(anOffer(offer), aNeed(need));

function reasonsOf(offer: OfferSketch, need: NeedSketch): readonly Misfit[] {
  const result = fitOf(offer, need);
  return result.ok ? [] : result.reasons;
}

describe('a need that does not fit into an offer', () => {
  it('says of each resource how much is missing', () => {
    const reasons = reasonsOf({ cpus: 1, mem: '1GiB' }, { cpus: 1.5, mem: '2GiB', gpus: 1 });
    expect(reasons).toEqual([
      { kind: 'scalar', name: 'cpus', missingMilli: 500 },
      { kind: 'scalar', name: 'gpus', missingMilli: 1000 },
      { kind: 'scalar', name: 'mem', missingMilli: 1_024_000 },
    ]);
  });

  it('says how many ports are missing, of named ones and of any', () => {
    expect(reasonsOf({ ports: '31000-31001' }, { ports: '31001-31003' })).toEqual([
      { kind: 'ports', missing: 2 },
    ]);
    expect(reasonsOf({ ports: '31000-31001' }, { portCount: 5 })).toEqual([
      { kind: 'ports', missing: 3 },
    ]);
    expect(reasonsOf({ ports: '31000-31001' }, { ports: '31000', portCount: 2 })).toEqual([
      { kind: 'ports', missing: 1 },
    ]);
  });

  it('names the constraint that the agent does not meet', () => {
    const offer = { cpus: 1, attributes: { zone: 'a' } };
    const constraint = attr('zone').in('b');
    expect(reasonsOf(offer, { cpus: 1, where: [constraint] })).toEqual([
      { kind: 'constraint', constraint },
    ]);
    expect(fitOf(offer, { cpus: 1, where: [attr('zone').in('a', 'b')] }).ok).toBe(true);
  });

  it('names the role, the reservation and the volume that it wants and is not offered', () => {
    expect(reasonsOf({ cpus: 1, role: 'web' }, { cpus: 1, role: role('batch') })).toEqual([
      { kind: 'role', wanted: 'batch', offered: 'web' },
    ]);
    const wants = { cpus: 1, reservationId: reservation('r1'), volumes: [volume('v1')] };
    expect(reasonsOf({ cpus: 1 }, wants)).toEqual([
      { kind: 'reservation', reservationId: 'r1' },
      { kind: 'volume', volumeId: 'v1' },
    ]);
  });
});

describe('a revocable task', () => {
  const offer = { cpus: 1, ports: '31000-31001', revocable: { cpus: 4, mem: '1GiB' } };

  it('takes its amounts from what is revocable, and its ports from what is not', () => {
    const result = fitOf(offer, { cpus: 3, portCount: 1, isRevocable: true });
    expect(result).toMatchObject({
      ok: true,
      take: { resources: { scalars: { cpus: 3000 }, ports: [[31_000, 31_000]] } },
      left: {
        free: { scalars: { cpus: 1000 }, ports: [[31_001, 31_001]] },
        revocable: { scalars: { cpus: 1000, mem: 1_024_000 } },
      },
    });
  });

  it('uses neither the ordinary part nor a reservation, and the others nothing of the revocable one', () => {
    const reserved = { ...offer, reservations: [{ id: 'r1', role: 'batch', cpus: 8 }] };
    expect(reasonsOf(reserved, { cpus: 5, isRevocable: true })).toEqual([
      { kind: 'scalar', name: 'cpus', missingMilli: 1000, isRevocable: true },
    ]);
    expect(fitOf(reserved, { cpus: 4, isRevocable: true })).toMatchObject({
      ok: true,
      left: { reservations: [{ resources: { scalars: { cpus: 8000 } } }] },
    });
    expect(reasonsOf(offer, { cpus: 2 })).toEqual([
      { kind: 'scalar', name: 'cpus', missingMilli: 1000 },
    ]);
  });
});

describe('what is reserved', () => {
  it('for another role is not taken, and is named when it would have been enough', () => {
    const reserved = { id: 'r1', role: 'web', cpus: 4 };
    expect(reasonsOf({ cpus: 1, reservations: [reserved] }, { cpus: 2 })).toEqual([
      { kind: 'reserved', reservationId: 'r1' },
      { kind: 'scalar', name: 'cpus', missingMilli: 1000 },
    ]);
  });

  it('with labels is taken only by what names it', () => {
    const labelled = { id: 'r1', role: 'batch', cpus: 4, labels: { for: 'db' } };
    const offer = { cpus: 1, reservations: [labelled] };
    expect(reasonsOf(offer, { cpus: 2 })[0]).toEqual({ kind: 'reserved', reservationId: 'r1' });
    expect(fitOf(offer, { cpus: 2, reservationId: reservation('r1') })).toMatchObject({
      ok: true,
      take: { reservationId: 'r1' },
    });
  });

  it('of the role or of one above it is taken first, as nobody else can use it', () => {
    const own = { id: 'r1', role: 'team', cpus: 4 };
    const result = fitOf({ role: 'team/batch', cpus: 4, reservations: [own] }, { cpus: 3 });
    expect(result).toMatchObject({
      ok: true,
      take: { reservationId: 'r1' },
      left: {
        free: { scalars: { cpus: 4000 } },
        reservations: [{ resources: { scalars: { cpus: 1000 } } }],
      },
    });
  });

  it('and too small is left alone where what is not reserved is enough, and completed where it is not', () => {
    const small = { id: 'r1', role: 'batch', cpus: 1 };
    const offer = { cpus: 2, reservations: [small] };
    const alone = fitOf(offer, { cpus: 2 });
    expect(alone.ok && alone.take.reservationId).toBeUndefined();
    expect(fitOf(offer, { cpus: 3 })).toMatchObject({ ok: true, take: { reservationId: 'r1' } });
    expect(fitOf(offer, { cpus: 3.1 }).ok).toBe(false);
  });
});

describe('what a need takes', () => {
  it('any ports are the lowest that are free beside those that it names', () => {
    const result = fitOf({ ports: '31000-31004' }, { ports: '31001', portCount: 2 });
    expect(result.ok && result.take.resources.ports).toEqual([[31000, 31002]]);
  });

  it('the resources of its executor are needed only where the executor does not live', () => {
    const executor = { executorId: 'e1' as never, resources: aNeed({ cpus: 1 }).resources };
    expect(reasonsOf({ cpus: 1 }, { cpus: 1, executor })).toEqual([
      { kind: 'scalar', name: 'cpus', missingMilli: 1000 },
    ]);
    expect(fitOf({ cpus: 1, executors: ['e1'] }, { cpus: 1, executor }).ok).toBe(true);
    const launched = fitOf({ cpus: 2 }, { cpus: 1, executor });
    expect(launched).toMatchObject({ ok: true, left: { executors: ['e1'] } });
  });

  it('a volume is given to one need only', () => {
    const held = { id: 'r1', role: 'batch', cpus: 4, volumes: ['v1'] };
    const result = fitOf({ reservations: [held] }, { cpus: 1, volumes: [volume('v1')] });
    expect(result).toMatchObject({ ok: true, left: { volumes: [] } });
  });

  it('is held by the offer, and nothing is reported missing of what fits (property)', () => {
    fc.assert(
      fc.property(arbitraryOffers, arbitraryWants, (offers, wants) => {
        const needs = wants.flatMap((want) => want.needs);
        for (const offer of offers) for (const need of needs) checkFit(offer, need);
      }),
    );
  });
});

function checkFit(offer: Offer, need: TaskNeed): void {
  const result = fitOffer(offer, need);
  if (!result.ok) {
    expect(result.reasons.length).toBeGreaterThan(0);
    return;
  }
  const { reservationId, resources } = result.take;
  const reserved = offer.reservations.find((each) => each.reservationId === reservationId);
  const held = reserved ? add(offer.resources, reserved.resources) : offer.resources;
  expect(contains(held, resources)).toBe(true);
  expect(contains(resources, need.resources)).toBe(true);
}
