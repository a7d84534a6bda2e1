// Tests of offers of what may be taken back at any time: beside the rest to frameworks that take it, and for needs only where
// these say that their tasks may run on it.
import type { RevocableUse } from '@parley/protocol/revocations';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { namesOf, ScriptedCluster } from './scripted-cluster.ts';
import { resourcesOf } from './scripted-master.ts';
import type { ScriptedNeed } from './scripted-records.ts';

const NOTHING = normalise({});
const REVOCABLE = resourcesOf(3, 3000);
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

describe('revocable resources', () => {
  test('they come beside the rest to a framework that takes them, and to no other', () => {
    cluster.master.addAgent('x', resourcesOf(4, 4000), { revocable: REVOCABLE });
    cluster.master.subscribe('plain', 'another');
    const [offer] = cluster.settle();
    expect(offer?.revocable).toBeUndefined();
    cluster.master.subscribe('a', 'eng');
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.takeRevocable('a');
    expect(cluster.settle()).toMatchObject([
      { role: 'eng', resources: normalise({}), revocable: REVOCABLE },
    ]);
  });

  test('of those who take them the one of the smallest share gets them', () => {
    cluster.master.addAgent('x', resourcesOf(4, 4000));
    cluster.master.subscribe('rich', 'eng');
    cluster.settle();
    cluster.master.subscribe('poor', 'sales');
    for (const name of ['rich', 'poor']) cluster.master.takeRevocable(name);
    cluster.master.addAgent('y', resourcesOf(1, 1000), { revocable: REVOCABLE });
    expect(cluster.settle()).toMatchObject([
      { role: 'sales', resources: resourcesOf(1, 1000), revocable: REVOCABLE },
    ]);
  });

  test('they make no share and count towards no limit', () => {
    cluster.master.setRole('eng', { limit: { cpus: 4000 } });
    cluster.master.addAgent('x', resourcesOf(4, 4000), { revocable: REVOCABLE });
    cluster.master.subscribe('a', 'eng');
    cluster.master.takeRevocable('a');
    expect(cluster.settle()).toMatchObject([{ revocable: REVOCABLE }]);
    cluster.master.setRevocable('x', REVOCABLE);
    expect(cluster.settle()).toMatchObject([{ resources: normalise({}), revocable: REVOCABLE }]);
    cluster.master.subscribe('b', 'sales');
    cluster.master.addAgent('small', resourcesOf(1, 1000));
    expect(namesOf(cluster.settle())).toStrictEqual(['b']);
  });

  test('what is in a proposal is not proposed again, and what is declined waits for the filter', () => {
    cluster.master.addAgent('x', normalise({}), { revocable: REVOCABLE });
    cluster.master.subscribe('a', 'eng');
    cluster.master.takeRevocable('a');
    cluster.hear();
    expect(cluster.proposalsWithin(10)).toHaveLength(1);
    expect(cluster.proposalsWithin(10)).toStrictEqual([]);
    cluster = new ScriptedCluster();
    cluster.master.addAgent('x', normalise({}), { revocable: REVOCABLE });
    cluster.master.subscribe('a', 'eng');
    cluster.master.takeRevocable('a');
    const [offer] = cluster.settle();
    cluster.master.decline(offer?.number ?? 0, 5000);
    cluster.hear();
    expect(cluster.proposalsWithin(4990)).toStrictEqual([]);
    expect(cluster.proposalsWithin(20)).toHaveLength(1);
  });
});

describe('a need', () => {
  const tasks = (
    shape: string,
    revocable: RevocableUse | undefined,
    more: Partial<ScriptedNeed> = {},
  ): ScriptedNeed => ({
    shape,
    count: 1,
    resources: resourcesOf(1, 100),
    ...(revocable && { revocable }),
    ...more,
  });
  const needs = (...stated: ScriptedNeed[]) => cluster.master.need('a', 'eng', stated);
  const subscribe = () => {
    cluster.master.subscribe('a', 'eng');
    cluster.master.takeRevocable('a');
  };

  test('that says nothing of it is offered ordinary resources only, though its framework takes others', () => {
    cluster.master.addAgent('x', resourcesOf(2, 4000), { revocable: REVOCABLE });
    subscribe();
    needs(tasks('one', undefined, { count: 4 }));
    const [offer, ...others] = cluster.settle();
    expect([offer?.revocable, others]).toStrictEqual([undefined, []]);
    expect(offer).toMatchObject({
      resources: resourcesOf(2, 200),
      promised: [{ shape: 'one', count: 2 }],
    });
  });

  test('that may run on revocable resources, too, gets them where no others are left, each task as a whole', () => {
    cluster.master.addAgent('x', resourcesOf(3, 4000), { revocable: REVOCABLE });
    subscribe();
    needs(tasks('one', 'also', { count: 4, resources: resourcesOf(2, 100) }));
    expect(cluster.settle()).toMatchObject([
      {
        resources: resourcesOf(2, 100),
        revocable: resourcesOf(2, 100),
        promised: [{ shape: 'one', count: 2 }],
      },
    ]);
  });

  test('that runs on nothing else gets nothing else', () => {
    cluster.master.addAgent('x', resourcesOf(4, 4000), { revocable: resourcesOf(1, 1000) });
    subscribe();
    needs(tasks('one', 'only', { count: 3 }));
    expect(cluster.settle()).toMatchObject([
      {
        resources: NOTHING,
        revocable: resourcesOf(1, 100),
        promised: [{ shape: 'one', count: 1 }],
      },
    ]);
  });

  test('is offered none where its framework takes none', () => {
    cluster.master.addAgent('x', NOTHING, { revocable: REVOCABLE });
    subscribe();
    cluster.master.takeRevocable('a', false);
    needs(tasks('one', 'also'), tasks('two', 'only'));
    expect(cluster.settle()).toStrictEqual([]);
  });

  test('names ports that are ordinary ones of the same agent', () => {
    const ports = { ports: [[1000, 1000]] as [number, number][] };
    const total = (more: object) => normalise({ ...resourcesOf(1, 100), ...more });
    subscribe();
    needs(tasks('one', 'only', { count: 2, resources: total(ports) }));
    cluster.master.addAgent('without', total({}), { revocable: REVOCABLE });
    cluster.master.addAgent('with', total({ ports: [[1000, 1009]] }), { revocable: REVOCABLE });
    expect(cluster.settle()).toMatchObject([
      {
        agentId: 'with',
        resources: normalise(ports),
        revocable: resourcesOf(1, 100),
        promised: [{ count: 1 }],
      },
    ]);
  });

  test('is not held up by a limit, which leaves it nothing else', () => {
    cluster.master.setRole('eng', { limit: { cpus: 1000 } });
    cluster.master.addAgent('x', resourcesOf(4, 4000));
    subscribe();
    needs(tasks('one', 'also', { count: 3 }));
    expect(cluster.settle()).toMatchObject([{ promised: [{ count: 1 }] }]);
    cluster.master.addAgent('y', resourcesOf(4, 4000));
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.setRevocable('x', REVOCABLE);
    expect(cluster.settle()).toMatchObject([{ revocable: resourcesOf(2, 200) }]);
  });

  test('that is refused on an agent waits for the filter, or until it comes with more than was refused', () => {
    cluster.master.addAgent('x', NOTHING, { revocable: REVOCABLE });
    subscribe();
    needs(tasks('one', 'only'));
    const [offer] = cluster.settle();
    cluster.master.decline(offer?.number ?? 0, 5000);
    expect(cluster.settleWithin(4990)).toStrictEqual([]);
    needs(tasks('one', 'only'), tasks('large', 'only', { resources: resourcesOf(2, 200) }));
    expect(cluster.settle()).toMatchObject([{ promised: [{ shape: 'large' }, { shape: 'one' }] }]);
  });
});

describe('a framework that states no demand', () => {
  test('is offered what is revocable though its limit leaves it nothing else', () => {
    cluster.master.setRole('eng', { limit: { cpus: 1000 } });
    cluster.master.addAgent('x', resourcesOf(1, 4000));
    cluster.master.subscribe('a', 'eng');
    cluster.master.takeRevocable('a');
    expect(cluster.settle()).toMatchObject([{ resources: resourcesOf(1, 4000) }]);
    cluster.master.addAgent('y', resourcesOf(1, 4000));
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.setRevocable('y', REVOCABLE);
    expect(cluster.settle()).toMatchObject([{ agentId: 'y', revocable: REVOCABLE }]);
  });
});
