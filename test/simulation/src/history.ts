// Owns the proof that replaying the journal makes the same happen again: replays from snapshots taken at any entry are
// compared with what the witness saw when the entries were stored.
import { isDeepStrictEqual } from 'node:util';
import type { SnapshotItem } from '@parley/actor/core';
import { Replica } from '@parley/actor/replica';
import { decode, encode } from '@parley/protocol/codec';
import type { Random } from './random.ts';
import { type ClusterReplica, replay, type Start, simulatedCore } from './simulated-core.ts';
import type { World } from './world.ts';

type Snapshot = Omit<Start, 'state'> & { readonly bytes: Uint8Array };

const SNAPSHOT_CHANCE = 0.01;
const MAX_SNAPSHOTS = 3;
const ITEMS_A_SLICE = 3;
const ENTRIES_A_HASH = 50;

export class History {
  readonly #world: World;
  readonly #random: Random;
  readonly #snapshots: Snapshot[] = [];
  readonly #hashes = new Map<number, string>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.derive('history');
    world.journal.onStored(({ sequence }) => this.#stepped(sequence));
    world.onRebuilt(() => this.#beginAnew());
  }

  /** The witness has stepped an entry. */
  #stepped(sequence: number): void {
    const { replica } = this.#world.witness;
    if (this.#snapshots.length < MAX_SNAPSHOTS && this.#random.chance(SNAPSHOT_CHANCE))
      this.#snapshots.push(takeSnapshot(replica));
    if (sequence % ENTRIES_A_HASH === 0) this.#hashes.set(sequence, replica.hash());
  }

  /** What was before is in no journal any more. */
  #beginAnew(): void {
    this.#snapshots.length = 0;
    this.#hashes.clear();
  }

  /** Replays from the beginning and from every snapshot. Throws where anything differs. */
  checkReplay(): void {
    const end = this.#world.witness.replica.hash();
    this.#check(undefined, end);
    for (const snapshot of this.#snapshots) this.#check(snapshot, end);
  }

  #check(snapshot: Snapshot | undefined, end: string): void {
    const from = `the replay from ${snapshot?.sequence ?? 0}`;
    const replica = replay(this.#world.journal.messages, {
      makeFirst: () =>
        snapshot === undefined
          ? this.#world.witness.makeFirst()
          : new Replica(simulatedCore, restore(snapshot)),
      onApplied: (sequence, effects, at) => {
        if (!isDeepStrictEqual(this.#world.witness.effectsOf(at.epoch, sequence), effects))
          throw new Error(`${from} has other effects at entry ${sequence}`);
        const hash = this.#hashes.get(sequence);
        if (hash !== undefined && hash !== at.hash())
          throw new Error(
            `${from} is in another state after entry ${sequence} than the witness was`,
          );
      },
    });
    if (replica.hash() !== end) throw new Error(`${from} ends in another state`);
  }
}

/** Through bytes, as a real one goes, and read in small slices. */
function takeSnapshot(replica: ClusterReplica): Snapshot {
  const reader = simulatedCore.snapshot(replica.state);
  const items: SnapshotItem[] = [];
  for (let slice = reader.next(ITEMS_A_SLICE); slice.length > 0; slice = reader.next(ITEMS_A_SLICE))
    items.push(...slice);
  const { sequence, coreTimeMs, epoch, rulesVersion, skips, entryChecksum } = replica;
  return { sequence, coreTimeMs, epoch, rulesVersion, skips, entryChecksum, bytes: encode(items) };
}

function restore({ bytes, ...start }: Snapshot): Start {
  return { ...start, state: simulatedCore.restore(decode(bytes) as SnapshotItem[]) };
}
