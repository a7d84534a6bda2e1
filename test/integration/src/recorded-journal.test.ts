// Owns the proof that what earlier releases journalled is stepped as they stepped it: a change of the rules that forgets
// to raise their version ends in another state here.
import { readdirSync } from 'node:fs';
import { decodeEntry } from '@parley/actor/journal-entry';
import { JournaledLeader } from '@parley/actor/journaled-leader';
import { MemorySnapshotStore } from '@parley/actor/memory-snapshot-store';
import { Replica } from '@parley/actor/replica';
import { loadNewestSnapshot } from '@parley/actor/snapshots';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { Input } from '@parley/cluster/inputs';
import { checkInvariants } from '@parley/cluster/invariants';
import { describe, expect, test } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { RECORDED, type Recording, readRecording } from './recorded-journal.ts';

type ClusterReplica = Replica<ClusterState, Input, Effect>;

/** Steps what comes after the replica and compares the state wherever the recording says what it was. */
function stepThrough(replica: ClusterReplica, { entries, hashes }: Recording): number {
  const expected = new Map(hashes.map(({ sequence, hash }) => [sequence, hash]));
  let compared = 0;
  for (const bytes of entries.slice(replica.sequence)) {
    const result = replica.apply(replica.sequence + 1, bytes);
    expect([replica.sequence, result]).toMatchObject([
      replica.sequence,
      { kind: 'applied', skipped: [] },
    ]);
    const hash = expected.get(replica.sequence);
    if (hash === undefined) continue;
    expect([replica.sequence, replica.hash()]).toEqual([replica.sequence, hash]);
    compared += 1;
  }
  return compared;
}

const WANTED = [
  ...['launch', 'launchGroup', 'reserve', 'unreserve', 'createVolume', 'destroyVolume'],
  ...['revocations', 'agentOversubscribed', 'guarantee', 'limit', 'weight'],
  ...['drain', 'deactivate', 'reactivate', 'gone', 'agentSilent', 'frameworkSilent', 'teardown'],
  ...['updates', 'orderAnswered', 'executorExited', 'acknowledgeEvents', 'termStarted'],
];

/** What happens in a recording, by the words of the inputs. */
function happenings({ entries }: Recording): Set<string> {
  const inputs = entries.flatMap((bytes) => succeeded(decodeEntry(bytes)).inputs);
  return new Set(inputs.flatMap((raw) => wordsOf(Input.parse(raw))));
}

function wordsOf(input: Input): string[] {
  if (input.kind !== 'call') return [input.kind];
  const { call } = input;
  switch (call.verb) {
    case 'accept':
      return call.body.operations.map(({ kind }) => kind);
    case 'operatorAgent':
      return [call.body.change];
    case 'operatorSharing':
      return call.body.changes.flatMap((change) => Object.keys(change));
    default:
      return [call.verb];
  }
}

describe.each(readdirSync(RECORDED))('%s', (file) => {
  const recording = readRecording(file);

  test('is stepped from its beginning to the states that its release had', () => {
    const replica: ClusterReplica = new Replica(clusterCore);
    expect(stepThrough(replica, recording)).toBe(recording.hashes.length);
    expect(checkInvariants(replica.state)).toEqual([]);
  });

  test('is stepped from each of its snapshots to the same states', async () => {
    expect(recording.snapshots.length).toBeGreaterThan(1);
    for (const { sequence, manifest, parts } of recording.snapshots) {
      const store = new MemorySnapshotStore();
      const name = { sequence, writer: store.writer };
      for (const [part, bytes] of parts.entries()) await store.writePart(name, part, bytes);
      await store.writeManifest(name, manifest);
      const loaded = succeeded(await loadNewestSnapshot(clusterCore, store));
      if (loaded === undefined) throw new Error(`snapshot ${sequence} is good`);
      const after = recording.hashes.filter((one) => one.sequence > sequence);
      expect(stepThrough(loaded.replica, recording)).toBe(after.length);
    }
  });

  test('is gone on with: under its own rules first, then under the newest', () => {
    const replica: ClusterReplica = new Replica(clusterCore);
    stepThrough(replica, recording);
    let nonces = 0;
    const leader = new JournaledLeader({
      replica,
      epoch: { bucketCreatedMs: 2, revision: 1 },
      makeNonce: () => `later-${++nonces}`,
    });
    const goOn = () => {
      leader.submit({ kind: 'tick' });
      leader.nextAppend({ nowMs: nonces, wallTimeMs: 0 });
      return leader.committed(replica.sequence + 1);
    };
    expect(goOn()).toMatchObject({ kind: 'applied', skipped: [] });
    expect(replica.state.rulesVersion).toBe(recording.rulesVersion);
    leader.raiseRules(clusterCore.rulesVersion);
    expect(goOn()).toMatchObject({ kind: 'applied', skipped: [] });
    expect(replica.state.rulesVersion).toBe(clusterCore.rulesVersion);
    expect(checkInvariants(replica.state)).toEqual([]);
  });

  test('holds what a cluster goes through: launches, groups, reservations, quota, revocations, drains', () => {
    const found = happenings(recording);
    expect(WANTED.filter((what) => !found.has(what))).toEqual([]);
  });
});
