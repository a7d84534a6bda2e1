// Tests frameworks in several roles: who is suppressed where, filters of each role, and what is reserved for whom.
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { namesOf, ScriptedCluster } from './scripted-cluster.ts';
import { aReservation, resourcesOf } from './scripted-master.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

const rolesIn = (proposals: readonly { readonly role: string }[]): string[] =>
  proposals.map(({ role }) => role);

describe('several roles a framework', () => {
  test('agents go round between its roles, each offer being for one of them', () => {
    for (let number = 0; number < 4; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 4000));
    }
    cluster.master.subscribe('a', 'services', 'analytics');
    expect(rolesIn(cluster.settle())).toStrictEqual([
      'analytics',
      'services',
      'analytics',
      'services',
    ]);
  });

  test('it gets offers in the roles in which it is not suppressed, and nothing when it is in all', () => {
    for (let number = 0; number < 4; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 4000));
    }
    cluster.master.subscribe('a', 'services', 'analytics');
    cluster.master.suppress('a', 'analytics');
    expect(new Set(rolesIn(cluster.settle()))).toStrictEqual(new Set(['services']));
    cluster.master.suppress('a', 'services');
    cluster.master.addAgent('new', resourcesOf(4, 4000));
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.revive('a', 'analytics');
    expect(rolesIn(cluster.settle())).toStrictEqual(['analytics']);
  });

  test('a role that it gives up gets nothing more, and what it holds there counts until it is given back', () => {
    cluster.master.addAgent('large', resourcesOf(8, 8000));
    cluster.master.subscribe('a', 'services');
    const [held] = cluster.settle();
    cluster.master.subscribe('a', 'analytics');
    cluster.master.subscribe('b', 'services');
    cluster.master.subscribe('c', 'research');
    cluster.settle();
    cluster.master.addAgent('new', resourcesOf(1, 1000));
    expect(namesOf(cluster.settle())).not.toContain('b');
    cluster.master.rescind(held?.number ?? 0);
    cluster.settle();
    cluster.master.addAgent('newest', resourcesOf(1, 1000));
    cluster.settle();
    for (const offer of cluster.master.offers.values()) expect(offer.role).not.toBe('a');
    expect(rolesIn([...cluster.master.offers.values()])).toContain('services');
  });
});

describe('filters', () => {
  test('a declined agent is not offered to the same framework for five seconds, and is offered to others at once', () => {
    cluster.master.addAgent('only', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    const [first] = cluster.settle();
    cluster.master.subscribe('b', 'analytics');
    cluster.settle();
    cluster.master.decline(first?.number ?? 0, 5000);
    const [second] = cluster.settle();
    expect(second?.framework.frameworkId).toBe('b');
    cluster.master.decline(second?.number ?? 0, 60_000);
    cluster.hear();
    expect(cluster.proposalsWithin(4990)).toStrictEqual([]);
    expect(namesOf(cluster.proposalsWithin(20))).toStrictEqual(['a']);
  });

  test('a grown offer passes the filter', () => {
    cluster.master.addAgent('only', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    const [held] = cluster.settle();
    if (held === undefined) throw new Error('there is an offer');
    cluster.master.giveBack(held, resourcesOf(1, 1000), 60_000);
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.giveBack(held, resourcesOf(0, 1));
    expect(cluster.settle()).toMatchObject([{ resources: resourcesOf(1, 1001) }]);
  });

  test('a refusal counts in the role that it was made in', () => {
    cluster.master.addAgent('only', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services', 'analytics');
    const [first] = cluster.settle();
    cluster.master.decline(first?.number ?? 0, 60_000);
    const [second] = cluster.settle();
    expect(second?.role).not.toBe(first?.role);
    cluster.master.decline(second?.number ?? 0, 60_000);
    expect(cluster.settle()).toStrictEqual([]);
  });

  test('reviving a role ends its filters and leaves those of the others', () => {
    cluster.master.addAgent('only', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services', 'analytics');
    for (let turn = 0; turn < 2; turn += 1) {
      const [offer] = cluster.settle();
      cluster.master.decline(offer?.number ?? 0, 60_000);
    }
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.revive('a', 'services');
    expect(rolesIn(cluster.settle())).toStrictEqual(['services']);
  });

  test('news of a framework leave its filters alone', () => {
    cluster.master.addAgent('only', resourcesOf(4, 4000));
    cluster.master.subscribe('a', 'services');
    const [offer] = cluster.settle();
    cluster.master.decline(offer?.number ?? 0, 60_000);
    cluster.settle();
    cluster.master.limitOffers('a', 5);
    expect(cluster.settle()).toStrictEqual([]);
  });

  test('reserved resources count in what is refused and in what is offered', () => {
    const reservation = aReservation('eng', 'one', resourcesOf(1, 1000));
    cluster.master.addAgent('only', resourcesOf(4, 4000), { reservations: [reservation] });
    cluster.master.subscribe('a', 'eng');
    const [offer] = cluster.settle();
    cluster.master.decline(offer?.number ?? 0, 60_000);
    expect(cluster.settle()).toStrictEqual([]);
  });
});

describe('reservations', () => {
  const ENG = aReservation('eng', 'one', resourcesOf(2, 2000));

  test('what is reserved is offered to its role only, together with what is not reserved', () => {
    cluster.master.addAgent('only', resourcesOf(4, 4000), { reservations: [ENG] });
    cluster.master.subscribe('a', 'eng');
    expect(cluster.settle()).toMatchObject([
      { role: 'eng', reservations: [ENG], resources: resourcesOf(2, 2000) },
    ]);
  });

  test('it is offered to roles below its own, and to none above or beside', () => {
    cluster.master.addAgent('only', resourcesOf(2, 2000), { reservations: [ENG] });
    for (const [name, role] of [
      ['above', '*'],
      ['beside', 'engine'],
      ['other', 'ads'],
    ] as const) {
      cluster.master.subscribe(name, role);
    }
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.subscribe('below', 'eng/ads');
    expect(cluster.settle()).toMatchObject([{ role: 'eng/ads', reservations: [ENG] }]);
  });

  test('what is reserved for a role below is not offered to the one above', () => {
    const ads = aReservation('eng/ads', 'one', resourcesOf(2, 2000));
    cluster.master.addAgent('only', resourcesOf(2, 2000), { reservations: [ads] });
    cluster.master.subscribe('a', 'eng');
    expect(cluster.settle()).toStrictEqual([]);
  });

  test('two roles get their own of one agent, the first one also what is not reserved', () => {
    const research = aReservation('research', 'one', resourcesOf(1, 1000));
    cluster.master.addAgent('only', resourcesOf(8, 8000), { reservations: [ENG, research] });
    cluster.master.subscribe('a', 'eng');
    cluster.master.subscribe('b', 'research');
    expect(cluster.settle()).toMatchObject([
      { role: 'eng', reservations: [ENG], resources: resourcesOf(5, 5000) },
      { role: 'research', reservations: [research], resources: normalise({}) },
    ]);
  });

  test('a reservation alone is worth an offer to its role, however little it holds', () => {
    const disk = aReservation('eng', 'disk', normalise({ scalars: { disk: 1000 } }));
    const total = normalise({ scalars: { cpus: 5, disk: 1000 } });
    cluster.master.addAgent('only', total, { reservations: [disk] });
    cluster.master.subscribe('a', 'eng');
    cluster.master.subscribe('b', 'research');
    expect(cluster.settle()).toMatchObject([
      { role: 'eng', reservations: [disk], resources: { scalars: { cpus: 5 } } },
    ]);
  });

  test('what is reserved counts in the share of whoever is offered it', () => {
    const large = aReservation('eng', 'one', resourcesOf(8, 8000));
    cluster.master.addAgent('x', resourcesOf(8, 8000), { reservations: [large] });
    cluster.master.subscribe('a', 'eng');
    cluster.settle();
    cluster.master.subscribe('b', 'research');
    cluster.master.addAgent('y', resourcesOf(2, 2000));
    expect(namesOf(cluster.settle())).toStrictEqual(['b']);
  });

  test('one of which only volumes are to be had is proposed to its role, also alone, and not twice', () => {
    const volumes = aReservation('eng', 'one', normalise({}));
    cluster.master.addAgent('full', normalise({}), { reservations: [volumes] });
    cluster.master.subscribe('above', '*');
    cluster.master.subscribe('beside', 'ads');
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.subscribe('below', 'eng/ads');
    expect(cluster.settle()).toMatchObject([{ role: 'eng/ads', reservations: [volumes] }]);
    cluster.master.subscribe('a', 'eng');
    expect(cluster.settle()).toStrictEqual([]);
  });

  test('volumes that were declined alone come again when the filter ends, and not before', () => {
    const volumes = aReservation('eng', 'one', normalise({}));
    cluster.master.addAgent('full', normalise({}), { reservations: [volumes] });
    cluster.master.subscribe('a', 'eng');
    const [offer] = cluster.settle();
    cluster.master.decline(offer?.number ?? 0, 5000);
    cluster.hear();
    expect(cluster.proposalsWithin(4990)).toStrictEqual([]);
    expect(cluster.proposalsWithin(20)).toMatchObject([{ reservations: [volumes] }]);
  });

  test('volumes stay to be had while a proposal of other parts of their agent is not decided', () => {
    const volumes = aReservation('eng', 'one', normalise({}));
    cluster.master.addAgent('x', resourcesOf(1, 1000), { reservations: [volumes] });
    cluster.master.subscribe('b', 'research');
    cluster.hear();
    expect(cluster.proposalsWithin(100)).toMatchObject([{ role: 'research', reservations: [] }]);
    cluster.master.subscribe('a', 'eng');
    cluster.hear();
    expect(cluster.proposalsWithin(100)).toMatchObject([{ role: 'eng', reservations: [volumes] }]);
  });

  test('it is not proposed twice while the master has not decided', () => {
    cluster.master.addAgent('only', resourcesOf(2, 2000), { reservations: [ENG] });
    cluster.master.subscribe('a', 'eng');
    cluster.hear();
    expect(cluster.proposalsWithin(100)).toHaveLength(1);
    cluster.master.subscribe('b', 'eng');
    cluster.hear();
    expect(cluster.proposalsWithin(100)).toStrictEqual([]);
  });
});
