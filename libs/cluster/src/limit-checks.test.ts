// Tests that no limit is passed by what is offered, nor by what is reserved: before it is set, when it is set, and after.
import type { FreeReservation } from '@parley/protocol/allocation';
import { type OfferId, PrincipalName } from '@parley/protocol/ids';
import { beforeEach, describe, expect, test } from 'vitest';
import { factsSnapshot } from './cluster-core.ts';
import type { Effect } from './effects.ts';
import {
  aFramework,
  anAgentId,
  answerOf,
  aRole,
  aTask,
  eventsOf,
  factsOf,
  of,
  ScriptedCluster,
  some,
} from './scripted-cluster.ts';

const [f1, f2] = [aFramework('f1'), aFramework('f2')];
const [ads, web] = [{ role: 'eng/ads' }, { role: 'eng/web' }];
const cpus = (count: number) => ({ cpus: count * 1000 });
const limit = (name: string, count: number) =>
  ({ kind: 'role', role: name, limit: cpus(count) }) as const;

let cluster: ScriptedCluster;

/** Why the proposal became no offer; undefined: it did. */
function objection(...given: Parameters<ScriptedCluster['propose']>): string | undefined {
  const events = eventsOf(cluster.propose(...given));
  return events.find((event) => event.type === 'proposalRefused')?.why;
}

const reserve = (count: number) =>
  ({ kind: 'reserve', reservationId: 'x', resources: some(count) }) as const;
const outstanding = (): OfferId[] => [...cluster.state.offers.rows()].map((one) => one.offerId);
const consumed = (name: string): number => cluster.state.books.roles.consumed(aRole(name), 'cpus');

/** What the allocator would propose of all that is reserved on the first agent. */
function freeReservations(): FreeReservation[] {
  const facts = factsSnapshot(cluster.state).filter((fact) => fact.kind === 'agent');
  return facts.find(({ agentId }) => agentId === 'a1')?.reservations ?? [];
}

function changeAgent(change: 'deactivate' | 'reactivate'): Effect[] {
  const caller = { kind: 'operator', operator: PrincipalName.parse('olga') } as const;
  return cluster.call(caller, { verb: 'operatorAgent', body: { agentId: 'a1', change } });
}

beforeEach(() => {
  cluster = new ScriptedCluster();
  cluster.startTerm();
  cluster.register(anAgentId('a1'), some(16));
  cluster.register(anAgentId('a2'), some(16));
  for (const framework of [f1, f2]) cluster.subscribe(framework, { roles: ['eng/ads', 'eng/web'] });
});

describe('a proposal', () => {
  test('is refused where what is offered, allocated and reserved would pass the limit of its role', () => {
    cluster.share([limit('eng/ads', 7)]);
    cluster.launch(f1, 't1', some(2), anAgentId('a1'), ads);
    cluster.operateAsOperator(reserve(2), anAgentId('a2'), 'eng/ads');
    cluster.offer(f2, some(2), anAgentId('a1'), ads);
    expect(objection(f1, some(2), anAgentId('a1'), ads)).toBe(
      'role eng/ads has 6 cpus, and 2 cpus more would pass its limit of 7 cpus by 1 cpus',
    );
    expect(objection(f1, some(1), anAgentId('a1'), ads)).toBeUndefined();
    expect(objection(f1, some(3), anAgentId('a1'), web)).toBeUndefined();
  });

  test('is refused where it would pass the limit of a role above, whoever else is below that', () => {
    cluster.share([limit('eng', 4)]);
    cluster.offer(f1, some(3), anAgentId('a1'), ads);
    expect(objection(f2, some(2), anAgentId('a2'), web)).toContain('role eng has 3 cpus');
    expect(objection(f2, some(1), anAgentId('a2'), web)).toBeUndefined();
  });

  test('is refused where it would pass the limit of its framework, over all its roles', () => {
    const framework = f1;
    cluster.share([{ kind: 'framework', framework, limit: cpus(4) }]);
    cluster.offer(f1, some(3), anAgentId('a1'), ads);
    expect(objection(f1, some(2), anAgentId('a2'), web)).toBe(
      'framework alice/f1 has 3 cpus, and 2 cpus more would pass its limit of 4 cpus by 1 cpus',
    );
    expect(objection(f2, some(2), anAgentId('a2'), web)).toBeUndefined();
  });

  test('of what is reserved for the role takes nothing more of its limit', () => {
    cluster.share([limit('eng/ads', 4)]);
    cluster.operateAsOperator(reserve(4), anAgentId('a1'), 'eng/ads');
    const reservations = freeReservations();
    expect(objection(f1, {}, anAgentId('a1'), { ...ads, reservations })).toBeUndefined();
    expect(consumed('eng/ads')).toBe(4000);
  });

  test('of what is reserved for a role above counts for the role below', () => {
    cluster.share([limit('eng/ads', 3), limit('eng', 4)]);
    cluster.operateAsOperator(reserve(4), anAgentId('a1'), 'eng');
    const reservations = freeReservations();
    expect(objection(f1, {}, anAgentId('a1'), { ...ads, reservations })).toContain(
      'role eng/ads has 0 cpus, and 4 cpus more',
    );
    expect(objection(f1, {}, anAgentId('a1'), { ...web, reservations })).toBeUndefined();
  });

  test('that is refused is answered with what is set on its way, and what is held', () => {
    cluster.share([limit('eng', 1), { kind: 'framework', framework: f1, weight: 2000 }]);
    const facts = factsOf(cluster.propose(f1, some(2), anAgentId('a1'), ads));
    expect(facts).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'role', role: 'eng', limit: cpus(1) }),
        expect.objectContaining({ kind: 'frameworkShare', framework: f1, weight: 2000 }),
        expect.objectContaining({ kind: 'usage', framework: f1, role: 'eng/ads' }),
        expect.objectContaining({ kind: 'agentFree', agentId: 'a1' }),
      ]),
    );
  });

  test('is not refused where a resource is not limited, nor where the limit is reached and not passed', () => {
    cluster.share([limit('eng', 2)]);
    expect(objection(f1, { scalars: { mem: 9000 } }, anAgentId('a1'), ads)).toBeUndefined();
    expect(objection(f1, some(2), anAgentId('a1'), ads)).toBeUndefined();
  });
});

describe('the disk of volumes', () => {
  test('counts for the role whether a task holds the volume or not, and is told to the allocator', () => {
    const disk = { scalars: { cpus: 16_000, mem: 16_000, disk: 100_000 } };
    cluster.register(anAgentId('a3'), disk);
    const operations = [
      { kind: 'reserve', reservationId: 'x', resources: { scalars: { disk: 50_000 } } },
      { kind: 'createVolume', reservationId: 'x', volumeId: 'v', mib: 50 },
    ] as const;
    for (const one of operations) cluster.operateAsOperator(one, anAgentId('a3'), 'eng/ads');
    expect(cluster.state.books.roles.consumed(aRole('eng'), 'disk')).toBe(50_000);
    expect(factsSnapshot(cluster.state)).toContainEqual(
      expect.objectContaining({
        agentId: 'a3',
        reservations: [expect.objectContaining({ reservationId: 'x', volumesDisk: 50_000 })],
      }),
    );
    cluster.share([{ kind: 'role', role: 'eng', limit: { disk: 50_000 } }]);
    const wanted = { scalars: { disk: 1000 } };
    expect(objection(f1, wanted, anAgentId('a3'), ads)).toContain(
      '50 MiB disk, and 1 MiB disk more',
    );
  });
});

describe('a limit', () => {
  test('takes back unanswered offers of the role and those below it, newest first, as far as it helps', () => {
    const first = cluster.offer(f1, some(2), anAgentId('a1'), ads);
    const second = cluster.offer(f2, some(2), anAgentId('a1'), web);
    const third = cluster.offer(f1, some(2), anAgentId('a2'), web);
    const effects = cluster.share([limit('eng', 3)]);
    expect(answerOf(effects)).toEqual({ ok: true, value: { rescindedOffers: 2 } });
    expect(of(effects, 'rescind').map(({ message }) => message)).toEqual([
      expect.objectContaining({ offerIds: [third], reason: 'quotaChanged' }),
      expect.objectContaining({ offerIds: [second], reason: 'quotaChanged' }),
    ]);
    expect(outstanding()).toEqual([first]);
  });

  test('leaves offers that hold nothing of the limited resource', () => {
    cluster.offer(f1, some(2), anAgentId('a1'), ads);
    const memory = cluster.offer(f1, { scalars: { mem: 1000 } }, anAgentId('a2'), ads);
    cluster.share([limit('eng', 0)]);
    expect(outstanding()).toEqual([memory]);
  });

  test('of a framework takes back its offers only', () => {
    cluster.offer(f1, some(2), anAgentId('a1'), ads);
    const other = cluster.offer(f2, some(2), anAgentId('a2'), ads);
    cluster.share([{ kind: 'framework', framework: f1, limit: cpus(1) }]);
    expect(outstanding()).toEqual([other]);
  });

  test('below what is in use is refused with by how much; forced, it stands and nothing more is offered', () => {
    cluster.launch(f1, 't1', some(5), anAgentId('a1'), ads);
    const offerId = cluster.offer(f1, some(1), anAgentId('a1'), ads);
    expect(answerOf(cluster.share([limit('eng', 4)]))).toMatchObject({
      failure: {
        code: 'needsForce',
        message:
          'role eng: its tasks, executors and reservations have 5 cpus, and the limit is 4 cpus: above it by 1 cpus: end tasks or unreserve first, or set a higher limit',
      },
    });
    expect(outstanding()).toEqual([offerId]);
    cluster.share([limit('eng', 4)], { force: true });
    expect(outstanding()).toEqual([]);
    expect(objection(f1, some(1), anAgentId('a1'), ads)).toContain('pass its limit of 4 cpus');
    // Higher, and still below what is in use: nothing is made worse.
    expect(answerOf(cluster.share([limit('eng', 4.5)])).ok).toBe(true);
    expect(
      answerOf(cluster.share([{ kind: 'framework', framework: f1, limit: cpus(4) }])),
    ).toMatchObject({ failure: { code: 'needsForce' } });
  });

  test('holds for what an accept leaves: a task and its offer are not counted twice', () => {
    cluster.share([limit('eng', 4)]);
    const offerId = cluster.offer(f1, some(4), anAgentId('a1'), ads);
    cluster.accept(f1, [offerId], [aTask('t1', some(3))]);
    expect(consumed('eng')).toBe(3000);
    expect(objection(f1, some(1), anAgentId('a1'), ads)).toBeUndefined();
  });

  test('is not passed by a framework that reserves what it was offered', () => {
    cluster.share([limit('eng', 4)]);
    const offerId = cluster.offer(f1, some(4), anAgentId('a1'), ads);
    expect(answerOf(cluster.operate(f1, [offerId], [reserve(4)])).ok).toBe(true);
    expect(consumed('eng')).toBe(4000);
  });
});

describe('a reservation by an operator', () => {
  const reserved = (count: number) =>
    answerOf(cluster.operateAsOperator(reserve(count), anAgentId('a1'), 'eng/ads'));

  test('that would pass a limit is refused', () => {
    cluster.share([limit('eng', 4)]);
    expect(reserved(5)).toMatchObject({
      failure: {
        code: 'invalidOperation',
        message:
          'resources: role eng has 0 cpus, and 5 cpus more would pass its limit of 4 cpus by 1 cpus',
      },
    });
    expect(reserved(4).ok).toBe(true);
  });

  test('may take what offers of the role held: that counts once', () => {
    cluster.share([limit('eng', 16)]);
    cluster.offer(f1, some(16), anAgentId('a1'), web);
    expect(reserved(16).ok).toBe(true);
    expect(consumed('eng')).toBe(16_000);
    expect(outstanding()).toEqual([]);
  });
});

describe('what is reserved on an agent that is away', () => {
  test('is of no use to the role and takes none of its limit', () => {
    cluster.operateAsOperator(reserve(4), anAgentId('a1'), 'eng/ads');
    expect(consumed('eng')).toBe(4000);
    changeAgent('deactivate');
    expect(consumed('eng')).toBe(0);
  });

  test('counts again when the agent is back, and offers go that are too much with it', () => {
    cluster.operateAsOperator(reserve(4), anAgentId('a1'), 'eng/ads');
    cluster.share([limit('eng', 4)]);
    changeAgent('deactivate');
    const offerId = cluster.offer(f1, some(4), anAgentId('a2'), ads);
    const effects = changeAgent('reactivate');
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [offerId], reason: 'quotaChanged' } },
    ]);
    expect(consumed('eng')).toBe(4000);
  });
});

test('the allocator is told when any setting that it goes by is another', () => {
  expect(factsOf(cluster.startTerm({ reclaims: false }))).toEqual([
    expect.objectContaining({ kind: 'settings', reclaims: false }),
  ]);
  expect(factsOf(cluster.startTerm({ reclaims: false }))).toEqual([]);
  expect(factsOf(cluster.startTerm({ reclaims: false, placement: 'spread' }))).toHaveLength(1);
});
