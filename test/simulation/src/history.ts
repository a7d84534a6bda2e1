// Owns what the journal of a run has made happen, and the proof that replaying it makes the same happen again,
// from the beginning and from a snapshot taken at any entry.
import { isDeepStrictEqual } from 'node:util';
import type { SnapshotItem } from '@parley/actor/core';
import { Replica } from '@parley/actor/replica';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import { decode, encode } from '@parley/protocol/codec';
import type { Random } from './random.ts';
import type { World } from './world.ts';

type ClusterReplica = Replica<ClusterState, Input, Effect>;
type Snapshot = {
  readonly sequence: number;
  readonly coreTimeMs: number;
  readonly epoch: ClusterReplica['epoch'];
  readonly bytes: Uint8Array;
};

const SNAPSHOT_CHANCE = 0.01;
const MAX_SNAPSHOTS = 5;
const ITEMS_A_SLICE = 3;

export class History {
  readonly #world: World;
  readonly #random: Random;
  /** Effects as the leader of that entry had them, by sequence. */
  readonly effects = new Map<number, readonly Effect[]>();
  readonly #snapshots: Snapshot[] = [];
  #lastHash: { sequence: number; hash: string } | undefined;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.derive('history');
  }

  stepped(sequence: number, effects: readonly Effect[], replica: ClusterReplica): void {
    if (this.#world.journal.lastSequence < sequence)
      throw new Error(`entry ${sequence} was stepped before it was stored`);
    if (this.effects.has(sequence)) throw new Error(`entry ${sequence} was stepped by two leaders`);
    this.effects.set(sequence, effects);
    if (this.#snapshots.length < MAX_SNAPSHOTS && this.#random.chance(SNAPSHOT_CHANCE))
      this.#snapshots.push(takeSnapshot(replica));
    if (sequence % 50 === 0) this.#lastHash = { sequence, hash: replica.hash() };
  }

  /** A replica that begins at one of the snapshots, or at nothing. */
  replicaFromSnapshot(random: Random): ClusterReplica {
    const snapshot =
      this.#snapshots.length > 0 && random.chance(0.7) ? random.pick(this.#snapshots) : undefined;
    return snapshot === undefined ? new Replica(clusterCore) : restore(snapshot);
  }

  /** Replays from the beginning and from every snapshot. Throws where anything differs. Gives all effects of the journal. */
  checkReplay(): Effect[] {
    const whole = this.#replay(new Replica(clusterCore));
    for (const snapshot of this.#snapshots) {
      const part = this.#replay(restore(snapshot));
      if (part.hash !== whole.hash)
        throw new Error(`replay from the snapshot at ${snapshot.sequence} ends in another state`);
      const later = whole.effects.filter(({ sequence }) => sequence > snapshot.sequence);
      if (!isDeepStrictEqual(part.effects, later))
        throw new Error(`replay from the snapshot at ${snapshot.sequence} has other effects`);
    }
    for (const { sequence, effects } of whole.effects) {
      const live = this.effects.get(sequence);
      if (live !== undefined && !isDeepStrictEqual(live, effects)) {
        throw new Error(`replay of entry ${sequence} has other effects than its leader had`);
      }
    }
    return whole.effects.flatMap(({ effects }) => effects);
  }

  #replay(replica: ClusterReplica): {
    hash: string;
    effects: { sequence: number; effects: readonly Effect[] }[];
  } {
    const all = [];
    for (const { sequence, bytes } of this.#world.journal.messages.slice(replica.sequence)) {
      const result = replica.apply(sequence, bytes);
      if (result.kind !== 'applied') throw new Error(`replay: entry ${sequence} is ${result.kind}`);
      all.push({ sequence, effects: result.effects });
      if (this.#lastHash?.sequence === sequence && this.#lastHash.hash !== replica.hash()) {
        throw new Error(`replay: the state after entry ${sequence} differs from its leader's`);
      }
    }
    return { hash: replica.hash(), effects: all };
  }
}

/** Through bytes, as a real one goes, and read in small slices. */
function takeSnapshot(replica: ClusterReplica): Snapshot {
  const reader = clusterCore.snapshot(replica.state);
  const items: SnapshotItem[] = [];
  for (let slice = reader.next(ITEMS_A_SLICE); slice.length > 0; slice = reader.next(ITEMS_A_SLICE))
    items.push(...slice);
  return {
    sequence: replica.sequence,
    coreTimeMs: replica.coreTimeMs,
    epoch: replica.epoch,
    bytes: encode(items),
  };
}

function restore(snapshot: Snapshot): ClusterReplica {
  const items = decode(snapshot.bytes) as SnapshotItem[];
  const { sequence, coreTimeMs, epoch } = snapshot;
  return new Replica(clusterCore, {
    state: clusterCore.restore(items),
    sequence,
    coreTimeMs,
    epoch,
    skips: [],
  });
}
