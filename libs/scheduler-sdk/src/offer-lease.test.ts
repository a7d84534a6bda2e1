// Owns what a lease promises: used once, declined when it is left, and a reason for each thing that is missing.
import { succeed } from '@parley/protocol/errors';
import { Offer } from '@parley/protocol/offers';
import { describe, expect, it } from 'vitest';
import type { AcceptOrder } from './accept-order.ts';
import { type OfferDesk, OfferLease } from './offer-lease.ts';
import { aTask } from './session-driving.ts';
import { describeShortfall } from './shortfall.ts';
import { resources, takeFitting, task } from './task.ts';

class RecordingDesk implements OfferDesk {
  readonly accepted: AcceptOrder[] = [];
  readonly declined: unknown[] = [];

  async accept(order: AcceptOrder) {
    this.accepted.push(order);
    return succeed({ launched: [], rejected: [], refusedOperations: [], staleOffers: [] });
  }

  decline(...declined: Parameters<OfferDesk['decline']>): void {
    this.declined.push(declined);
  }
}

const offer = Offer.parse({
  offerId: 'o1',
  agentId: 'a1',
  hostname: 'h1',
  role: 'batch',
  resources: resources({ cpus: 2, mem: '1200MiB', ports: '31000-31009' }),
  reservations: [
    { reservationId: 'r1', role: 'batch', resources: resources({ mem: '1GiB' }), volumes: [] },
  ],
  attributes: { zone: 'a' },
});

function leased(): { desk: RecordingDesk; lease: OfferLease } {
  const desk = new RecordingDesk();
  return { desk, lease: new OfferLease(offer, desk) };
}

describe('a lease', () => {
  it('that is left unused at the end of its scope is declined as unused', () => {
    const { desk, lease } = leased();
    {
      using one = lease;
      expect(one.fits({ resources: resources({ cpus: 1 }) })).toBe(true);
    }
    expect(desk.declined).toEqual([[[offer], { reason: 'unused' }]]);
  });

  it('is declined also when its scope ends with an error', () => {
    const { desk, lease } = leased();
    expect(() => {
      using _one = lease;
      throw new Error('user error');
    }).toThrow('user error');
    expect(desk.declined).toHaveLength(1);
  });

  it('that was launched on or declined is not declined again', () => {
    const launched = leased();
    {
      using one = launched.lease;
      void one.launch([aTask('t1')], { refuseMs: 1 });
    }
    expect(launched.desk.accepted).toMatchObject([{ offers: [offer], filter: { refuseMs: 1 } }]);
    expect(launched.desk.declined).toEqual([]);
    const declined = leased();
    {
      using one = declined.lease;
      one.decline({ reason: 'locality' });
    }
    expect(declined.desk.declined).toEqual([[[offer], { reason: 'locality' }]]);
  });

  it('is used once', () => {
    const { desk, lease } = leased();
    void lease.accept([]);
    expect(() => lease.launch([])).toThrow('used once');
    expect(desk.accepted).toHaveLength(1);
  });

  it('says what is missing for a need, thing by thing', () => {
    const { lease } = leased();
    const why = lease.why({
      resources: resources({ cpus: 4, mem: '2GiB', ports: '31008-31011' }),
      constraints: [{ name: 'zone', operator: 'in', values: ['b'] }],
    });
    expect(why.map(({ kind }) => kind)).toEqual(['constraint', 'scalar', 'scalar', 'ports']);
    expect(why.map(describeShortfall)).toEqual([
      'constraint zone in b not met',
      'cpus 2 of 4',
      'mem 1200 MiB of 2 GiB',
      'ports 31010-31011 missing',
    ]);
  });

  it('counts a reservation only for a need that names it', () => {
    const { lease } = leased();
    const need = { resources: resources({ mem: '2GiB' }) };
    expect(lease.fits(need)).toBe(false);
    const [reservation] = offer.reservations;
    if (reservation === undefined) throw new Error('no reservation');
    expect(lease.fits({ ...need, reservationId: reservation.reservationId })).toBe(true);
  });

  it('counts what was taken for one task against the next', () => {
    const { lease } = leased();
    const need = { resources: resources({ cpus: 1.5 }) };
    expect(lease.take(need.resources)).toBe(true);
    expect(lease.take(need.resources)).toBe(false);
    expect(lease.why(need).map(describeShortfall)).toEqual(['cpus 0.5 of 1.5']);
  });
});

describe('what is revocable in an offer', () => {
  const lent = Offer.parse({
    ...offer,
    revocable: resources({ cpus: 3, mem: '512MiB' }),
  });
  const lease = () => new OfferLease(lent, new RecordingDesk());

  it('serves revocable tasks and no others, until it is promised', () => {
    const one = lease();
    const need = { resources: resources({ cpus: 2, mem: '256MiB', ports: '31000' }) };
    expect(one.fits({ ...need, revocable: true })).toBe(true);
    expect(one.take(need.resources, { revocable: true })).toBe(true);
    expect(one.revocableRest.scalars).toEqual({ cpus: 1000, mem: 256_000 });
    expect(one.rest).toMatchObject({ scalars: { cpus: 2000 }, ports: [[31_001, 31_009]] });
    expect(one.take(need.resources, { revocable: true })).toBe(false);
    expect(one.fits({ resources: resources({ cpus: 3 }) })).toBe(false);
    one.decline();
  });

  it('is named where it is short, and is nothing where the framework takes none', () => {
    const need = { resources: resources({ cpus: 4, ports: '31000' }), revocable: true };
    const one = lease();
    expect(one.why(need).map(describeShortfall)).toEqual(['revocable cpus 3 of 4']);
    one.decline();
    const other = new OfferLease(offer, new RecordingDesk());
    expect(other.why(need).map(describeShortfall)).toEqual(['revocable cpus 0 of 4']);
    other.decline();
  });

  it('is what revocable tasks of a queue are taken out of', () => {
    const revocable = (id: string) => task({ id, command: 'true', cpus: 1.5, revocable: true });
    const queue = [
      revocable('t1'),
      task({ id: 't2', command: 'true', cpus: 2 }),
      revocable('t3'),
      revocable('t4'),
    ];
    expect(takeFitting(lent, queue).map(({ taskId }) => taskId)).toEqual(['t1', 't2', 't3']);
  });
});
