#!/usr/bin/env node
// Owns recording a journal of this release's rules: a small cluster to which everything happens that can, by chance, from
// one seed. Run it once for each rules version, before the next one is begun; never for a version that was released.
import { JournaledLeader } from '@parley/actor/journaled-leader';
import { MemorySnapshotStore } from '@parley/actor/memory-snapshot-store';
import { Replica } from '@parley/actor/replica';
import { beginSnapshot, writeSnapshot } from '@parley/actor/snapshots';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import { type Choice, RandomInputs } from '@parley/cluster/random-inputs';
import { type Recording, writeRecording } from './recorded-journal.ts';

const ENTRIES = 2600;
const MAX_INPUTS_AN_ENTRY = 4;
const ENTRIES_A_HASH = 25;
const SNAPSHOTS_AT = [600, 1400, 2200];
/** What makes a random input one about revocations: of themselves these are rare. */
const REVOCATION = 65;
const SEED = 20_261_127;

/** Numbers from 0 to 99, the same every time: a linear congruential generator. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * 100);
  };
}

const roll = dice(SEED);
const replica = new Replica<ClusterState, Input, Effect>(clusterCore);
let nonces = 0;
const leader = new JournaledLeader<ClusterState, Input, Effect>({
  replica,
  epoch: { bucketCreatedMs: 1, revision: 1 },
  makeNonce: () => `recorded-${++nonces}`,
});
const inputs = new RandomInputs();
const store = new MemorySnapshotStore();
const recording: Recording = {
  rulesVersion: clusterCore.rulesVersion,
  entries: [],
  hashes: [],
  snapshots: [],
};
let nowMs = 0;
for (let sequence = 1; sequence <= ENTRIES; sequence += 1) {
  nowMs += passedMs();
  const count = 1 + (roll() % MAX_INPUTS_AN_ENTRY);
  for (let made = 0; made < count; made += 1) {
    const kind = roll() % 12 === 0 ? REVOCATION : roll();
    const choice: Choice = [kind, roll(), roll(), roll()];
    orThrow(leader.submit(inputs.make(replica.state, choice)));
  }
  const request = leader.nextAppend({ nowMs, wallTimeMs: 1_790_000_000_000 + nowMs });
  if (request === undefined) throw new Error('an entry is due');
  const { kind } = leader.committed(sequence);
  if (kind !== 'applied') throw new Error(`entry ${sequence} is ${kind}`);
  recording.entries.push(request.bytes);
  if (sequence % ENTRIES_A_HASH === 0) recording.hashes.push({ sequence, hash: replica.hash() });
  if (SNAPSHOTS_AT.includes(sequence)) recording.snapshots.push(await snapshot(sequence));
}
const file = `rules-${clusterCore.rulesVersion}.journal.br`;
process.stdout.write(`${file}: ${writeRecording(file, recording)} bytes\n`);

/** Mostly little, now and then until deadlines are over. */
function passedMs(): number {
  const chance = roll();
  if (chance > 97) return roll() * 300;
  return chance > 90 ? roll() * 10 : roll() % 50;
}

async function snapshot(sequence: number): Promise<Recording['snapshots'][number]> {
  const manifest = orThrow(await writeSnapshot(store, beginSnapshot(replica, 1), () => 0));
  const name = { sequence, writer: store.writer };
  const parts: Uint8Array[] = [];
  for (let part = 0; part < manifest.parts; part += 1) {
    parts.push(orThrow(await store.readPart(name, part)) ?? new Uint8Array());
  }
  const stored = orThrow(await store.readManifest(name));
  return { sequence, manifest: stored?.bytes ?? new Uint8Array(), parts };
}

function orThrow<Value>(
  outcome: { ok: true; value: Value } | { ok: false; failure: { message: string } },
): Value {
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome.value;
}
