// Owns the rules of how a framework treats the cluster: what it asks to be offered, how it answers offers, when it suppresses
// and revives; and that it waits for places near to data no longer than told.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cmd, type DesiredTask } from './desired-task.ts';
import { attr } from './placement/attribute.ts';
import { delay } from './placement/delay.ts';
import { maxPer } from './placement/max-per.ts';
import { anOffer } from './placement/offer-builders.ts';
import { PlanFixture } from './plan-fixture.ts';

const job = (key: string, rest: Partial<DesiredTask> = {}): DesiredTask =>
  ({ key, need: { cpus: 1 }, run: cmd('true'), ...rest }) as DesiredTask;
const jobs = (count: number, rest: Partial<DesiredTask> = {}): DesiredTask[] =>
  Array.from({ length: count }, (_, index) => job(`j${index}`, rest));
const ROOMY = { cpus: 100 };
const TEN_MINUTES = 600_000;

describe('work that is expected', () => {
  const expected = (count: number) => [{ need: { cpus: 1 }, count }];
  const wanted = (fixture: PlanFixture): number =>
    (fixture.last('demand')?.demand ?? []).reduce((sum, { count }) => sum + count, 0);

  it('counts in the demand beside what waits, and nothing is launched for it', () => {
    const fixture = PlanFixture.begun([]);
    fixture.desired(jobs(2), expected(5));
    fixture.pass(1000);
    expect(wanted(fixture)).toBe(7);
    expect(fixture.offer(ROOMY)).toHaveLength(2);
    fixture.desired(jobs(3), expected(4));
    fixture.pass(1000);
    expect(wanted(fixture)).toBe(5);
  });

  it('refuses offers for a moment only, so that it finds them when it comes; without it for long', () => {
    const fixture = PlanFixture.begun([]);
    fixture.desired([], expected(1));
    fixture.offer(ROOMY);
    expect(fixture.last('decline')?.filter.refuseMs).toBe(1000);
    fixture.desired(jobs(1), expected(1));
    fixture.offer(ROOMY);
    expect(fixture.last('accept')?.filter.refuseMs).toBe(1000);
    fixture.desired(jobs(1), expected(0));
    fixture.offer(ROOMY);
    expect(fixture.last('decline')?.filter.refuseMs).toBeGreaterThanOrEqual(TEN_MINUTES);
  });

  it('keeps a role from being suppressed', () => {
    const fixture = PlanFixture.begun([]);
    fixture.desired([], expected(1));
    fixture.pass(60_000);
    expect(fixture.of('suppress')).toEqual([]);
    fixture.desired([], []);
    fixture.pass(60_000);
    expect(fixture.of('suppress')).toHaveLength(1);
  });

  it('that cannot be read changes nothing', () => {
    const fixture = PlanFixture.begun(jobs(1));
    expect(() => fixture.desired([], expected(-1))).toThrow('count');
    expect(fixture.offer(ROOMY)).toHaveLength(1);
  });
});

describe('the demand', () => {
  it('is what waits: equal shapes counted, with role and constraints', () => {
    const where = [attr('zone').in('a')];
    const fixture = PlanFixture.begun(
      [...jobs(2), job('big', { need: { cpus: 8 }, where, role: 'web' } as never)],
      {
        roles: ['batch', 'web'],
      },
    );
    expect(fixture.last('demand')?.demand).toEqual([
      { count: 2, resources: { scalars: { cpus: 1000 }, ports: [], sets: {} }, constraints: [] },
      {
        role: 'web',
        count: 1,
        resources: { scalars: { cpus: 8000 }, ports: [], sets: {} },
        constraints: where,
      },
    ]);
  });

  it('has at most 64 entries: those of the work that comes first, the others when there is room', () => {
    const all = Array.from({ length: 70 }, (_, index) =>
      job(`j${index}`, { need: { cpus: index + 1 } } as never),
    );
    const fixture = PlanFixture.begun(all);
    const cpus = (): (number | undefined)[] | undefined =>
      fixture.last('demand')?.demand?.map(({ resources }) => resources.scalars['cpus']);
    expect(cpus()).toHaveLength(64);
    expect(cpus()?.[0]).toBe(1000);
    fixture.pass(1000);
    fixture.offer({ cpus: 3 });
    fixture.pass(1000);
    expect(cpus()).toHaveLength(64);
    expect(cpus()?.[0]).toBe(3000);
  });

  it('of a group is all that one agent must have, its executor included', () => {
    const members = [1, 2].map((cpus) => ({ need: { cpus }, run: cmd('true') }));
    const executor = {
      executorId: 'pod' as never,
      kind: 'default' as const,
      resources: { scalars: { cpus: 500 }, ports: [], sets: {} },
    };
    const fixture = PlanFixture.begun([{ key: 'g', members, executor }]);
    expect(fixture.last('demand')?.demand).toMatchObject([
      { count: 1, resources: { scalars: { cpus: 3500 } } },
    ]);
  });

  it('says of what is revocable that it runs on nothing else, and that is another shape', () => {
    const fixture = PlanFixture.begun([
      ...jobs(2),
      job('a', { revocable: true }),
      job('b', { revocable: true }),
    ]);
    const resources = { scalars: { cpus: 1000 }, ports: [], sets: {} };
    expect(fixture.last('demand')?.demand).toEqual([
      { count: 2, resources, constraints: [] },
      { count: 2, resources, constraints: [], revocable: 'only' },
    ]);
    fixture.desired([], [{ need: { cpus: 1 }, count: 3, revocable: true }]);
    fixture.pass(1000);
    expect(fixture.last('demand')?.demand).toMatchObject([{ count: 3, revocable: 'only' }]);
  });

  it('is none of a revocable group whose executor has ordinary resources', () => {
    const executor = (cpus: number) => ({
      executorId: 'pod' as never,
      kind: 'default' as const,
      resources: { scalars: { cpus }, ports: [], sets: {} },
    });
    const group = (cpus: number) => ({
      key: 'g',
      members: [{ need: { cpus: 1 }, run: cmd('true') }],
      executor: executor(cpus),
      revocable: true,
    });
    const demandOf = (cpus: number) => PlanFixture.begun([group(cpus)]).last('demand')?.demand;
    expect(demandOf(500)).toBeUndefined();
    expect(demandOf(0)).toMatchObject([{ count: 1, revocable: 'only' }]);
  });

  it('is none while something wants any free ports, as a demand cannot say that', () => {
    const fixture = PlanFixture.begun([
      job('a', { need: { cpus: 1, ports: 1 } } as never),
      job('b'),
    ]);
    expect(fixture.last('demand')).toEqual({ kind: 'demand', demand: undefined });
  });

  it('is not said again when the leader has counted down by itself what was launched', () => {
    const fixture = PlanFixture.begun(jobs(5));
    expect(fixture.of('demand')).toHaveLength(1);
    fixture.pass(1000);
    fixture.offer({ cpus: 2 });
    fixture.pass(1000);
    expect(fixture.of('demand')).toHaveLength(1);
  });

  it('grows again when something is to be tried again', () => {
    const fixture = PlanFixture.begun([job('a', { retry: { backoff: { firstMs: 2000 } } })]);
    fixture.offer(ROOMY);
    fixture.update('a-t0-1', 'failed');
    fixture.pass(500);
    expect(fixture.of('demand')).toHaveLength(1);
    fixture.pass(2000);
    expect(fixture.of('demand')).toHaveLength(2);
    expect(fixture.last('demand')?.demand).toMatchObject([{ count: 1 }]);
  });

  it('is not said while an accept is under way, as it might be counted down for that once more', () => {
    const fixture = PlanFixture.begun(jobs(2));
    fixture.pass(1000);
    const decisions = fixture.plan.offers([anOfferOf(1)], fixture.nowMs);
    const accept = decisions.find((each) => each.kind === 'accept');
    fixture.desired(jobs(4));
    fixture.pass(1000);
    expect(fixture.of('demand')).toHaveLength(1);
    if (accept?.kind === 'accept') fixture.answer(accept);
    expect(fixture.last('demand')?.demand).toMatchObject([{ count: 3 }]);
  });

  it('is said anew when the leader refused a part of an accept', () => {
    const fixture = PlanFixture.begun(jobs(1));
    fixture.pass(1000);
    const [accept] = fixture.plan.offers([anOfferOf(1)], fixture.nowMs);
    if (accept?.kind !== 'accept') throw new Error('an accept');
    const outcome = { ok: false, failure: { code: 'invalidOffers', message: 'late' } } as const;
    fixture.take(fixture.plan.accepted({ acceptId: accept.acceptId, outcome }, fixture.nowMs));
    fixture.update('j0-t0-1', 'dropped');
    fixture.pass(1000);
    expect(fixture.last('demand')?.demand).toMatchObject([{ count: 1 }]);
    expect(fixture.offer(ROOMY)).toHaveLength(1);
  });

  it('is said at most ten times a second, and the last word is said', () => {
    const fixture = PlanFixture.begun(jobs(1));
    for (let count = 2; count <= 50; count += 1) {
      fixture.desired(jobs(count));
      fixture.pass(10);
    }
    fixture.pass(100);
    expect(fixture.of('demand').length).toBeLessThanOrEqual(7);
    expect(fixture.last('demand')?.demand).toMatchObject([{ count: 50 }]);
  });
});

describe('an offer of no use goes back', () => {
  const refusal = (list: readonly DesiredTask[], offer = ROOMY) => {
    const fixture = PlanFixture.begun(list, { strategies: [maxPer('agentId', 1)] });
    fixture.offer(offer);
    return fixture.last('decline') ?? fixture.last('accept');
  };

  it('for long when nothing is wanted', () => {
    expect(refusal([])).toMatchObject({ reason: 'noWork' });
    expect(refusal([])?.filter.refuseMs).toBeGreaterThanOrEqual(TEN_MINUTES);
  });

  it('for long when nothing fits: a grown offer comes all the same', () => {
    const declined = refusal(jobs(1), { cpus: 0.5 });
    expect(declined).toMatchObject({ reason: 'tooSmall' });
    expect(declined?.filter.refuseMs).toBeGreaterThanOrEqual(TEN_MINUTES);
  });

  it('for a while when what runs there is enough', () => {
    const fixture = PlanFixture.begun(jobs(2), { strategies: [maxPer('agentId', 1)] });
    fixture.offer(ROOMY);
    fixture.offer(ROOMY);
    expect(fixture.last('decline')).toMatchObject({ reason: 'spreading' });
    expect(fixture.last('decline')?.filter.refuseMs).toBeLessThanOrEqual(20_000);
  });

  it('for times that differ, so that they do not all end at once', () => {
    const fixture = PlanFixture.begun([]);
    for (let count = 0; count < 20; count += 1) fixture.offer(ROOMY);
    const times = new Set(fixture.of('decline').map(({ filter }) => filter.refuseMs));
    expect(times.size).toBeGreaterThan(10);
    for (const each of times) expect(each).toBeLessThanOrEqual(TEN_MINUTES * 1.2);
  });

  it('with others of the same reason in one call', () => {
    const fixture = PlanFixture.begun([]);
    fixture.offer(...['a1', 'a2', 'a3'].map((agent) => ({ cpus: 1, agent })));
    expect(fixture.of('decline')).toMatchObject([{ offers: [{}, {}, {}] }]);
  });

  it('each once: accepted or declined, never both, never neither (property)', () => {
    const cpus = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 10 });
    fc.assert(
      fc.property(cpus, fc.integer({ min: 0, max: 10 }), (sizes, count) => {
        const fixture = PlanFixture.begun(jobs(count));
        fixture.offer(...sizes.map((size, index) => ({ cpus: size, agent: `a${index % 3}` })));
        const answered = [...fixture.of('accept'), ...fixture.of('decline')];
        const ids = answered.flatMap(({ offers }) => offers.map(({ offerId }) => offerId));
        expect(ids.sort()).toEqual(sizes.map((_, index) => `o${index + 1}` as never).sort());
      }),
    );
  });
});

describe('a framework that wants nothing', () => {
  it('suppresses after a while, once, and revives once when something is wanted', () => {
    const fixture = PlanFixture.begun([]);
    fixture.pass(4000);
    expect(fixture.of('suppress')).toEqual([]);
    fixture.pass(60_000);
    expect(fixture.of('suppress')).toEqual([{ kind: 'suppress', roles: ['batch'] }]);
    fixture.desired(jobs(3));
    fixture.pass(60_000);
    fixture.desired(jobs(4));
    expect(fixture.of('revive')).toEqual([{ kind: 'revive', roles: ['batch'] }]);
  });

  it('in one of its roles suppresses that one alone', () => {
    const fixture = PlanFixture.begun([job('a', { role: 'web' })], { roles: ['batch', 'web'] });
    fixture.pass(60_000);
    expect(fixture.of('suppress')).toEqual([{ kind: 'suppress', roles: ['batch'] }]);
  });
});

describe('a revive', () => {
  it('follows when something is wanted that long refusals did not know of', () => {
    const fixture = PlanFixture.begun(jobs(1, { need: { cpus: 8 } } as never));
    fixture.offer({ cpus: 4 });
    fixture.pass(2000);
    expect(fixture.of('revive')).toEqual([]);
    fixture.desired([...jobs(2, { need: { cpus: 8 } } as never)]);
    expect(fixture.of('revive')).toEqual([]);
    fixture.desired([...jobs(2, { need: { cpus: 8 } } as never), job('small')]);
    expect(fixture.of('revive')).toHaveLength(1);
  });

  it('comes at most once a second', () => {
    const fixture = PlanFixture.begun([]);
    for (let round = 0; round < 30; round += 1) {
      fixture.offer(ROOMY);
      fixture.desired([job(`k${round}`, { need: { cpus: round + 200 } } as never)]);
      fixture.pass(100);
    }
    expect(fixture.of('revive').length).toBeLessThanOrEqual(4);
  });
});

describe('work with its data somewhere', () => {
  const strategies = [delay({ agentId: 3000 })];
  const local = (key: string, agent = 'a1'): DesiredTask =>
    job(key, { near: { agentId: [agent] } });
  const far = { cpus: 1, agent: 'a2' };

  it('lets other places go for as long as it waits, and takes any when the time is over', () => {
    const fixture = PlanFixture.begun([local('a')], { strategies });
    expect(fixture.offer(far)).toEqual([]);
    expect(fixture.last('decline')).toMatchObject({
      reason: 'locality',
      filter: { refuseMs: 3000 },
    });
    fixture.pass(2000);
    expect(fixture.offer(far)).toEqual([]);
    expect(fixture.last('decline')).toMatchObject({ filter: { refuseMs: 1000 } });
    expect(fixture.plan.explain('a', fixture.nowMs)).toMatchObject({
      state: 'waiting',
      reasons: [{ kind: 'locality', agents: 1 }],
      untilMs: fixture.nowMs + 1000,
    });
    fixture.pass(1000);
    expect(fixture.offer(far)).toHaveLength(1);
  });

  it('takes a place near to it at once', () => {
    const fixture = PlanFixture.begun([local('a')], { strategies });
    fixture.offer(far);
    expect(fixture.offer({ cpus: 1, agent: 'a1' })).toHaveLength(1);
  });

  it('does not begin to wait before there is a place to let go', () => {
    const fixture = PlanFixture.begun([local('a')], { strategies });
    fixture.pass(60_000);
    expect(fixture.offer(far)).toEqual([]);
    expect(fixture.last('decline')).toMatchObject({ filter: { refuseMs: 3000 } });
  });

  it('does not wait where others waited for the same places in vain, until one of them is placed there', () => {
    const fixture = PlanFixture.begun([local('a')], { strategies });
    fixture.offer(far);
    fixture.pass(3000);
    expect(fixture.offer(far)).toHaveLength(1);
    fixture.desired(['a', 'b', 'c', 'd'].map((key) => local(key)));
    expect(fixture.offer(far).map(({ taskId }) => taskId)).toEqual(['b-t0-1']);
    expect(fixture.offer(far).map(({ taskId }) => taskId)).toEqual(['c-t0-1']);
    expect(fixture.offer({ cpus: 1, agent: 'a1' })).toHaveLength(1);
    fixture.desired(['a', 'b', 'c', 'd', 'e'].map((key) => local(key)));
    expect(fixture.offer(far)).toEqual([]);
  });

  it('takes those first that are near to what is offered, and waits anew with each that found its place', () => {
    const fixture = PlanFixture.begun([local('a', 'a3'), local('b')], { strategies });
    fixture.offer(far);
    fixture.pass(2999);
    expect(fixture.offer({ cpus: 1, agent: 'a1' }).map(({ taskId }) => taskId)).toEqual(['b-t0-1']);
    fixture.pass(1);
    expect(fixture.offer(far)).toEqual([]);
    expect(fixture.last('decline')).toMatchObject({ filter: { refuseMs: 3000 } });
  });

  it('never waits longer than told, however offers come (property)', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(gaps, (times) => {
        const fixture = PlanFixture.begun([local('a')], { strategies });
        const firstMs = fixture.nowMs;
        for (const gapMs of times) {
          if (fixture.offer(far).length > 0) return;
          expect(fixture.nowMs - firstMs).toBeLessThan(3000);
          fixture.pass(gapMs);
        }
      }),
    );
  });
});

const anOfferOf = (cpus: number) => anOffer({ cpus, id: 'single' });
