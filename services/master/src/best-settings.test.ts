// Tests which of what is known of an operator's settings goes into new books: the newest, and never an older memory.
import { Replica } from '@parley/actor/replica';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input, KeptSetting } from '@parley/cluster/inputs';
import { ScriptedCluster } from '@parley/cluster/scripted-cluster';
import type { Epoch } from '@parley/protocol/epoch';
import { describe, expect, test } from 'vitest';
import { bestSettings, HeldBooks } from './best-settings.ts';

const term = (revision: number): Epoch => ({ bucketCreatedMs: 1, revision });

/** Books of that moment, in which a role has this weight. */
function books(
  epoch: Epoch,
  sequence: number,
  { weight = 1000, isRestored = true }: { weight?: number; isRestored?: boolean } = {},
): Replica<ClusterState, Input, Effect> {
  const cluster = new ScriptedCluster();
  cluster.startTerm();
  cluster.share([{ kind: 'role', role: 'eng', weight }], { force: true });
  const { state } = cluster;
  if (!isRestored) {
    const counts = { agents: 0, tasks: 0, executors: 0 };
    const began = { sequence: 1, wallTimeMs: 1, atMs: 1, isRestored };
    state.change({ rebuilt: { kind: 'recreated', message: '', ...began, ...counts } });
  }
  return new Replica(clusterCore, {
    ...{ state, sequence, epoch, coreTimeMs: 0 },
    ...{ rulesVersion: clusterCore.rulesVersion, skips: [] },
  });
}

const isKept: KeptSetting = { table: 'roleSettings', key: 'kept', record: {} };
const bucketOf = (epoch: Epoch, sequence: number) => ({
  items: [isKept],
  newest: { epoch, sequence },
});
const NOTHING = { items: [], newest: undefined };
const weightOf = (items: readonly KeptSetting[]) =>
  items.map(({ key, record }) => [key, (record as { weight?: number }).weight]);

describe('what goes into new books', () => {
  test('is what this master held where the bucket is lost, or no later than that', () => {
    const held = books(term(2), 100, { weight: 3000 });
    for (const bucket of [
      NOTHING,
      bucketOf(term(2), 100),
      bucketOf(term(2), 7),
      bucketOf(term(1), 900),
    ]) {
      const best = bestSettings(bucket, undefined, held);
      expect(best).toMatchObject({ from: 'memory', asOf: { epoch: term(2), sequence: 100 } });
      expect(weightOf(best.items)).toEqual([['eng', 3000]]);
    }
  });

  test('is never what this master held where the bucket is later: by its term, and then by its entry', () => {
    const held = books(term(2), 100, { weight: 3000 });
    for (const bucket of [bucketOf(term(2), 101), bucketOf(term(3), 1)]) {
      expect(bestSettings(bucket, undefined, held)).toEqual({
        from: 'bucket',
        items: [isKept],
        asOf: bucket.newest,
      });
    }
  });

  test('is what the last good books say where that is later than the bucket and than what was held', () => {
    const last = books(term(2), 90, { weight: 5000 });
    expect(bestSettings(bucketOf(term(2), 80), last, undefined)).toMatchObject({ from: 'books' });
    expect(bestSettings(bucketOf(term(2), 80), last, books(term(2), 89))).toMatchObject({
      from: 'books',
    });
    expect(bestSettings(NOTHING, last, books(term(2), 95))).toMatchObject({ from: 'memory' });
    expect(bestSettings(bucketOf(term(2), 99), last, books(term(2), 95)).from).toBe('bucket');
  });

  test('is nothing from books in which nobody has led, or to which not everything was put back', () => {
    const unfinished = books(term(9), 100, { isRestored: false });
    const empty = new Replica<ClusterState, Input, Effect>(clusterCore);
    for (const one of [unfinished, empty]) {
      expect(bestSettings(bucketOf(term(1), 1), one, one).from).toBe('bucket');
      expect(bestSettings(NOTHING, one, one)).toMatchObject({ from: 'bucket', items: [] });
    }
  });
});

describe('what a master holds in memory', () => {
  test('is the latest of whole books: those that are lost stay until others are as far', () => {
    const held = new HeldBooks();
    const first = books(term(1), 100);
    held.remember(first);
    // Its journal is gone, and it has read another one, which is empty.
    held.remember(new Replica<ClusterState, Input, Effect>(clusterCore));
    held.remember(books(term(1), 99));
    // Somebody makes new books, and dies over it.
    held.remember(books(term(2), 1, { isRestored: false }));
    expect(held.whole).toBe(first);
    const second = books(term(2), 2);
    held.remember(second);
    held.remember(books(term(1), 500));
    expect(held.whole).toBe(second);
  });

  test('is nothing any more where it turned out to be another state than the leader has', () => {
    const held = new HeldBooks();
    held.remember(books(term(1), 100));
    held.forget();
    expect(held.whole).toBeUndefined();
  });
});
