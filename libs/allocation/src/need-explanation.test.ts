// Tests why agents are not offered for a need that may run on revocable resources: what is missing of which.
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { RevocableUse } from '@parley/protocol/revocations';
import { contains, normalise } from '@parley/resources/resources';
import { describe, expect, test } from 'vitest';
import { explainNeed, type LookedAt } from './need-explanation.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, resourcesOf } from './scripted-master.ts';

type Left = { readonly ordinary?: object; readonly revocable?: object };

type Wanted = Parameters<typeof explainNeed>[1];

const anAgent =
  (agentId: string, { ordinary = {}, revocable = {} }: Left) =>
  ({ resources }: Wanted): LookedAt => {
    const [free, lent] = [normalise(ordinary), normalise(revocable)];
    const against = (left: Resources) => () =>
      contains(left, resources) ? undefined : ({ kind: 'tooLittle' } as const);
    return {
      agent: { agentId, hostname: `${agentId}.test`, attributes: {} },
      total: normalise({ ...resourcesOf(8, 8000), ports: [[1000, 1009]] }),
      isKept: false,
      standsBack: false,
      ordinary: { left: free, against: against(free) },
      revocable: { left: lent, against: against({ ...free, scalars: lent.scalars }) },
    };
  };

const need = (revocable?: RevocableUse, more: object = {}) => ({
  resources: normalise({ ...resourcesOf(2, 200), ...more }),
  constraints: [],
  ...(revocable && { revocable }),
});

/** By the use that is said. */
const explained = (agents: readonly ReturnType<typeof anAgent>[], more: object = {}) =>
  ([undefined, 'also', 'only'] as const).map((use) => {
    const wanted = need(use, more);
    const looked = agents.map((one) => one(wanted));
    const { suitable, reasons, nearest } = explainNeed(looked, wanted, 0);
    return { suitable, reasons, nearest };
  });

const lacks = (best: number) =>
  ({ kind: 'lacks', count: 1, resource: 'cpus', best, needed: 2000 }) as const;

describe('an agent', () => {
  test('would do where the part of it would on which the tasks may run', () => {
    const borrowing = anAgent('x', { revocable: resourcesOf(2, 200) });
    expect(explained([borrowing]).map(({ suitable }) => suitable)).toStrictEqual([0, 1, 1]);
    const ordinary = anAgent('x', { ordinary: resourcesOf(2, 200) });
    expect(explained([ordinary]).map(({ suitable }) => suitable)).toStrictEqual([1, 1, 0]);
  });

  test('lacks that of which less is missing, where either would do', () => {
    const left = { ordinary: resourcesOf(0.5, 200), revocable: resourcesOf(1, 200) };
    const [plain, also, only] = explained([anAgent('x', left)]);
    expect(plain?.reasons).toStrictEqual([lacks(500)]);
    expect(also?.reasons).toStrictEqual([{ ...lacks(1000), isRevocable: true }]);
    expect(also?.nearest).toMatchObject({ has: 1000, isRevocable: true });
    expect(only?.reasons).toStrictEqual([{ ...lacks(1000), isRevocable: true }]);
    const other = { ordinary: resourcesOf(1.5, 200), revocable: resourcesOf(1, 200) };
    expect(explained([anAgent('x', other)])[1]?.reasons).toStrictEqual([lacks(1500)]);
  });

  test('is counted apart from those that lack as much of the other kind', () => {
    const agents = [
      anAgent('x', { ordinary: resourcesOf(1, 200) }),
      anAgent('y', { revocable: resourcesOf(1, 200) }),
    ];
    expect(explained(agents)[1]?.reasons).toStrictEqual([
      lacks(1000),
      { ...lacks(1000), isRevocable: true },
    ]);
  });

  test('has its ports among the ordinary resources', () => {
    const ports = { ports: [[1000, 1000]] };
    const without = anAgent('x', { revocable: resourcesOf(2, 200) });
    const having = anAgent('y', { ordinary: ports, revocable: resourcesOf(2, 200) });
    const only = explained([without, having], ports)[2];
    expect(only).toMatchObject({ suitable: 1, reasons: [{ kind: 'ports', count: 1 }] });
  });
});

describe('what the allocator tells of a framework', () => {
  const wants = (revocable: RevocableUse | undefined) => {
    const cluster = new ScriptedCluster();
    cluster.master.addAgent('x', NO_RESOURCES, { revocable: resourcesOf(1, 1000) });
    cluster.master.addAgent('big', resourcesOf(8, 8000));
    cluster.master.subscribe('other', 'other');
    cluster.settle();
    cluster.master.subscribe('a', 'eng');
    cluster.master.takeRevocable('a');
    const stated = { shape: 's', count: 1, ...need(revocable) };
    cluster.master.need('a', 'eng', [stated]);
    cluster.settle();
    return cluster;
  };
  const explanationOf = (cluster: ScriptedCluster) => {
    const request = { of: 'framework', framework: aFramework('a') } as const;
    return cluster.allocator.explain(request, cluster.nowMs)?.clients[0]?.needs[0];
  };

  test('is what agents lend, for a need that may run on it', () => {
    expect(explanationOf(wants(undefined))).not.toHaveProperty('revocable');
    const lacking = { kind: 'lacks', resource: 'cpus', best: 0, needed: 2000 };
    expect(explanationOf(wants('only'))).toMatchObject({
      revocable: 'only',
      reasons: [{ kind: 'tooSmall' }, { ...lacking, isRevocable: true }],
    });
  });

  test.each([undefined, 'also', 'only'] as const)(
    'is that it refuses as much as it would be offered, and until when (%s)',
    (use) => {
      const cluster = new ScriptedCluster();
      const [ordinary, revocable] = use === 'only' ? [8, 3] : [3, 0];
      const lent = { revocable: resourcesOf(revocable, 3000) };
      cluster.master.addAgent('x', resourcesOf(ordinary, 4000), lent);
      cluster.master.subscribe('a', 'eng');
      cluster.master.takeRevocable('a');
      cluster.master.need('a', 'eng', [{ shape: 's', count: 1, ...need(use) }]);
      const [offer] = cluster.settle();
      cluster.master.decline(offer?.number ?? 0, 60_000);
      cluster.settle();
      expect(explanationOf(cluster)?.reasons).toMatchObject([{ kind: 'refused', count: 1 }]);
    },
  );
});
