// Tests frameworks with several roles: subscription, suppress and revive, changes while subscribed, and demand.
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { factsSnapshot } from './cluster-core.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  aTask,
  type Effects,
  eventsOf,
  factOf,
  factsOf,
  of,
  type ScriptedCluster,
  some,
  whyRefused,
} from './scripted-cluster.ts';
import { taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(10), { roles: ['r', 's'] });
});

const call = (verb: 'suppress' | 'revive', ...roles: string[]) =>
  cluster.frameworkCall(framework, { verb, body: { roles } });
const role = (name: string, isSuppressed = false) => ({ role: name, isSuppressed });

describe('a framework of several roles', () => {
  test('is offered resources in each of them, and its usage is told by role', () => {
    cluster.offer(framework, some(1), agentId, { role: 'r' });
    const effects = cluster.propose(framework, some(2), agentId, { role: 's' });
    expect(of(effects, 'offers')).toMatchObject([{ message: { offers: [{ role: 's' }] } }]);
    expect(factsOf(effects)).toContainEqual({
      kind: 'usage',
      framework,
      role: 's',
      scalars: { cpus: 2000, mem: 2000 },
    });
    expect(factsOf(effects)).toContainEqual({
      kind: 'outstanding',
      framework,
      offers: 2,
      scalars: { cpus: 3000, mem: 3000 },
    });
  });

  test('may begin with some of them suppressed, not with one that it does not have', () => {
    const effects = cluster.subscribe(framework, { roles: ['r', 's'], suppressed: ['s'] });
    expect(factOf(effects, 'framework')).toMatchObject({ roles: [role('r'), role('s', true)] });
    expect(
      answerOf(cluster.subscribe(framework, { roles: ['r'], suppressed: ['x'] })),
    ).toMatchObject({ failure: { code: 'malformed' } });
  });
});

describe('suppress', () => {
  test('stops offers in the roles named and leaves outstanding ones alone', () => {
    const id = cluster.offer(framework, some(1), agentId, { role: 's' });
    const effects = call('suppress', 's');
    expect(answerOf(effects)).toEqual({ ok: true, value: {} });
    expect(factOf(effects, 'framework')).toMatchObject({ roles: [role('r'), role('s', true)] });
    expect(of(effects, 'rescind')).toEqual([]);
    expect(cluster.state.offers.has(id)).toBe(true);
    expect(whyRefused(cluster.propose(framework, some(1), agentId, { role: 's' }))).toEqual([
      'the framework takes no offers in s',
    ]);
    expect(of(cluster.propose(framework, some(1)), 'offers')).toHaveLength(1);
  });

  test('without roles stops all of them; a role that is not its own fails the whole call', () => {
    expect(answerOf(call('suppress', 'r', 'x'))).toMatchObject({ failure: { code: 'malformed' } });
    expect(cluster.framework(framework)?.roles).toEqual([role('r'), role('s')]);
    call('suppress');
    expect(cluster.framework(framework)?.roles).toEqual([role('r', true), role('s', true)]);
  });

  test('of a framework that disconnects lasts until its next subscription says otherwise', () => {
    call('suppress', 's');
    cluster.frameworkSilent(framework);
    expect(cluster.framework(framework)?.roles).toEqual([role('r'), role('s', true)]);
    cluster.subscribe(framework, { roles: ['r', 's'] });
    expect(cluster.framework(framework)?.roles).toEqual([role('r'), role('s')]);
  });
});

describe('revive', () => {
  test('clears the filters of the roles named and ends their suppression', () => {
    call('suppress');
    const effects = call('revive', 's');
    expect(factOf(effects, 'framework')).toMatchObject({ roles: [role('r', true), role('s')] });
    expect(factsOf(effects).filter(({ kind }) => kind === 'filtersCleared')).toEqual([
      { kind: 'filtersCleared', framework, role: 's' },
    ]);
  });

  test('without roles clears all filters; a role that is not its own fails the whole call', () => {
    call('suppress');
    expect(answerOf(call('revive', 's', 'x'))).toMatchObject({ failure: { code: 'malformed' } });
    expect(cluster.framework(framework)?.roles).toEqual([role('r', true), role('s', true)]);
    expect(factsOf(call('revive'))).toContainEqual({ kind: 'filtersCleared', framework });
  });

  test('in the entry of a decline clears its filter when it comes after it', () => {
    const session = cluster.framework(framework)?.session;
    const caller = { kind: 'framework' as const, ...framework };
    const body = { offerIds: [cluster.offer(framework, some(1))] };
    const effects = cluster.enter(
      cluster.callInput(caller, { verb: 'decline', body }, session),
      cluster.callInput(caller, { verb: 'revive', body: {} }, session),
    );
    const kinds = factsOf(effects).map(({ kind }) => kind);
    expect(kinds.indexOf('filtersCleared')).toBeGreaterThan(kinds.indexOf('refused'));
  });
});

describe('an update of a framework', () => {
  const update = (body: Record<string, unknown>) =>
    cluster.frameworkCall(framework, { verb: 'updateFramework', body });

  test('changes what is given and leaves the rest', () => {
    call('suppress', 's');
    const effects = update({ name: 'new', failoverTimeoutMs: 1000, roles: ['s', 't'] });
    expect(cluster.framework(framework)).toMatchObject({
      name: 'new',
      roles: [role('s', true), role('t')],
      failoverTimeoutMs: 1000,
      session: 1,
    });
    expect(eventsOf(effects)).toContainEqual({
      type: 'frameworkUpdated',
      framework,
      name: 'new',
      roles: ['s', 't'],
    });
  });

  test('rescinds the offers of dropped roles only', () => {
    const [dropped, kept] = [
      cluster.offer(framework, some(1), agentId, { role: 's' }),
      cluster.offer(framework, some(1), agentId, { role: 'r' }),
    ];
    const effects = update({ roles: ['r'] });
    expect(of(effects, 'rescind').map(({ message }) => message)).toMatchObject([
      { offerIds: [dropped], reason: 'roleDropped' },
    ]);
    expect([...cluster.state.offers.keys()]).toEqual([kept]);
  });

  test('that drops a role keeps its usage in the facts until its last task has ended', () => {
    const id = cluster.offer(framework, some(1), agentId, { role: 's' });
    cluster.accept(framework, [id], [aTask('t1')]);
    update({ roles: ['r'] });
    const usage = { kind: 'usage', framework, role: 's', scalars: { cpus: 1000, mem: 1000 } };
    expect(factsSnapshot(cluster.state)).toContainEqual(usage);
    const ended = factsOf(cluster.update(taskRef(framework, 't1'), 'finished'));
    expect(ended).toContainEqual({ ...usage, scalars: {} });
    expect(factsSnapshot(cluster.state)).not.toContainEqual(expect.objectContaining({ role: 's' }));
  });

  test('takes away the needs of the roles that it drops', () => {
    const demand = ['r', 's'].map((one) => ({ role: one, count: 1, resources: some(1) }));
    cluster.frameworkCall(framework, { verb: 'demand', body: { demand } });
    update({ roles: ['r'] });
    expect(cluster.framework(framework)?.demand).toMatchObject([{ role: 'r' }]);
  });
});

describe('a demand', () => {
  const zone = [{ name: 'zone', operator: 'in' as const, values: ['z1'] }];
  const shape = () => cluster.shapeOf(some(2));
  const demand = (...needs: Record<string, unknown>[]) =>
    cluster.frameworkCall(framework, { verb: 'demand', body: { demand: needs as never } });
  const promise = (count: number, of_ = shape()) => ({ promised: [{ shape: of_, count }] });
  const needsOf = (effects: Effects) =>
    factOf(effects, 'framework')?.roles.map(({ needs }) => needs) ?? [];

  test('is told as open needs by role; equal ones are counted together', () => {
    const effects = demand(
      { count: 2, resources: some(2) },
      { count: 1, resources: { scalars: { mem: 2000, cpus: 2000 } } },
      { role: 's', count: 1, resources: some(2), constraints: zone },
    );
    const open = { shape: shape(), count: 3, resources: normalise(some(2)), constraints: [] };
    const bound = { ...open, count: 1, shape: cluster.shapeOf(some(2), zone), constraints: zone };
    expect(needsOf(effects)).toEqual([[open], [bound]]);
  });

  test('with a need of nothing is refused, the field is named, and the demand before stays', () => {
    demand({ count: 3, resources: some(2) });
    for (const resources of [{}, { scalars: { cpus: 0 } }]) {
      const effects = demand({ count: 1, resources: some(1) }, { count: 1, resources });
      expect(answerOf(effects)).toMatchObject({
        failure: { code: 'malformed', message: expect.stringMatching(/^demand\.1\.resources: /) },
      });
    }
    const subscribed = cluster.subscribe(aFramework('f2'), {
      demand: [{ count: 1, resources: {} }],
    });
    expect(answerOf(subscribed)).toMatchObject({ failure: { code: 'malformed' } });
    expect(of(cluster.propose(framework, some(6), agentId, promise(3)), 'offers')).toHaveLength(1);
  });

  test('makes each offer carry promises, which are not open any more while it is outstanding', () => {
    demand({ count: 3, resources: some(2) });
    const effects = cluster.propose(framework, some(4), agentId, promise(2));
    expect(needsOf(effects)).toMatchObject([[{ count: 1 }], []]);
    const [message] = of(effects, 'offers');
    const offerIds = message?.message.offers.map(({ offerId }) => offerId) ?? [];
    const declined = cluster.frameworkCall(framework, { verb: 'decline', body: { offerIds } });
    expect(needsOf(declined)).toMatchObject([[{ count: 3 }], []]);
  });

  test('refuses an offer that promises nothing, too much, or what is not needed', () => {
    demand({ count: 2, resources: some(2) });
    expect(whyRefused(cluster.propose(framework, some(2)))).toHaveLength(1);
    expect(whyRefused(cluster.propose(framework, some(6), agentId, promise(3)))).toHaveLength(1);
    const unknown = promise(1, 'x');
    expect(whyRefused(cluster.propose(framework, some(1), agentId, unknown))).toHaveLength(1);
    cluster.offer(framework, some(4), agentId, promise(2));
    expect(whyRefused(cluster.propose(framework, some(2), agentId, promise(1)))).toHaveLength(1);
  });

  test('of a framework that states none allows no promises', () => {
    expect(whyRefused(cluster.propose(framework, some(2), agentId, promise(1)))).toEqual([
      'the framework states no demand',
    ]);
    demand();
    expect(whyRefused(cluster.propose(framework, some(2)))).toHaveLength(1);
    cluster.frameworkCall(framework, { verb: 'demand', body: {} });
    expect(of(cluster.propose(framework, some(2)), 'offers')).toHaveLength(1);
  });

  test('goes down by one for each task launched of that shape, and not below nothing', () => {
    demand({ count: 2, resources: some(2) }, { count: 1, resources: some(1) });
    const accept = (taskId: string, more: ReturnType<typeof promise>) => {
      const id = cluster.offer(framework, some(3), agentId, more);
      return cluster.accept(framework, [id], [aTask(taskId, some(2))]);
    };
    expect(needsOf(accept('t1', promise(1)))).toMatchObject([[{ count: 1 }, { count: 1 }], []]);
    expect(needsOf(accept('t2', promise(1)))).toMatchObject([[{ count: 1 }], []]);
    const other = promise(1, cluster.shapeOf(some(1)));
    expect(needsOf(accept('t3', other))).toMatchObject([[{ count: 1 }], []]);
    expect(cluster.framework(framework)?.demand?.map(({ count }) => count)).toEqual([0, 1]);
  });

  test('goes down where the promise was, when two needs differ by their constraints alone', () => {
    const free = { count: 1, resources: some(2) };
    demand(free, { ...free, constraints: [{ name: 'agentId', operator: 'in', values: ['a1'] }] });
    const bound = cluster.framework(framework)?.demand?.[1]?.shape ?? '';
    const id = cluster.offer(framework, some(2), agentId, promise(1, bound));
    cluster.accept(framework, [id], [aTask('t1', some(2))]);
    expect(cluster.framework(framework)?.demand?.map(({ count }) => count)).toEqual([1, 0]);
  });

  test('for a role that the framework does not have is refused', () => {
    expect(answerOf(demand({ role: 'x', count: 1, resources: some(1) }))).toMatchObject({
      failure: { code: 'malformed', message: expect.stringContaining('demand.0.role') },
    });
  });
});
