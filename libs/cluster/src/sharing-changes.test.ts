// Tests of what operators set about sharing: what is kept and told, what is refused and in which words.
import { PrincipalName } from '@parley/protocol/ids';
import type { SharingChange } from '@parley/protocol/operators';
import { beforeEach, describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { clusterCore, factsSnapshot } from './cluster-core.ts';
import {
  aFramework,
  anAgentId,
  answerOf,
  eventsOf,
  factsOf,
  ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import { restoreState, snapshotState } from './snapshot.ts';

type Change = z.input<typeof SharingChange>;
const cpus = (count: number) => ({ cpus: count * 1000 });
const role = (name: string, more: object): Change => ({
  kind: 'role',
  role: name,
  ...more,
});
const framework = (id: string, more: object): Change => ({
  kind: 'framework',
  framework: aFramework(id),
  ...more,
});

let cluster: ScriptedCluster;

/** What the answer says where it fails, with the code before it. */
function refused(changes: Change[], how: { force?: boolean } = {}): string {
  const answer = answerOf(cluster.share(changes, how));
  return answer.ok ? 'done' : `${answer.failure.code}: ${answer.failure.message}`;
}

beforeEach(() => {
  cluster = new ScriptedCluster();
  cluster.startTerm();
  cluster.register(anAgentId('a1'), some(8));
  cluster.register(anAgentId('a2'), some(8));
  cluster.subscribe(aFramework('f1'), { roles: ['eng/ads'] });
});

describe('what an operator sets', () => {
  test('is told to the allocator at once, and is in the snapshot of facts', () => {
    const effects = cluster.share([
      role('eng', { weight: 2000, guarantee: cpus(4), limit: { mem: 8000 } }),
      role('web', { minAllocatable: cpus(1), placement: 'bestFit' }),
      framework('f1', { limit: cpus(3) }),
    ]);
    const told = [
      { kind: 'role', role: 'eng', weight: 2000, guarantee: cpus(4), limit: { mem: 8000 } },
      {
        ...{ kind: 'role', role: 'web', weight: 1000, guarantee: {}, limit: {} },
        ...{ minAllocatable: cpus(1), placement: 'bestFit' },
      },
      {
        ...{ kind: 'frameworkShare', framework: aFramework('f1') },
        ...{ weight: 1000, guarantee: {}, limit: cpus(3) },
      },
    ];
    expect(factsOf(effects)).toEqual(told);
    expect(factsSnapshot(cluster.state)).toEqual(expect.arrayContaining(told));
  });

  test('survives a restart from a snapshot, and changes the hash', () => {
    const before = clusterCore.hash(cluster.state);
    cluster.share([role('eng', { weight: 2000 }), framework('f1', { weight: 3000 })]);
    const copy = restoreState(snapshotState(cluster.state).next(1000));
    expect(copy.roleSettings.get('eng')).toMatchObject({ weight: 2000, by: 'olga' });
    expect(copy.frameworkSettings.get('alice/f1')).toMatchObject({ weight: 3000 });
    expect(clusterCore.hash(copy)).toBe(clusterCore.hash(cluster.state));
    expect(clusterCore.hash(copy)).not.toBe(before);
  });

  test('replaces what was set, and leaves what is not named', () => {
    cluster.share([role('eng', { weight: 2000, limit: { cpus: 4000, mem: 4000 } })]);
    cluster.share([role('eng', { limit: cpus(6) })]);
    expect(cluster.state.roleSettings.get('eng')).toMatchObject({ weight: 2000, limit: cpus(6) });
  });

  test('is cleared by null, and told as the defaults when nothing is set any more', () => {
    cluster.share([role('eng', { weight: 2000, limit: cpus(4) })]);
    cluster.share([role('eng', { limit: null })]);
    expect(cluster.state.roleSettings.get('eng')).toMatchObject({ weight: 2000, limit: {} });
    expect(factsOf(cluster.share([role('eng', { weight: null })]))).toEqual([
      { kind: 'role', role: 'eng', weight: 1000, guarantee: {}, limit: {} },
    ]);
    expect(cluster.state.roleSettings.size).toBe(0);
  });

  test('of what a role’s offers are like is set back to what the cluster does', () => {
    cluster.share([role('eng', { minAllocatable: cpus(1), placement: 'spread', weight: 2000 })]);
    const effects = cluster.share([role('eng', { minAllocatable: null, placement: null })]);
    expect(eventsOf(effects)).toMatchObject([
      { before: { minAllocatable: cpus(1), placement: 'spread' }, after: {} },
    ]);
    expect(factsOf(effects)).toEqual([
      { kind: 'role', role: 'eng', weight: 2000, guarantee: {}, limit: {} },
    ]);
  });

  test('is an event with the operator and what changed, as it was and as it is', () => {
    cluster.share([role('eng', { weight: 2000, limit: cpus(4) })]);
    const effects = cluster.share([
      role('eng', { weight: 2000, limit: cpus(5), guarantee: cpus(1) }),
    ]);
    expect(eventsOf(effects)).toEqual([
      {
        ...{ type: 'roleSharesChanged', operator: 'olga', role: 'eng' },
        before: { limit: cpus(4), guarantee: {} },
        after: { limit: cpus(5), guarantee: cpus(1) },
      },
    ]);
    expect(eventsOf(cluster.share([framework('f1', { weight: 5000 })]))).toEqual([
      {
        ...{ type: 'frameworkSharesChanged', operator: 'olga', framework: aFramework('f1') },
        ...{ before: { weight: 1000 }, after: { weight: 5000 } },
      },
    ]);
  });

  test('is no event and no fact where nothing changes', () => {
    cluster.share([role('eng', { weight: 2000 })]);
    const effects = cluster.share([role('eng', { weight: 2000 })]);
    expect([eventsOf(effects), factsOf(effects)]).toEqual([[], []]);
  });

  test('for a role that nobody uses is accepted: its frameworks may be yet to come', () => {
    expect(refused([role('later', { weight: 2000 })])).toBe('done');
  });

  test('for a framework ends with it, and its id is refused from then on', () => {
    cluster.share([framework('f1', { weight: 2000 })]);
    const caller = { kind: 'operator', operator: PrincipalName.parse('olga') } as const;
    const body = { framework: aFramework('f1') };
    const effects = cluster.call(caller, { verb: 'operatorTeardown', body });
    expect(factsOf(effects)).toContainEqual(
      expect.objectContaining({ kind: 'frameworkShare', weight: 1000 }),
    );
    expect(cluster.state.frameworkSettings.size).toBe(0);
    expect(refused([framework('f1', { weight: 2000 })])).toContain('frameworkRemoved');
  });
});

describe('clearing', () => {
  test('something of a role that is not known is an error, as of a name that was mistyped', () => {
    expect(refused([role('egn', { limit: null })])).toBe(
      'unknownRole: there is no role egn: no framework uses it, and nothing is set for it',
    );
    expect(refused([framework('f9', { limit: null })])).toContain('notSubscribed');
  });

  test('something of a role in use, or of one above it, changes nothing where nothing is set', () => {
    expect(refused([role('eng/ads', { limit: null }), role('eng', { weight: null })])).toBe('done');
    expect(refused([framework('f1', { limit: null })])).toBe('done');
  });
});

describe('a call with several changes', () => {
  test('makes all of them or none', () => {
    const changes = [role('eng', { weight: 2000 }), role('web', { guarantee: cpus(17) })];
    expect(refused(changes)).toContain('needsForce');
    expect(cluster.state.roleSettings.size).toBe(0);
  });

  test('is judged by what they come to together', () => {
    cluster.share([role('eng', { guarantee: cpus(10) })]);
    expect(refused([role('web', { guarantee: cpus(10) })])).toContain('over by 4 cpus');
    const swap = [role('web', { guarantee: cpus(10) }), role('eng', { guarantee: cpus(6) })];
    expect(refused(swap)).toBe('done');
  });
});

describe('a guarantee', () => {
  test('above its own limit is refused with by how much, forced or not', () => {
    const changes = [role('eng', { guarantee: cpus(10), limit: cpus(8) })];
    const words =
      'invalidQuota: role eng: its guarantee of 10 cpus is above its limit of 8 cpus, by 2 cpus: lower the guarantee or raise the limit';
    expect(refused(changes)).toBe(words);
    expect(refused(changes, { force: true })).toBe(words);
    expect(refused([framework('f1', { guarantee: cpus(2), limit: cpus(1) })])).toContain(
      'framework alice/f1: its guarantee of 2 cpus is above its limit of 1 cpus, by 1 cpus',
    );
  });

  test('above a limit further up is refused', () => {
    cluster.share([role('eng', { limit: cpus(4) })]);
    expect(refused([role('eng/ads/x', { guarantee: cpus(6) })])).toContain(
      'role eng: what is guaranteed within it adds up to 6 cpus (eng/ads 6 cpus), above its limit of 4 cpus, by 2 cpus',
    );
  });

  test('lets those below it add up to what it is and no more, frameworks’ own included', () => {
    const changes = [
      role('eng', { guarantee: cpus(8) }),
      role('eng/ads', { guarantee: cpus(4) }),
      role('eng/web', { guarantee: cpus(4) }),
    ];
    expect(refused(changes)).toBe('done');
    cluster.subscribe(aFramework('f2'), { roles: ['eng', 'eng/ads'] });
    expect(refused([framework('f2', { guarantee: cpus(1) })])).toContain(
      'role eng: what is guaranteed within it adds up to 9 cpus (eng/ads 4 cpus, eng/web 4 cpus, framework alice/f2 1 cpus), above its own guarantee of 8 cpus, by 1 cpus',
    );
    // A part of its role's, which has room for it.
    expect(refused([framework('f1', { guarantee: cpus(4) })])).toBe('done');
    expect(refused([framework('f1', { guarantee: cpus(5) })])).toContain(
      'role eng/ads: what is guaranteed within it adds up to 5 cpus',
    );
  });

  test('of one resource says nothing of another', () => {
    cluster.share([role('eng', { guarantee: cpus(1) })]);
    expect(refused([role('eng/ads', { guarantee: { mem: 8000 } })])).toBe('done');
  });

  test('beyond what the registered agents have is refused with by how much, unless it is forced', () => {
    expect(refused([role('eng', { guarantee: cpus(16) })])).toBe('done');
    const changes = [role('web', { guarantee: cpus(4) })];
    expect(refused(changes)).toBe(
      'needsForce: all guarantees add up to 20 cpus (eng 16 cpus, web 4 cpus), and the registered agents have 16 cpus: over by 4 cpus: lower a guarantee or add agents',
    );
    expect(refused(changes, { force: true })).toBe('done');
  });

  test('is refused, forced or not, where the sum of all would not be counted exactly any more', () => {
    const half = { cpus: 2 ** 52 };
    expect(refused([role('eng/ads', { guarantee: half })], { force: true })).toBe('done');
    const changes = [role('web', { guarantee: half }), framework('f1', { guarantee: cpus(1) })];
    expect(refused(changes, { force: true })).toContain(
      'invalidQuota: all guarantees of cpus (eng 4503599627370.496 cpus, web 4503599627370.496 cpus',
    );
    const less = [role('web', { guarantee: { cpus: 2 ** 52 - 1 } })];
    expect(refused(less, { force: true })).toBe('done');
  });

  test('counts towards the cluster what is guaranteed below a role that has none', () => {
    expect(refused([role('eng/ads', { guarantee: cpus(17) })])).toContain('over by 1 cpus');
    expect(refused([framework('f9', { guarantee: cpus(18) })])).toContain('over by 2 cpus');
  });

  test('that was forced does not stand in the way of changes that make nothing worse', () => {
    cluster.share([role('eng', { guarantee: cpus(20) })], { force: true });
    expect(refused([role('web', { weight: 2000 })])).toBe('done');
    expect(refused([role('eng', { guarantee: cpus(18) })])).toBe('done');
    expect(refused([role('eng', { guarantee: cpus(19) })])).toContain('over by 3 cpus');
  });

  test('of 0 is none', () => {
    cluster.share([role('eng', { guarantee: { cpus: 0, mem: 1000 } })]);
    expect(cluster.state.roleSettings.get('eng')?.guarantee).toEqual({ mem: 1000 });
  });
});

describe('a resource that no agent has', () => {
  test('is refused wherever it is named, unless it is forced', () => {
    const words = 'no agent has any gpus, which its guarantee names (agents have: cpus, mem)';
    expect(refused([role('eng', { guarantee: { gpus: 1000 } })])).toBe(
      `needsForce: role eng: ${words}`,
    );
    expect(refused([role('eng', { limit: { gpus: 0 } })])).toContain('which its limit names');
    expect(refused([role('eng', { minAllocatable: { gpus: 1 } })])).toContain('least offer');
    expect(refused([framework('f1', { limit: { gpus: 0 } })])).toContain('framework alice/f1');
    expect(refused([role('eng', { guarantee: { gpus: 1000 } })], { force: true })).toBe('done');
  });

  test('may be called like what every object has', () => {
    expect(refused([role('eng', { limit: { constructor: 1 } })])).toContain('any constructor');
    expect(refused([role('eng', { limit: { constructor: 1 } })], { force: true })).toBe('done');
    expect(
      cluster.propose(aFramework('f1'), some(1), anAgentId(), { role: 'eng/ads' }),
    ).toContainEqual(expect.objectContaining({ kind: 'offers' }));
  });
});
